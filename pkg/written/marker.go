package written

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// marker says what the files beside it are worth. It is on the disk before the first of them changes.
type marker struct {
	Format      int    `json:"format"`
	Destination string `json:"destination"`
	Salt        salt   `json:"salt"`
	// Boot is the kernel's boot under which the files are open; Clean says that they were closed, and are on the disk.
	Boot  string `json:"boot"`
	Clean bool   `json:"clean"`
	// Owner and Next are names of runs: the files agree with the destination when the last run that wrote is one of them.
	// The bus says Owner until it says Next.
	Owner string `json:"owner"`
	Next  string `json:"next"`
	// Generations count, by resource, how often everything was to be written again.
	Generations map[string]uint64 `json:"generations"`
}

const (
	markerName = "marker.json"
	lockName   = "lock"
)

func newMarker(cfg Config) marker {
	return marker{Format: format, Destination: cfg.Destination, Salt: cmp.Or(cfg.salt, salt(rand.Text())), Generations: map[string]uint64{}}
}

// errDistrusted is why files are not believed; its text is for people.
type errDistrusted string

func (e errDistrusted) Error() string { return string(e) }

// readMarker returns the marker when the files beside it can be believed as far as this machine can tell.
func readMarker(dir, destination, boot string) (marker, error) {
	var m marker
	data, err := os.ReadFile(filepath.Join(dir, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		return m, errDistrusted("it has no marker")
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, errDistrusted("its marker cannot be read")
	}
	switch {
	case m.Format != format:
		return m, errDistrusted("another version has written it")
	case m.Destination != destination:
		return m, errDistrusted("it belongs to another destination")
	case !m.Clean && (m.Boot == "" || m.Boot != boot):
		return m, errDistrusted("the machine went down while it was open")
	}
	if err := checkTable(dir); err != nil {
		return m, errDistrusted("it is damaged: " + err.Error())
	}
	if m.Generations == nil {
		m.Generations = map[string]uint64{}
	}
	return m, nil
}

// store writes the marker and returns when it is on the disk.
func (m marker) store(dir string) error {
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, markerName)
	file, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	return errors.Join(err, syncDir(dir))
}

// wipe empties a folder, the marker first: whatever is left behind by a crash in between is believed by nobody.
func wipe(dir string) error {
	if err := os.Remove(filepath.Join(dir, markerName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); strings.HasPrefix(name, "rows-") || strings.HasPrefix(name, markerName) {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lock keeps other processes, and other Stores of this one, out of a folder. Closing the file gives it free; so does the
// end of the process.
func lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("somebody else has it open: %w", err)
	}
	return file, nil
}

// bootID names the kernel's boot, "" where the system does not say: then only files that were closed are believed.
func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
