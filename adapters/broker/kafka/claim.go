package kafka

import (
	"context"
	"io"
	"sync"

	"github.com/IBM/sarama"

	"culvert/adapters/broker"
	"culvert/domain"
)

const (
	// claimBytes is how much of a claim may wait to be fetched until its partition is paused. What was under way comes on top.
	claimBytes = 4 << 20
	// haulMessages is how much one Fetch brings.
	haulMessages = 500
)

// claim is one partition of a queue. It implements domain.Claim.
type claim struct {
	partition int32
	epoch     domain.Epoch
	gone      chan struct{} // closed when it was revoked
	arrived   chan struct{} // holds a token when there is something to fetch

	mu      sync.Mutex // guards what follows
	gap     *domain.Gap
	waiting []*domain.Message
	bytes   int // of waiting
	settled broker.Settled
	expect  int64 // the offset after the last message that came
	changed bool  // settled has changed since it was marked
	closed  bool
}

func newClaim(partition int32, epoch domain.Epoch) *claim {
	return &claim{partition: partition, epoch: epoch, gone: make(chan struct{}), arrived: make(chan struct{}, 1)}
}

// restore takes over what was committed, as far as the log still has it, which is written up to there. The claim is not shared yet.
func (c *claim) restore(at commit, e domain.Extent, written int64) {
	s, epoch := restore(at.next, at.metadata)
	switch {
	case epoch != 0 && epoch != c.epoch, at.next > max(e.End, written):
		c.gap = &domain.Gap{Reason: domain.GapEpoch, Partition: c.partition, Lost: domain.LostUnknown}
		s = broker.Settled{Next: e.First}
	case at.next < e.First:
		// What was settled beyond the place is no loss.
		c.gap = &domain.Gap{Reason: domain.GapRetention, Partition: c.partition, Lost: s.Open(s.Next, e.First)}
		s.Add(at.next, e.First)
	}
	if c.gap != nil {
		c.arrived <- struct{}{}
	}
	c.settled, c.expect = s, s.Next
}

// Partition implements domain.Claim.
func (c *claim) Partition() int32 { return c.partition }

// Fetch implements domain.Claim.
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
	for _, m := range haul.Messages {
		c.bytes -= m.Size()
	}
	if len(c.waiting) == 0 {
		c.waiting = nil
	}
	return haul, true
}

// push adds a message that was read, unless it is settled, and reports whether enough waits now.
func (c *claim) push(m *sarama.ConsumerMessage) (enough bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Offset > c.expect { // nothing to settle is between: control records, and what was aborted or compacted
		c.settled.Add(c.expect, m.Offset)
		c.changed = true
	}
	c.expect = m.Offset + 1
	if !c.settled.Has(m.Offset) {
		message := messageOf(m.Key, m.Value, m.Headers, m.Timestamp, domain.Position{Partition: c.partition, Offset: m.Offset})
		c.waiting = append(c.waiting, message)
		c.bytes += message.Size()
		select {
		case c.arrived <- struct{}{}:
		default:
		}
	}
	return c.bytes >= claimBytes
}

// hungry reports whether reading may go on.
func (c *claim) hungry() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes < claimBytes/2
}

// Settle implements domain.Claim.
func (c *claim) Settle(offsets ...int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	for _, o := range offsets {
		c.settled.Add(o, o+1)
	}
	c.changed = true
}

// mark makes what was settled ready for the next commit.
func (c *claim) mark(group sarama.ConsumerGroupSession, topic domain.Topic) {
	c.mu.Lock()
	changed := c.changed && !c.closed
	next, metadata := int64(0), ""
	if changed {
		next, metadata = c.settled.Next, metadataOf(c.settled, c.epoch)
		c.changed = false
	}
	c.mu.Unlock()
	if changed {
		reset(group, topic, c.partition, next, metadata)
	}
}

// close makes the claim void. It may be called again.
func (c *claim) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		c.waiting = nil
		close(c.gone)
	}
}
