package inject

import (
	"time"

	"culvert/domain"
)

// grain is how much earlier than due a deadline may be met, so that messages put one after the other share a tick.
const grain = time.Millisecond

// mostLead is the most that lead can be.
const mostLead = 100 * time.Millisecond

// lead is how much earlier than we do the broker gives a message up. It alone knows whether the message has left: then nobody knows the outcome; else the broker has not
// got it, and will not.
func (c Config) lead() time.Duration { return min(c.Timeout/10, mostLead) }

// expire answers every message whose time is up, and sets the timer for the one that is next. It is run by the timer, which is always set to the
// earliest deadline or before it.
func (i *injection) expire() {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Since(i.service.started)
	for _, l := range i.lanes {
		if l.next == nil {
			continue
		}
		i.expireBatch(l.next, now, domain.Unavailable, "the broker took no messages of this topic for %s")
		if l.next.open == 0 {
			l.next.reset()
			i.service.batches.Put(l.next)
			l.next = nil
		}
	}
	next := time.Duration(0)
	for k := len(i.open) - 1; k >= 0; k-- { // from the end: the last one, already seen, takes the place of one that closes
		b := i.open[k]
		i.expireBatch(b, now, domain.Timeout, "the broker did not confirm the message within %s; whether it has it is not known")
		if b.open > 0 && (next == 0 || b.entries[b.first].deadline < next) {
			next = b.entries[b.first].deadline
		}
	}
	for _, l := range i.lanes {
		if l.current != nil && l.current.open == 0 {
			l.abandon() // nobody waits any more for what this Publish has not queued yet
		}
	}
	i.ticking = next > 0
	if i.ticking {
		i.timer.Reset(next - now)
	}
}

// expireBatch answers the messages of b whose time is up. They are its first ones. The caller holds mu.
func (i *injection) expireBatch(b *batch, now time.Duration, code domain.Code, detail string) {
	for b.open > 0 && b.entries[b.first].deadline < now+grain {
		i.decide(b, b.first, domain.Ack{}, domain.Errorf(code, detail, i.service.cfg.Timeout))
	}
}
