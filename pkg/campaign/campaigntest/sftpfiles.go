package campaigntest

import (
	"io"
	"os"
	"path"
	"strings"

	"github.com/pkg/sftp"
)

// rooted serves the files below a folder. A name cannot lead out of it, not even over a link.
type rooted struct{ root *os.Root }

func (s *SFTP) handlers() sftp.Handlers {
	h := rooted{s.home}
	return sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h}
}

// local is the name below the root.
func local(name string) string {
	if name = strings.TrimPrefix(path.Clean("/"+name), "/"); name == "" {
		return "."
	}
	return name
}

// Fileread opens a file.
func (h rooted) Fileread(r *sftp.Request) (io.ReaderAt, error) { return h.root.Open(local(r.Filepath)) }

// Filewrite opens a file for writing, for whoever puts one there by hand.
func (h rooted) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	mode := os.O_WRONLY | os.O_CREATE
	if r.Pflags().Trunc {
		mode |= os.O_TRUNC
	}
	return h.root.OpenFile(local(r.Filepath), mode, 0o644)
}

// Filecmd renames, removes and makes folders.
func (h rooted) Filecmd(r *sftp.Request) error {
	name := local(r.Filepath)
	switch r.Method {
	case "Rename", "PosixRename":
		return h.root.Rename(name, local(r.Target))
	case "Remove", "Rmdir":
		return h.root.Remove(name)
	case "Mkdir":
		return h.root.Mkdir(name, 0o755)
	case "Setstat":
		return nil // times and modes stay as they are
	}
	return sftp.ErrSSHFxOpUnsupported
}

// Filelist lists a folder or describes a file.
func (h rooted) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	name := local(r.Filepath)
	if r.Method == "List" {
		folder, err := h.root.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = folder.Close() }()
		infos, err := folder.Readdir(-1)
		return listed(infos), err
	}
	info, err := h.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	return listed{info}, nil
}

// listed hands out a list piece by piece.
type listed []os.FileInfo

func (l listed) ListAt(into []os.FileInfo, offset int64) (int, error) {
	if offset >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(into, l[offset:])
	if n < len(into) {
		return n, io.EOF
	}
	return n, nil
}
