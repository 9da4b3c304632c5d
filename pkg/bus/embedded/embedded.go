// Package embedded runs a nats-server inside the process: the bus of the standalone deployment, and of every test.
//
// It promises that what was stored is on the disk when it was confirmed (sync always), that the data lives in a real
// folder (one that vanishes with a restart is refused), that no second server opens the same folder, and that Stop
// returns when the server is gone. With a key file what is stored is encrypted. It is the only package that imports nats-server.
package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/storekey"
)

// Options of a server.
type Options struct {
	// Dir holds the data. It is created when missing.
	Dir string
	// Host and Port to listen on. Port -1 does not listen: only this process reaches the server. Port 0 takes a free one.
	Host string
	Port int
	// AllowTemporary permits a Dir below the system's temporary folder, for tests and benchmarks.
	AllowTemporary bool
	// LazySync leaves syncing to the server's two-minute default, for benchmarks that compare. Never for records.
	LazySync bool
	// KeyFile holds the key that what is stored is encrypted with, one line; empty for none. Data that was stored without a
	// key is encrypted when it is next written; data that was stored with one opens with no other.
	KeyFile string
	Log     *zap.Logger
}

// Server is a running server.
type Server struct {
	server *server.Server
	lock   *os.File
}

// DontListen is the port of a server that only this process reaches.
const DontListen = -1

// Start runs a server and returns when it accepts connections.
func Start(opts Options) (*Server, error) {
	dir, err := checkDir(opts)
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	key, err := storeKey(opts.KeyFile)
	if err == nil {
		err = storekey.Same(dir, key)
	}
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	s, err := start(opts, dir, key)
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return &Server{server: s, lock: lock}, nil
}

func start(opts Options, dir, key string) (*server.Server, error) {
	port := opts.Port
	if port == 0 {
		port = server.RANDOM_PORT
	}
	options := &server.Options{
		ServerName: "causeway",
		Host:       opts.Host,
		Port:       port,
		DontListen: opts.Port == DontListen,
		JetStream:  true,
		StoreDir:   dir,
		SyncAlways: !opts.LazySync,
		NoSigs:     true,
		// A payload holds a row of up to 50 columns; the server's own default of 1 MiB is enough for all but memo fields.
		MaxPayload: 8 << 20,
	}
	if key != "" {
		options.JetStreamKey, options.JetStreamCipher = key, server.AES
	}
	s, err := server.NewServer(options)
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "the embedded NATS server cannot be built")
	}
	if opts.Log != nil {
		s.SetLoggerV2(logger{opts.Log.Named("nats-server").Sugar()}, false, false, false)
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fault.New(fault.Fatal, fmt.Sprintf("the embedded NATS server did not start: is %s:%d taken, or the disk full?", opts.Host, opts.Port))
	}
	return s, nil
}

// checkDir refuses a folder that does not survive a restart: a queue in it would be a lost queue (invariant 1).
func checkDir(opts Options) (string, error) {
	if opts.Dir == "" {
		return "", fault.New(fault.Fatal, "no data folder is given")
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return "", fault.Wrap(fault.Fatal, err, "the data folder cannot be resolved")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fault.Wrap(fault.Fatal, err, "the data folder "+dir+" cannot be created")
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", fault.Wrap(fault.Fatal, err, "the data folder cannot be resolved")
	}
	if !opts.AllowTemporary && temporary(dir) {
		return "", fault.New(fault.Fatal, "the data folder "+dir+" is temporary: records in it would be lost at a restart; choose another")
	}
	return dir, nil
}

// temporary reports whether a folder lies below one that the system empties.
func temporary(dir string) bool {
	for _, root := range []string{os.TempDir(), "/tmp", "/var/tmp", "/dev/shm", "/run"} {
		if resolved, err := filepath.EvalSymlinks(root); err == nil {
			root = resolved
		}
		if rel, err := filepath.Rel(root, dir); err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
			return true
		}
	}
	return false
}

// lockDir keeps a second server, of this process or another, out of the folder.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, "causeway.lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "the data folder "+dir+" cannot be written")
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fault.Wrap(fault.Fatal, err, "another Causeway runs on the data folder "+dir)
		}
		return nil, fault.Wrap(fault.Fatal, err, "the data folder "+dir+" cannot be locked")
	}
	return file, nil
}

// InProcess connects to the server without a socket.
func (s *Server) InProcess() nats.InProcessConnProvider { return s.server }

// URL is where others in this process or on this machine connect.
func (s *Server) URL() string { return s.server.ClientURL() }

// Stop ends the server, in order, and returns when it is gone.
func (s *Server) Stop() {
	s.server.Shutdown()
	s.server.WaitForShutdown()
	_ = s.lock.Close()
}

// logger passes the server's log on: its notices are our debug, its warnings and errors ours.
type logger struct{ log *zap.SugaredLogger }

func (l logger) Noticef(format string, v ...any) { l.log.Debugf(format, v...) }
func (l logger) Warnf(format string, v ...any)   { l.log.Warnf(format, v...) }
func (l logger) Fatalf(format string, v ...any)  { l.log.Errorf(format, v...) }
func (l logger) Errorf(format string, v ...any)  { l.log.Errorf(format, v...) }
func (l logger) Debugf(format string, v ...any)  { l.log.Debugf(format, v...) }
func (l logger) Tracef(string, ...any)           {}
