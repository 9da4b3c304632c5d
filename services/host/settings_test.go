package host_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/services/host"
)

func TestFindings(t *testing.T) {
	var f host.Findings
	if err := f.Err(); err != nil {
		t.Errorf("nothing was found, and yet %v", err)
	}
	first, second := fault.New(fault.Fatal, "table a is missing: import the solution"), fault.New(fault.Fatal, "column b is missing: add it")
	for _, err := range []error{nil, first, second, fault.New(fault.Fatal, first.Message)} {
		if err := f.Add(err); err != nil {
			t.Errorf("a finding ends the check: %v", err)
		}
	}
	for _, passing := range []error{fault.New(fault.Transient, "no answer"), fault.ThrottledFor(1, "slow down"), errors.New("anything else")} {
		if err := f.Add(passing); !errors.Is(err, passing) {
			t.Errorf("%v is taken for a finding", passing)
		}
	}
	err := f.Err()
	if f.Len() != 3 || !fault.Is(err, fault.Fatal) || fault.Message(err) != "table a is missing: import the solution; column b is missing: add it" {
		t.Errorf("%d findings: %v", f.Len(), err)
	}
	if !errors.Is(err, second) {
		t.Error("the cause is lost")
	}
}

func TestSkips(t *testing.T) {
	var s host.Skips
	if counts := s.Counts(); len(counts) != 0 {
		t.Errorf("a new one counts %v", counts)
	}
	s.Add("twice in one page", 2)
	s.Add("twice in one page", 1)
	s.Add("unknown type", 0)
	s.Add("unknown type", -1)
	before := s.Counts()
	s.Add("unknown type", 1)
	if !maps.Equal(before, map[string]uint64{"twice in one page": 3}) || s.Counts()["unknown type"] != 1 {
		t.Errorf("%v, then %v", before, s.Counts())
	}
}
