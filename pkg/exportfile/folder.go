package exportfile

import (
	"context"
	"io"
	"path"
	"strings"
	"time"

	"github.com/pkg/sftp"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// entry is a file as the folder shows it.
type entry struct {
	name     string
	size     int64
	modified time.Time
}

// folder is where files are. Its errors are of the kinds of Client.explain. A file that was opened may be read until it is
// closed or a read fails.
type folder interface {
	list(ctx context.Context) ([]entry, error)
	open(ctx context.Context, name string) (io.ReadCloser, error)
	// reading runs a step that reads opened files.
	reading(ctx context.Context, name string, step func() error) error
}

// remoteFolder is the folder of a Client.
type remoteFolder struct{ *Client }

func (f remoteFolder) subject() string { return "the folder " + f.cfg.Folder + " of the SFTP server" }

// list are the plain files of the folder, in no order. A folder that is not there, or not for the user, is Fatal.
func (f remoteFolder) list(ctx context.Context) (entries []entry, err error) {
	err = f.do(ctx, f.subject(), func(files *sftp.Client) error {
		infos, err := files.ReadDir(f.cfg.Folder)
		for _, info := range infos {
			if info.Mode().IsRegular() {
				entries = append(entries, entry{info.Name(), info.Size(), info.ModTime().UTC()})
			}
		}
		return err
	})
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, fault.Wrap(fault.Fatal, err, f.subject()+" does not exist; create it, or correct the folder in the settings")
	case fault.Is(err, fault.Rejected):
		return nil, fault.Wrap(fault.Fatal, err, fault.Message(err)+"; let the user list and read it")
	}
	return entries, err
}

func (f remoteFolder) open(ctx context.Context, name string) (file io.ReadCloser, err error) {
	err = f.do(ctx, name, func(files *sftp.Client) error {
		file, err = files.Open(path.Join(f.cfg.Folder, name))
		return err
	})
	return file, err
}

func (f remoteFolder) reading(ctx context.Context, name string, step func() error) error {
	return f.do(ctx, name, func(*sftp.Client) error { return step() })
}

// chosen are the files that a pattern means.
func chosen(pattern string, entries []entry) []entry {
	var all []entry
	for _, e := range entries {
		if fits, err := path.Match(pattern, e.name); err == nil && fits && !strings.HasPrefix(e.name, ".") {
			all = append(all, e)
		}
	}
	return all
}
