package sandbox

import (
	"context"
	"errors"
	"net/http"
	"os"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
	"github.com/causeway-sync/causeway/pkg/exportfile"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// files is the simulated Campaign's SFTP server; its zero value serves nothing.
type files struct {
	server *campaigntest.SFTP
	forget string // a folder that was made for this life only
}

// serveFiles makes the server's folder and keys, and listens.
func serveFiles(ctx context.Context, cfg Config) (files, error) {
	var f files
	if cfg.SFTP == "" {
		return f, nil
	}
	dir := cfg.Files
	var err error
	if dir == "" {
		if dir, err = os.MkdirTemp("", "causeway-sandbox-"); err != nil {
			return f, fault.Wrap(fault.Fatal, err, "the simulated SFTP server has no place for its files")
		}
		f.forget = dir
	}
	listener, err := listen(ctx, cfg.SFTP, "SFTP server")
	if err != nil {
		return f, errors.Join(err, f.close())
	}
	if f.server, err = campaigntest.NewSFTP(dir, listener); err != nil {
		return f, errors.Join(fault.Wrap(fault.Fatal, err, "the simulated SFTP server cannot keep its files in "+dir), listener.Close(), f.close())
	}
	return f, nil
}

// exports is the folder of the export files on this machine, empty where nothing is served.
func (f files) exports() string {
	if f.server == nil {
		return ""
	}
	return f.server.Exports()
}

func (f files) close() error {
	var errs []error
	if f.server != nil {
		errs = append(errs, f.server.Close())
	}
	if f.forget != "" {
		errs = append(errs, os.RemoveAll(f.forget))
	}
	return errors.Join(errs...)
}

// SFTP is the simulated Campaign's file server, to make things go wrong; nil where none is served.
func (s *Sandbox) SFTP() *campaigntest.SFTP { return s.files.server }

// SFTPConfig is how a client reaches the simulated Campaign's files; empty where none are served.
func (s *Sandbox) SFTPConfig() exportfile.Config {
	server := s.files.server
	if server == nil {
		return exportfile.Config{}
	}
	return exportfile.Config{Addr: server.Addr(), User: campaigntest.SFTPUser, Key: server.ClientKey(), HostKey: server.HostKey(), Folder: campaigntest.ExportFolder}
}

// sayFiles tells the curious how to look at the files.
func (s *Sandbox) sayFiles() {
	if server := s.files.server; server != nil {
		s.cfg.Log.Info("the sandbox serves export files", zap.String("sftp", server.Addr()), zap.String("user", campaigntest.SFTPUser),
			zap.String("key", server.ClientKeyFile()), zap.String("hostKey", server.HostKey()), zap.String("folder", campaigntest.ExportFolder))
	}
}

// beside serves /_sandbox/sftp beside a handler.
func (f files) beside(handler http.Handler) http.Handler {
	if f.server == nil {
		return handler
	}
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.Handle("/_sandbox/sftp", f.server)
	return mux
}
