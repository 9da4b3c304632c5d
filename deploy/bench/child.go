package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/deploy/sandbox"
	"github.com/causeway-sync/causeway/deploy/standalone"
	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/embedded"
	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/dynamics"
)

// envChild tells this program that it is a child of itself: a process whose memory is measured. It holds a childConfig.
const envChild = "CAUSEWAY_BENCH_CHILD"

// childConfig is what a child runs: the standalone process as it ships, or the embedded server alone.
type childConfig struct {
	Bare bool
	Data string
	NATS string
	// Where the simulated systems are.
	DynamicsURL, DynamicsTokenURL, CampaignURL, CampaignTokenURL string
}

func (cfg childConfig) standalone() standalone.Config {
	return standalone.Config{Data: cfg.Data, AllowTemporary: true, HTTP: "127.0.0.1:0", NATS: cfg.NATS,
		Dynamics: dynamics.Config{URL: cfg.DynamicsURL, TokenURL: cfg.DynamicsTokenURL, Tenant: sandbox.Tenant, ClientID: sandbox.ClientID, ClientSecret: sandbox.ClientSecret},
		Campaign: campaign.Config{URL: cfg.CampaignURL, TokenURL: cfg.CampaignTokenURL, ClientID: sandbox.ClientID, ClientSecret: sandbox.ClientSecret}}
}

// runChild runs until its input ends, which it does when the parent asks for it or is gone.
func runChild(ctx context.Context) error {
	var cfg childConfig
	if err := json.Unmarshal([]byte(os.Getenv(envChild)), &cfg); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // It ends with the process.
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if !cfg.Bare {
		return standalone.Run(ctx, cfg.standalone())
	}
	host, port, err := net.SplitHostPort(cfg.NATS)
	if err != nil {
		return err
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		return err
	}
	server, err := embedded.Start(embedded.Options{Dir: cfg.Data, Host: host, Port: number, AllowTemporary: true})
	if err != nil {
		return err
	}
	<-ctx.Done()
	server.Stop()
	return nil
}

// child is a running one, with a connection to its bus.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	conn  *bus.Conn
}

func startChild(ctx context.Context, cfg childConfig) (*child, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	cfg.NATS = address
	doc, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.CommandContext(ctx, self)}
	c.cmd.Env = append(os.Environ(), envChild+"="+string(doc))
	c.cmd.Stderr = os.Stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if c.conn, err = bus.Connect(ctx, bus.Options{Name: "bench", URL: "nats://" + address}); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// stop ends the child in order, and by force after 20 s.
func (c *child) stop() error {
	if c.conn != nil {
		c.conn.Close()
	}
	force := time.AfterFunc(20*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer force.Stop()
	_ = c.stdin.Close()
	return c.cmd.Wait()
}

// freeAddress is one that nobody listened on a moment ago.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

const megabyte = 1 << 20

// memory is what the kernel says of a child, in MB: resident now, and the most there ever was.
func (c *child) memory() (resident, most float64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	resident, most = statusMB(string(status), "VmRSS:"), statusMB(string(status), "VmHWM:")
	if resident == 0 || most == 0 {
		return 0, 0, errors.New("the kernel does not say how much memory a process has")
	}
	return resident, most, nil
}

// statusMB reads a line such as "VmRSS:  1234 kB" of /proc/<pid>/status.
func statusMB(status, name string) float64 {
	for line := range strings.Lines(status) {
		rest, found := strings.CutPrefix(line, name)
		if !found {
			continue
		}
		var kilobytes float64
		if _, err := fmt.Sscanf(rest, "%f kB", &kilobytes); err != nil {
			return 0
		}
		return kilobytes * 1024 / megabyte
	}
	return 0
}
