package client

import (
	"context"
	"time"
)

// pace spreads messages over time, evenly and without bursts: time that was not used is not made up for. Not for concurrent use.
type pace struct {
	interval time.Duration
	next     time.Time
}

// newPace makes one of so many in a second; 0: it never waits.
func newPace(rate float64) *pace {
	if rate <= 0 {
		return &pace{}
	}
	return &pace{interval: time.Duration(float64(time.Second) / rate)}
}

// grain is how far ahead of its time a message may go, since timers are coarser than fast paces are.
const grain = 10 * time.Millisecond

// wait returns when the next message may go, or ctx ends.
func (p *pace) wait(ctx context.Context) {
	if p.interval == 0 {
		return
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	if early := p.next.Sub(now); early >= grain {
		sleep(ctx, early)
	}
	p.next = p.next.Add(p.interval)
}
