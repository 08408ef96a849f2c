package ws

import (
	"context"
	"math"
	"sync"
)

// credit is how many messages a subscription may still be sent. The nil credit is without limit.
type credit struct {
	mu    sync.Mutex // guards what follows
	left  int
	added context.CancelFunc // ends the wait for more; nil before there was one
}

// maxCredit bounds what clients can add up to, so that it cannot overflow.
const maxCredit = 1 << 50

func newCredit(n int64) *credit { return &credit{left: int(n)} }

// add gives n more.
func (c *credit) add(n int64) {
	c.mu.Lock()
	c.left = min(c.left+int(n), maxCredit)
	added := c.added
	c.mu.Unlock()
	if added != nil {
		added()
	}
}

// take spends one. There must be one.
func (c *credit) take() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left--
}

// rest is how much there is.
func (c *credit) rest() int {
	if c == nil {
		return math.MaxInt
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left
}

// more is a context that ends when there is some, or with ctx. One waits at a time, and calls stop when it does no more.
func (c *credit) more(ctx context.Context) (more context.Context, stop context.CancelFunc) {
	more, stop = context.WithCancel(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.added = stop
	if c.left > 0 {
		stop()
	}
	return more, stop
}
