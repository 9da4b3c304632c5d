package secrets

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// How long certificates of this authority are good for.
const (
	authorityYears = 10
	serverYears    = 2
)

// serverNames are those of the compose files, and of a port that is published on this machine.
func serverNames() []string {
	return []string{"nats", "nats-1", "nats-2", "nats-3", "localhost", "127.0.0.1", "::1"}
}

// Certificates makes the authority and the servers' certificate, where they are missing, and returns the names of what it
// made. Each goes with its key: without the one or, of the servers, the other both are made anew. A new authority has a new
// certificate of the servers made. An authority's key that is not there is kept elsewhere, which is well until it is needed.
func (f *Folder) Certificates() (made []string, err error) {
	if err := os.MkdirAll(f.Path, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of secrets cannot be made: %w", err)
	}
	err = f.certificates()
	return f.made, err
}

func (f *Folder) certificates() error {
	if !f.has(AuthorityCert) {
		// First of all, so that no certificate of the old authority is left where this is broken off.
		if err := f.remove(ServerCert); err != nil {
			return err
		}
		if err := f.authority(); err != nil {
			return err
		}
	}
	if f.has(ServerCert) && f.has(ServerKey) {
		return f.fits()
	}
	parent, err := tls.LoadX509KeyPair(f.file(AuthorityCert), f.file(AuthorityKey))
	if err != nil {
		return fmt.Errorf("%s and %s, which sign the servers' certificate, cannot be read: put the key back, or remove %s to have both made anew: %w", AuthorityCert, AuthorityKey, AuthorityCert, err)
	}
	template := certificate("nats", serverYears)
	// Servers are clients of each other.
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, name := range append(serverNames(), f.Names...) {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return f.sign(template, parent.Leaf, parent.PrivateKey, ServerCert, ServerKey)
}

// fits refuses a servers' certificate that clients would refuse: one of another authority or another key, one that is out of
// date, or one that is not good for a name that was asked for.
func (f *Folder) fits() error {
	const again = "remove " + ServerCert + " and run again to have it made anew, with all further names (-names), then restart the NATS servers"
	pair, err := tls.LoadX509KeyPair(f.file(ServerCert), f.file(ServerKey))
	if err != nil {
		return fmt.Errorf("%s and %s cannot be used together: %s: %w", ServerCert, ServerKey, again, err)
	}
	text, err := os.ReadFile(f.file(AuthorityCert))
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", AuthorityCert, err)
	}
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	options.Roots.AppendCertsFromPEM(text)
	for _, der := range pair.Certificate[1:] {
		if link, err := x509.ParseCertificate(der); err == nil {
			options.Intermediates.AddCert(link)
		}
	}
	if _, err := pair.Leaf.Verify(options); err != nil {
		return fmt.Errorf("%s is not good by %s: %s: %w", ServerCert, AuthorityCert, again, err)
	}
	for _, name := range f.Names {
		if err := pair.Leaf.VerifyHostname(name); err != nil {
			return fmt.Errorf("%s is not made for %s: %s: %w", ServerCert, name, again, err)
		}
	}
	return nil
}

func (f *Folder) authority() error {
	template := certificate("Causeway trial authority", authorityYears)
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return f.sign(template, template, nil, AuthorityCert, AuthorityKey)
}

func certificate(name string, years int) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: name, Organization: []string{"Causeway"}},
		NotBefore: now.Add(-time.Hour), // Clocks differ.
		NotAfter:  now.AddDate(years, 0, 0),
		KeyUsage:  x509.KeyUsageDigitalSignature,
	}
}

// sign makes a key and a certificate of it, signed by parent's key, or by its own where that is nil. They take the place of
// what is left of the pair before.
func (f *Folder) sign(template, parent *x509.Certificate, parentKey any, certName, keyName string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	if parentKey == nil {
		parentKey = key
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return fmt.Errorf("make a serial number: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return fmt.Errorf("sign %s: %w", certName, err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode %s: %w", keyName, err)
	}
	if err := errors.Join(f.remove(certName), f.remove(keyName)); err != nil {
		return err
	}
	if err := f.write(keyName, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})); err != nil {
		return err
	}
	return f.write(certName, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
