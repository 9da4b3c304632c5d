package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/causeway-sync/causeway/deploy/sandbox"
	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

const (
	// memoryLimit in MB, for the standalone process with a million records queued.
	memoryLimit = 200
	// growth is how much more memory the largest queue may take than the smallest, or the end of draining than its
	// beginning, before it is not flat any more.
	growth = 1.25
	// slowdown is how much slower a record may be in the largest queue than in the smallest, before it is not linear.
	slowdown = 0.8
)

// footprint is what one size of queue costs a process. Memory is in MB, rates in records a second.
type footprint struct {
	records        int
	fillRate       float64
	queued         float64 // when all records are queued
	drainRate      float64
	earlier, later float64 // the most memory in the first and the second half of draining
	most           float64 // ever, filling included
	drained        int
}

func (f footprint) draining() float64 { return max(f.earlier, f.later) }

// benchMemory measures the standalone process, in a process of its own, with queues of several sizes.
func benchMemory(ctx context.Context, dir string, s sizes) ([]row, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	systems, err := sandbox.Listen(ctx, sandbox.Config{Dynamics: "127.0.0.1:0", Campaign: "127.0.0.1:0"})
	if err != nil {
		return nil, err
	}
	served := make(chan error, 1)
	go func() { served <- systems.Serve(ctx) }()
	defer func() { stop(); <-served }()

	var all []footprint
	for _, n := range s.memory {
		cfg := childConfig{Data: filepath.Join(dir, fmt.Sprint(n)), DynamicsURL: systems.DynamicsConfig().URL, DynamicsTokenURL: systems.DynamicsConfig().TokenURL,
			CampaignURL: systems.CampaignConfig().URL, CampaignTokenURL: systems.CampaignConfig().TokenURL}
		f, err := measureStandalone(ctx, cfg, n, s.drain)
		if err != nil {
			return nil, fmt.Errorf("%d records: %w", n, err)
		}
		all = append(all, f)
	}
	last := s.memory[len(s.memory)-1]
	bare, err := measureBare(ctx, filepath.Join(dir, fmt.Sprint(last)), all[len(all)-1].drained)
	if err != nil {
		return nil, err
	}
	return judge(all, bare), nil
}

// judge makes the rows of what was measured.
func judge(all []footprint, bare float64) []row {
	first, last := all[0], all[len(all)-1]
	queued := row{Name: "resident memory, standalone, " + figure(float64(last.records)) + " records queued", Unit: "MB", Ours: last.queued, Raw: bare,
		Ratio: last.queued / bare, Budget: fmt.Sprintf("< %d MB", memoryLimit), OK: last.queued < memoryLimit,
		How: fmt.Sprintf("VmRSS of a child process right after all were queued over TCP (%.0f MB at most, ever); raw: the embedded server alone, on the same folder, while the same number is drained", last.most)}
	draining := row{Name: "the same while draining", Unit: "MB", Ours: last.draining(), Raw: bare, Ratio: last.draining() / bare,
		Budget: fmt.Sprintf("< %d MB and flat", memoryLimit), OK: last.draining() < memoryLimit && last.later < growth*max(last.earlier, last.queued),
		How: fmt.Sprintf("the most VmRSS while %d records were written to a simulated Campaign: %.0f MB in the first half, %.0f in the second", last.drained, last.earlier, last.later)}
	memory := row{Name: fmt.Sprintf("memory from %s to %s records", figure(float64(first.records)), figure(float64(last.records))), Unit: "MB", Ours: last.queued, Raw: first.queued,
		Ratio: last.queued / first.queued, Budget: fmt.Sprintf("ratio < %.2f or < %d MB", growth, memoryLimit), OK: last.queued < growth*first.queued || last.queued < memoryLimit, How: "raw: the smallest queue; queued and draining: "}
	filling := row{Name: "time to queue a record, the same", Unit: "records/s", Ours: last.fillRate, Raw: first.fillRate, Ratio: last.fillRate / first.fillRate,
		Budget: fmt.Sprintf("ratio >= %.2f", slowdown), OK: last.fillRate >= slowdown*first.fillRate, How: "raw: the smallest queue; "}
	writing := row{Name: "time to write a record, the same", Unit: "records/s", Ours: last.drainRate, Raw: first.drainRate, Ratio: last.drainRate / first.drainRate,
		Budget: fmt.Sprintf("ratio >= %.2f", slowdown), OK: last.drainRate >= slowdown*first.drainRate, How: "raw: the smallest queue; to the simulated Campaign, one insert a record; "}
	for _, f := range all {
		memory.How += fmt.Sprintf("%s: %.0f, %.0f MB; ", figure(float64(f.records)), f.queued, f.draining())
		filling.How += fmt.Sprintf("%s: %s/s; ", figure(float64(f.records)), figure(f.fillRate))
		writing.How += fmt.Sprintf("%s: %s/s; ", figure(float64(f.records)), figure(f.drainRate))
	}
	return []row{queued, draining, memory, filling, writing}
}

// measureStandalone queues n records in a standalone process and lets it write them for a while.
func measureStandalone(ctx context.Context, cfg childConfig, n int, drain time.Duration) (f footprint, err error) {
	c, err := startChild(ctx, cfg)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if err := awaitProvisioned(ctx, c.conn); err != nil {
		return f, err
	}
	began := time.Now()
	if err := fill(ctx, bus.NewQueue(c.conn, workflow.Ingress), n); err != nil {
		return f, err
	}
	f.records, f.fillRate = n, float64(n)/time.Since(began).Seconds()
	if f.queued, _, err = c.memory(); err != nil {
		return f, err
	}
	if _, err := bus.NewCommands(c.conn).Send(ctx, workflow.Command{Workflow: workflow.Ingress, Verb: workflow.Start, By: "bench"}); err != nil {
		return f, err
	}
	return f, f.watch(ctx, c, n, drain)
}

// watch samples a child that drains its queue, from the first record written until all are or the time is up.
func (f *footprint) watch(ctx context.Context, c *child, n int, limit time.Duration) error {
	queues := bus.NewQueues(c.conn)
	var began time.Time
	var samples []float64
	before := 0 // settled when the clock began
	for {
		backlog, err := queues.Backlog(ctx, workflow.Ingress)
		if err != nil {
			return err
		}
		resident, most, err := c.memory()
		if err != nil {
			return err
		}
		settled := n - int(backlog.Total())
		if began.IsZero() && settled > 0 {
			began, before = time.Now(), settled
		}
		if !began.IsZero() {
			samples = append(samples, resident)
		}
		if elapsed := time.Since(began); !began.IsZero() && (settled == n || elapsed > limit) {
			f.drained, f.drainRate, f.most = settled, float64(settled-before)/elapsed.Seconds(), most
			f.earlier, f.later = highest(samples[:len(samples)/2]), highest(samples[len(samples)/2:])
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func highest(samples []float64) float64 {
	most := 0.0
	for _, s := range samples {
		most = max(most, s)
	}
	return most
}

// measureBare is the most memory of the embedded server alone while n records of a folder are fetched and acknowledged.
func measureBare(ctx context.Context, dir string, n int) (most float64, err error) {
	c, err := startChild(ctx, childConfig{Bare: true, Data: dir})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	sampled := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(sampled)
		for {
			if resident, _, err := c.memory(); err == nil {
				most = max(most, resident)
			}
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	_, err = rawFetch(ctx, c.conn, n, false, ackAll)
	close(stop)
	<-sampled
	return most, err
}

// awaitProvisioned waits until the child has set its bus up.
func awaitProvisioned(ctx context.Context, conn *bus.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		err := bus.CheckProvisioned(ctx, conn, workflow.Ingress)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
