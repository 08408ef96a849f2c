package queue

import (
	"context"
	"errors"
	"io"
	"time"

	"culvert/domain"
)

// claim is one partition that the broker has given to the lane, and what it holds of it. All but broker and room are guarded by
// the lane's mu.
type claim struct {
	broker domain.Claim
	room   chan struct{} // wakes the fetching goroutine: there may be room
	cancel context.CancelFunc

	gone    bool
	entries []*entry // from the first unsettled one on
	bytes   int      // what the unsettled ones hold
	lines   map[string]*line
}

// fetch brings messages into the lane as long as the window has room. It ends when the claim is revoked or ctx ends, and with an
// error that the broker should not have.
func (l *lane) fetch(ctx context.Context, c *claim) error {
	for l.wait(ctx, c) {
		haul, err := c.broker.Fetch(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if haul.Gap != nil {
			l.announce(c, haul.Gap)
		}
		for rest := haul.Messages; len(rest) > 0; {
			if !l.wait(ctx, c) {
				return nil
			}
			rest = rest[l.admit(c, rest):]
		}
	}
	return nil
}

// wait returns true when the claim's window has room, false when ctx ended.
func (l *lane) wait(ctx context.Context, c *claim) bool {
	for {
		l.mu.Lock()
		free := c.free(l.settings)
		l.mu.Unlock()
		if free > 0 {
			return ctx.Err() == nil
		}
		select {
		case <-c.room:
		case <-ctx.Done():
			return false
		}
	}
}

// free is how many messages the window has room for.
func (c *claim) free(s settings) int {
	if c.bytes >= s.windowBytes {
		return 0
	}
	return s.window - len(c.entries)
}

// admit takes as many of the messages as the window has room for, and gives them to those who ask. It returns their number. What was sent back to another queue is settled.
func (l *lane) admit(c *claim, messages []*domain.Message) int {
	l.mu.Lock()
	var told settlements
	defer func() { l.tell(told) }()
	if c.gone {
		return len(messages)
	}
	messages = messages[:min(c.free(l.settings), len(messages))]
	made, now := make([]entry, len(messages)), time.Now()
	for i, m := range messages {
		l.seq++
		made[i] = entry{claim: c, message: m, seq: l.seq, came: now}
		if l.name.elsewhere(m) {
			told.add(&made[i])
			continue
		}
		l.append(c, &made[i])
	}
	l.dispatch(now)
	return len(messages)
}

func (l *lane) append(c *claim, e *entry) {
	c.entries = append(c.entries, e)
	c.bytes += e.message.Size()
	if l.settings.order == domain.OrderNone || e.message.Key == nil {
		e.offer(l.ready)
		return
	}
	e.line = c.lines[string(e.message.Key)]
	if e.line == nil {
		e.line = &line{claim: c, key: string(e.message.Key)}
		c.lines[e.line.key] = e.line
	}
	e.line.waiting = append(e.line.waiting, e)
	l.place(e.line)
}

// trim lets the window begin at the first unsettled message.
func (c *claim) trim() {
	for len(c.entries) > 0 && c.entries[0].phase == settled {
		c.entries[0] = nil
		c.entries = c.entries[1:]
	}
	select {
	case c.room <- struct{}{}:
	default:
	}
}

// void takes everything of a claim away from whoever has it: it was revoked, or the membership is over. Its leases end, and settling
// does nothing any more.
func (l *lane) void(c *claim) {
	c.gone = true
	c.cancel()
	for _, e := range c.entries {
		e.withdraw()
		if e.phase == leased {
			l.release(e)
		}
		l.deadlines.remove(e)
		e.phase, e.message = settled, nil
	}
	c.entries, c.lines, c.bytes = nil, nil, 0
	delete(l.claims, c.broker)
}
