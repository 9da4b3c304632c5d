package telemetry

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// Healthcheck asks a process on this machine for /healthz, as the healthcheck subcommand of every binary does. A process
// that serves HTTPS is asked with the file of its certificate, and has to show that one: its name is another than this
// machine's.
func Healthcheck(ctx context.Context, address, certFile string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not an address", address)
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	scheme, client, err := asking(certFile)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New("unhealthy: " + response.Status)
	}
	return nil
}

// asking is the way to ask a process: plainly, or over TLS that shows a certificate.
func asking(certFile string) (scheme string, client *http.Client, err error) {
	if certFile == "" {
		return "http", &http.Client{Transport: &http.Transport{}}, nil
	}
	text, err := os.ReadFile(certFile)
	if err != nil {
		return "", nil, fmt.Errorf("the certificate cannot be read: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return "", nil, fmt.Errorf("%s holds no certificate in PEM", certFile)
	}
	secure := &tls.Config{InsecureSkipVerify: true, // Names and authorities say nothing about a process on this machine.
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 || !bytes.Equal(state.PeerCertificates[0].Raw, block.Bytes) {
				return errors.New("the process shows another certificate")
			}
			return nil
		}}
	return "https", &http.Client{Transport: &http.Transport{TLSClientConfig: secure}}, nil
}
