package natsapi

import "testing"

// TestEveryBuildHasAVersionThatNATSAccepts: the library refuses numbers with leading zeros, and with them the whole service.
func TestEveryBuildHasAVersionThatNATSAccepts(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3": "1.2.3", "1.2.3-rc.1+meta": "1.2.3-rc.1+meta", "": "0.0.0-dev", "some branch/2": "0.0.0-some-branch-2", "1a2b3c4": "0.0.0-1a2b3c4",
		"0123456": "0.0.0-g0123456", "v1.2.0-rc.01": "0.0.0-1-2-0-rc-01", "01.2.3": "0.0.0-01-2-3", "0.0.0-20261122154833-2a3837512ab4+dirty": "0.0.0-20261122154833-2a3837512ab4+dirty",
	} {
		if got := semantic(version); got != want {
			t.Errorf("%q becomes %q, want %q", version, got, want)
		}
	}
}
