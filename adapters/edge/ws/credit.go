package ws

import "sync"

// credit is how many messages a subscription may still be sent. The nil credit is without limit.
type credit struct {
	mu   sync.Mutex // guards left
	left int64

	added chan struct{} // holds a value after credit was added
}

// maxCredit bounds what clients can add up to, so that it cannot overflow.
const maxCredit = 1 << 50

func newCredit(n int64) *credit {
	return &credit{left: n, added: make(chan struct{}, 1)}
}

// add gives n more.
func (c *credit) add(n int64) {
	c.mu.Lock()
	c.left = min(c.left+n, maxCredit)
	c.mu.Unlock()
	select {
	case c.added <- struct{}{}:
	default:
	}
}

// take spends one, and reports whether there was one.
func (c *credit) take() bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		return false
	}
	c.left--
	return true
}

// some reports whether there is any.
func (c *credit) some() bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left > 0
}
