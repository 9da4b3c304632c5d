package admission

import (
	"crypto/tls"
	"io/fs"
	"os"
	"sync"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// certificate is a certificate in two files that is read again when it was renewed.
type certificate struct {
	certFile, keyFile string
	log               *zap.Logger

	mu      sync.Mutex
	seen    [2]fs.FileInfo
	current *tls.Certificate
}

// NewTLS is nil where no certificate is set, and fault.Fatal where one cannot be used.
func NewTLS(a Access, log *zap.Logger) (*tls.Config, error) {
	if a.CertFile == "" && a.KeyFile == "" {
		return nil, nil
	}
	c := &certificate{certFile: a.CertFile, keyFile: a.KeyFile, log: log}
	if _, err := c.get(nil); err != nil {
		return nil, fault.Wrap(fault.Fatal, err, "the certificate cannot be used: check --tls-cert and --tls-key (both are needed, in PEM)")
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}, nil
}

// get is the certificate as the files have it now. While they are wrong or missing, the last good one stays in use.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := [2]fs.FileInfo{stat(c.certFile), stat(c.keyFile)}
	if c.current != nil && unchanged(now[0], c.seen[0]) && unchanged(now[1], c.seen[1]) {
		return c.current, nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil && c.current == nil {
		return nil, err
	}
	c.seen = now
	if err != nil {
		c.log.Error("the renewed certificate cannot be used; the one before stays in use", zap.Error(err))
		return c.current, nil
	}
	c.current = &pair
	return c.current, nil
}

func stat(path string) fs.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil // Reading the file says why.
	}
	return info
}

func unchanged(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
