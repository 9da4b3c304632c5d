package backend

import (
	"errors"
	"fmt"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// InvalidConfig makes faults of a configuration an error that says what became of it; another error stays as it is.
func InvalidConfig(err error) error {
	return refused(err, "the configuration has %s and was not stored")
}

// InvalidConnection is InvalidConfig for a connection.
func InvalidConnection(err error) error {
	return refused(err, "the connection has %s and was not stored")
}

// InvalidSettings is InvalidConfig for the settings of the whole installation.
func InvalidSettings(err error) error {
	return refused(err, "the settings have %s and were not stored")
}

// notPreviewed is InvalidConfig for a mapping that was only to be tried.
func notPreviewed(err error) error { return refused(err, "the mapping has %s and cannot be previewed") }

// notTested is InvalidConfig for a connection that was only to be tried.
func notTested(err error) error { return refused(err, "the connection has %s and cannot be tested") }

func refused(err error, sentence string) error {
	var faults config.Faults
	if !errors.As(err, &faults) {
		return err
	}
	count := "one fault"
	if len(faults) != 1 {
		count = Counted(uint64(len(faults)), "fault")
	}
	return fault.Wrap(fault.Invalid, err, fmt.Sprintf(sentence, count))
}
