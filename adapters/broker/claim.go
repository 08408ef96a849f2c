package broker

import (
	"context"
	"errors"
	"io"

	"culvert/domain"
)

// claim is the one partition of a queue, as held by one member.
type claim struct {
	queue   *queue
	revoked chan struct{} // closed when the queue takes the claim away
	place   int64         // what has been fetched is before it; guarded by queue.mu
}

// Partition implements domain.Claim.
func (c *claim) Partition() int32 { return 0 }

// Fetch implements domain.Claim. Settled messages are left out. What retention took before it could be fetched is a gap that counts what was
// not settled, and settled by that.
func (c *claim) Fetch(ctx context.Context) (domain.Haul, error) {
	for {
		haul, place, err := c.begin()
		if err != nil || haul.Gap != nil {
			return haul, err
		}
		s, err := c.queue.log.take(ctx, c.revoked, place)
		if errors.Is(err, errStopped) || errors.Is(err, errEnded) {
			return domain.Haul{}, io.EOF
		}
		if err != nil {
			return domain.Haul{}, err
		}
		haul, err = c.keep(s)
		if err != nil || haul.Gap != nil || len(haul.Messages) > 0 {
			return haul, err
		}
	}
}

// begin gives the place to fetch from, or the gap at the queue's beginning.
func (c *claim) begin() (haul domain.Haul, place int64, err error) {
	q := c.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.claim != c {
		return domain.Haul{}, 0, io.EOF
	}
	haul.Gap, q.gap = q.gap, nil
	return haul, c.place, nil
}

// keep moves the claim's place over s, and gives of it what is not settled.
func (c *claim) keep(s stretch) (domain.Haul, error) {
	q := c.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.claim != c {
		return domain.Haul{}, io.EOF
	}
	var haul domain.Haul
	if s.gap != nil {
		if open := q.settled.Open(c.place, s.from); open > 0 {
			gap := *s.gap
			if gap.Lost != domain.LostUnknown {
				gap.Lost = open
			}
			haul.Gap = &gap
		}
		q.settled.Add(c.place, s.from)
	}
	haul.Messages = s.messages
	for i, m := range s.messages {
		if !q.settled.Has(m.Offset) {
			continue
		}
		haul.Messages = s.messages[:i:i]
		for _, later := range s.messages[i:] {
			if !q.settled.Has(later.Offset) {
				haul.Messages = append(haul.Messages, later)
			}
		}
		break
	}
	c.place = s.next
	return haul, nil
}

// Settle implements domain.Claim. What was not fetched through this claim cannot be settled by it.
func (c *claim) Settle(offsets ...int64) {
	q := c.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.claim != c {
		return
	}
	for _, o := range offsets {
		if o < c.place {
			q.settled.Add(o, o+1)
		}
	}
}
