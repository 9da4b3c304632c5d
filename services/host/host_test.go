package host_test

import (
	"context"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/bus/bustest"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/host"
)

// TestAStopDuringTheStartIsNoError, whatever the start is waiting for.
func TestAStopDuringTheStartIsNoError(t *testing.T) {
	empty := bustest.Server(t, "")
	for name, options := range map[string]bus.Options{"for a server": {URL: "nats://127.0.0.1:1"}, "for the bus to be set up": {InProcess: empty.InProcess()}} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			core, _ := observer.New(zap.WarnLevel)
			log := zap.New(core, zap.Hooks(func(e zapcore.Entry) error {
				if strings.Contains(e.Message, "waiting for the bus") {
					stop()
				}
				return nil
			}))
			if options.InProcess == nil {
				stop()
			}
			if err := host.Serve(ctx, host.Config{Workflow: workflow.Ingress, NATS: options, Log: log}, nil); err != nil {
				t.Errorf("the stop ended it with %v", err)
			}
		})
	}
}
