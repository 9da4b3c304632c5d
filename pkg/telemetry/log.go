// Package telemetry is how a process shows itself: its log, its metrics and its probes.
//
// It promises structured logs with stable keys, metrics in base units under the prefix causeway_, and three probes:
// /healthz (the process and its bus live), /readyz (it can serve), /metrics. A workflow that FAILED is not an unready
// process: its status is in the body of /readyz, and restarting the process would not mend it.
//
// Callers keep personal data and secrets out of messages, fields and labels (invariant 9).
package telemetry

import (
	"fmt"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewLogger logs JSON lines to standard error, or plain lines where a person watches. Level is debug, info, warn or
// error.
func NewLogger(level string, plain bool) (*zap.Logger, error) {
	at, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("log level %q: use debug, info, warn or error", level)
	}
	encoding := zap.NewProductionEncoderConfig()
	encoding.TimeKey, encoding.EncodeTime = "time", zapcore.RFC3339TimeEncoder
	encoding.MessageKey = "message"
	encoder := zapcore.NewJSONEncoder(encoding)
	if plain {
		encoding.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(encoding)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(os.Stderr), at)), nil
}
