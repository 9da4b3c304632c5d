package access

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// largestFile bounds a users file; 1 MB is some ten thousand users.
const largestFile = 1 << 20

// File is a users file that is followed. Replace it by renaming another over it: a file that is written in place can be
// read half.
type File struct {
	path string
	log  *zap.Logger

	mu    sync.Mutex
	seen  fs.FileInfo // nil: to be read in any case
	fault string      // what was last told of it
	users *Users
}

// OpenFile reads a users file for the first time. It is fault.Fatal when the file is missing, wrong, or can be changed by
// others than its owner. A file that others can read is used, and told.
func OpenFile(path string, log *zap.Logger) (*File, error) {
	f := &File{path: path, log: log}
	info, users, err := f.read()
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "the users file cannot be used: "+fault.Message(err))
	}
	f.seen, f.users = info, users
	f.warn(info, users)
	return f, nil
}

// Users is what the file says now. While it is wrong or missing, what it said before stays in force.
func (f *File) Users() *Users {
	f.mu.Lock()
	defer f.mu.Unlock()
	if info, err := os.Stat(f.path); err == nil && f.seen != nil && same(info, f.seen) {
		return f.users
	}
	info, users, err := f.read()
	if err != nil {
		f.complainLocked(err)
		return f.users
	}
	f.seen, f.users, f.fault = info, users, ""
	f.warn(info, users)
	f.log.Info("the users file has changed and is in force", zap.Int("people", len(users.people)), zap.Int("tokens", len(users.tokens)))
	return f.users
}

// complainLocked tells a fault of the file once.
func (f *File) complainLocked(err error) {
	f.seen = nil
	if message := fault.Message(err); message != f.fault {
		f.fault = message
		f.log.Error("the users file cannot be used; what it said before stays in force", zap.String("why", message))
	}
}

// read takes the file as it is, unless it changes meanwhile.
func (f *File) read() (fs.FileInfo, *Users, error) {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fault.Wrap(fault.Invalid, err, f.path+" does not exist")
	} else if err != nil {
		return nil, nil, fault.Wrap(fault.Invalid, err, f.path+" cannot be opened")
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return nil, nil, fault.Wrap(fault.Invalid, err, f.path+" cannot be read")
	}
	if loose := before.Mode().Perm() & 0o022; loose != 0 {
		return nil, nil, fault.New(fault.Invalid, fmt.Sprintf("%s can be changed by others than its owner (%#o): chmod 600 it", f.path, before.Mode().Perm()))
	}
	text, err := io.ReadAll(io.LimitReader(file, largestFile+1))
	if err != nil {
		return nil, nil, fault.Wrap(fault.Invalid, err, f.path+" cannot be read")
	}
	if len(text) > largestFile {
		return nil, nil, fault.New(fault.Invalid, f.path+" is larger than 1 MB")
	}
	if after, err := file.Stat(); err != nil || !same(before, after) {
		return nil, nil, fault.New(fault.Invalid, f.path+" is being written")
	}
	users, err := ParseUsers(text)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Invalid, err, f.path+": "+fault.Message(err))
	}
	return before, users, nil
}

// warn tells what is allowed and not good.
func (f *File) warn(info fs.FileInfo, users *Users) {
	if info.Mode().Perm()&0o044 != 0 {
		f.log.Warn("the users file can be read by others than its owner, who can try passwords against it: chmod 600 it")
	}
	if len(users.weak) > 0 {
		f.log.Warn(`some bcrypt hashes are cheap to guess against: make them anew with "admin hash-password"`, zap.Ints("lines", users.weak))
	}
}

func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}
