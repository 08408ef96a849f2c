package inject

import (
	"time"

	"culvert/domain"
)

// grain is how much earlier than due a deadline may be met, so that messages put one after the other share a tick.
const grain = time.Millisecond

// expire answers every message whose time is up, and sets the timer for the one that is next. It is run by the timer, which is always set to the
// earliest deadline or before it.
func (i *injection) expire() {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Since(i.service.started)
	for _, l := range i.lanes {
		i.expireBatch(l.next, now, i.neverTaken)
		if l.next != nil && l.next.open == 0 {
			l.next.reset()
			i.service.batches.Put(l.next)
			l.next = nil
		}
		if l.current != nil && l.current.open == 0 {
			l.abandon() // nobody waits for what this Publish has not queued yet
		}
	}
	next := time.Duration(0)
	for k := len(i.open) - 1; k >= 0; k-- { // from the end: a batch that closes is replaced by one already seen
		b := i.open[k]
		i.expireBatch(b, now, i.notConfirmed)
		if b.open > 0 && (next == 0 || b.entries[b.first].deadline < next) {
			next = b.entries[b.first].deadline
		}
	}
	i.ticking = next > 0
	if i.ticking {
		i.timer.Reset(next - now)
	}
}
