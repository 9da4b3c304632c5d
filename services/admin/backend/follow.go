package backend

import (
	"context"
	"time"
)

// liveEvery is how long a live stream is silent at most.
const liveEvery = 2 * time.Second

// Follow calls tell at once, at every change, and at least every two seconds, until tell fails (the reader is gone), ctx
// ends or the service closes.
func (s *Service) Follow(ctx context.Context, closing <-chan struct{}, tell func() error) {
	changes, cancel := s.monitor.Subscribe()
	defer cancel()
	silence := time.NewTicker(liveEvery)
	defer silence.Stop()
	for tell() == nil {
		silence.Reset(liveEvery)
		select {
		case <-ctx.Done():
			return
		case <-closing:
			return
		case <-changes:
		case <-silence.C:
		}
	}
}
