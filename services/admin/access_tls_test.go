package admin_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/telemetry"
	"github.com/causeway-sync/causeway/services/admin"
	"github.com/causeway-sync/causeway/services/admin/admission"
)

// issue writes a certificate with a serial number, and its key.
func issue(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "causeway.example"}, DNSNames: []string{"causeway.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(path+".next", pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".next", path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTLS: the pages are served with a certificate, which is renewed while they are, and cookies go over TLS only.
func TestTLS(t *testing.T) {
	certFile, keyFile := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	issue(t, certFile, keyFile, 1)
	g := startGuarded(t, func(c *admin.Config) { c.Access.CertFile, c.Access.KeyFile = certFile, keyFile })
	address := strings.TrimPrefix(g.url, "http://")
	ask := func(method, path, body string) (*http.Response, int64) {
		t.Helper()
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		defer client.CloseIdleConnections()
		request, err := http.NewRequestWithContext(t.Context(), method, "https://"+address+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", formType)
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer, answer.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	answer, serial := ask("POST", "/login", "name=viewer&password="+strings.ReplaceAll(password, " ", "+"))
	if serial != 1 || answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Strict-Transport-Security") == "" {
		t.Fatalf("%d, certificate %d", answer.StatusCode, serial)
	}
	if cookie := answer.Cookies()[0]; cookie.Name != "__Host-causeway" || !cookie.Secure || cookie.Path != "/" || cookie.Domain != "" {
		t.Errorf("cookie %v", cookie)
	}
	if err := telemetry.Healthcheck(t.Context(), address, certFile); err != nil {
		t.Errorf("health: %v", err)
	}
	old := filepath.Join(t.TempDir(), "old.pem")
	text, err := os.ReadFile(certFile)
	if err != nil || os.WriteFile(old, text, 0o600) != nil {
		t.Fatal(err)
	}
	issue(t, certFile, keyFile, 2)
	if _, serial := ask("GET", "/healthz", ""); serial != 2 {
		t.Errorf("after its renewal certificate %d is served", serial)
	}
	if err := telemetry.Healthcheck(t.Context(), address, old); err == nil {
		t.Error("a process that shows another certificate is healthy")
	}
	if err := os.WriteFile(certFile, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, serial := ask("GET", "/healthz", ""); serial != 2 {
		t.Errorf("with a file that is wrong certificate %d is served", serial)
	}
}

func TestACertificateThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for _, a := range []admission.Access{{CertFile: "/nonexistent"}, {KeyFile: "/nonexistent"}, {CertFile: "/dev/null", KeyFile: "/dev/null"}} {
		err := admin.Run(t.Context(), admin.Config{Listen: "127.0.0.1:0", Access: a})
		if !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), "--tls-cert") {
			t.Errorf("%+v: %v", a, err)
		}
	}
}
