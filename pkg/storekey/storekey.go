// Package storekey tells whether a key is the one that a data folder of JetStream was encrypted with.
//
// nats-server starts with another key too: it leaves out every stream that it cannot open, and the streams are then made
// anew, empty, in place of what was stored. This package promises that this does not go unnoticed: a mark of the first key
// is kept in the folder, and every later key is held against it. The mark says nothing of the key.
package storekey

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Mark is the file in the data folder that a key is held against.
const Mark = "causeway.keymark"

// Same refuses another key than the data's, or none (""), and leaves the mark of the first key.
func Same(dir, key string) error {
	mark, err := os.ReadFile(filepath.Join(dir, Mark))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if key == "" {
			return nil
		}
		if err := leave(dir, markOf(key)); err != nil {
			return fault.Wrap(fault.Fatal, err, "the data folder "+dir+" cannot be written")
		}
		return nil
	case err != nil:
		return fault.Wrap(fault.Fatal, err, "the data folder "+dir+" cannot be read")
	case key == "":
		return fault.New(fault.Fatal, "the data in "+dir+" is encrypted: give the key file that it was stored with")
	case !hmac.Equal(mark, []byte(markOf(key))):
		return fault.New(fault.Fatal, "the data in "+dir+" was stored with another key: give the key file that it was stored with")
	}
	return nil
}

// leave writes the mark in one step: half a mark would refuse the right key.
func leave(dir, mark string) error {
	file, err := os.CreateTemp(dir, Mark+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.WriteString(mark)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), filepath.Join(dir, Mark))
}

func markOf(key string) string {
	sum := hmac.New(sha256.New, []byte(key))
	sum.Write([]byte("causeway store key"))
	return hex.EncodeToString(sum.Sum(nil)) + "\n"
}

// confLine is the key in a file that nats-server's configuration includes.
var confLine = regexp.MustCompile(`(?m)^[ \t]*key[ \t]*[:=]?[ \t]*"([^"\n]+)"[ \t;,]*(?:(?:#|//).*)?$`)

// SameConf is Same with the key of a file that holds a line key: "..." of nats-server's configuration. No file is no key.
func SameConf(dir, conf string) error {
	text, err := os.ReadFile(conf)
	if errors.Is(err, fs.ErrNotExist) {
		return Same(dir, "")
	}
	if err != nil {
		return fault.Wrap(fault.Fatal, err, "the key of what is stored cannot be read from "+conf)
	}
	found := confLine.FindAllSubmatch(text, -1)
	if len(found) != 1 {
		return fault.New(fault.Fatal, "the key file "+conf+` does not hold one line key: "..."`)
	}
	return Same(dir, string(found[0][1]))
}
