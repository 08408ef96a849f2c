package client

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// patience is how long a client waits before its next try: what the bridge asks for, else a random time that grows with each
// failure in a row, so that clients which lost the same bridge do not come back together. Not for concurrent use.
type patience struct {
	growing *backoff.ExponentialBackOff
}

func newPatience() *patience {
	growing := backoff.NewExponentialBackOff()
	growing.InitialInterval = 200 * time.Millisecond
	growing.Multiplier = 2
	growing.MaxInterval = 10 * time.Second
	return &patience{growing}
}

// after gives the wait that err calls for.
func (p *patience) after(err error) time.Duration {
	if wait := asked(err); wait > 0 {
		return wait
	}
	return p.growing.NextBackOff()
}

// reset forgets the failures: something went well.
func (p *patience) reset() { p.growing.Reset() }

// sleep returns when d has passed or ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
