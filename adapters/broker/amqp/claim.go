package amqp

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/adapters/broker"
	"culvert/domain"
)

// haulMessages is how much one Fetch brings.
const haulMessages = 500

// claim is the one partition of a queue, as one channel of the server's gives it. It implements domain.Claim. The offset of a message is its delivery tag, by which the
// channel counts from 1 what it gives.
type claim struct {
	gone    chan struct{} // closed when it was revoked
	arrived chan struct{} // holds a token when there is something to fetch
	news    chan struct{} // holds a token when something was settled

	mu       sync.Mutex // guards what follows
	gap      *domain.Gap
	waiting  []*domain.Message
	last     int64 // the tag of the last message that came
	settled  broker.Settled
	untold   []int64 // what was settled and the server was not told of
	arrivals []arrival
	closed   bool
}

// arrival says that the messages from tag on came at a time, or somewhat later.
type arrival struct {
	tag int64
	at  time.Time
}

func newClaim(gap *domain.Gap) *claim {
	c := &claim{gone: make(chan struct{}), arrived: make(chan struct{}, 1), news: make(chan struct{}, 1), gap: gap}
	c.settled.Next = 1
	if gap != nil {
		c.arrived <- struct{}{}
	}
	return c
}

// Partition implements domain.Claim.
func (c *claim) Partition() int32 { return 0 }

// Fetch implements domain.Claim. The server sends as much as the prefetch allows to be unsettled.
func (c *claim) Fetch(ctx context.Context) (domain.Haul, error) {
	for {
		if haul, ok := c.take(); ok {
			return haul, nil
		}
		select {
		case <-c.arrived:
		case <-c.gone:
			return domain.Haul{}, io.EOF
		case <-ctx.Done():
			return domain.Haul{}, ctx.Err()
		}
	}
}

// take gives what waits, if anything.
func (c *claim) take() (domain.Haul, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.gap == nil && len(c.waiting) == 0 {
		return domain.Haul{}, false
	}
	n := min(len(c.waiting), haulMessages)
	haul := domain.Haul{Gap: c.gap, Messages: c.waiting[:n:n]}
	c.gap, c.waiting = nil, c.waiting[n:]
	if len(c.waiting) == 0 {
		c.waiting = nil
	}
	return haul, true
}

// push adds what was delivered. Times are told apart where they are further apart than grain.
func (c *claim) push(d *amqp091.Delivery, now time.Time, grain time.Duration) {
	m := decode(d)
	m.Position = domain.Position{Partition: domain.NoPartition, Offset: int64(d.DeliveryTag)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = m.Offset
	c.waiting = append(c.waiting, m)
	if n := len(c.arrivals); n == 0 || now.Sub(c.arrivals[n-1].at) > grain {
		c.arrivals = append(c.arrivals, arrival{m.Offset, now})
	}
	signal(c.arrived)
}

// Settle implements domain.Claim. Other than the log of a broker that has one, the server keeps each message by itself.
func (c *claim) Settle(offsets ...int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	for _, o := range offsets {
		if o <= c.last && !c.settled.Has(o) {
			c.settled.Add(o, o+1)
			c.untold = append(c.untold, o)
		}
	}
	if len(c.untold) > 0 {
		signal(c.news)
	}
}

// told gives what the server is to be told: all up to a tag, where that is not 0, and some beyond it. The tag itself was not told before, since
// the server does not know a tag any more that it was told.
func (c *claim) told() (upto int64, beyond []int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.untold)
	i, _ := slices.BinarySearch(c.untold, c.settled.Next)
	if i > 0 {
		upto = c.untold[i-1]
	}
	beyond, c.untold = c.untold[i:], nil
	return upto, beyond
}

// oldest is when the first unsettled message came, or somewhat before that; false where all are settled.
func (c *claim) oldest() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.arrivals) > 1 && c.arrivals[1].tag <= c.settled.Next {
		c.arrivals = c.arrivals[1:]
	}
	if c.settled.Next > c.last {
		c.arrivals = nil
		return time.Time{}, false
	}
	return c.arrivals[0].at, true
}

// began reports whether a message has come.
func (c *claim) began() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last > 0
}

// close makes the claim void, and gives the gap that nobody fetched. It may be called again.
func (c *claim) close() *domain.Gap {
	c.mu.Lock()
	defer c.mu.Unlock()
	gap := c.gap
	if !c.closed {
		c.closed = true
		c.waiting, c.gap = nil, nil
		close(c.gone)
	}
	return gap
}

// signal leaves a token, where there is none yet.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
