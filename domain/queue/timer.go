package queue

import (
	"time"

	"culvert/domain"
)

// arm sets the timer to what comes next. A timer that is set too early runs once for nothing, which is cheaper than setting it
// anew with every message that is settled. The caller holds mu.
func (l *lane) arm(now time.Time) {
	next := l.lingers
	if l.deadlines.Len() > 0 && (next.IsZero() || l.deadlines.first().due.Before(next)) {
		next = l.deadlines.first().due
	}
	if next.IsZero() || l.closing || !l.armed.IsZero() && !next.Before(l.armed) {
		return
	}
	l.armed = next
	l.timer.Reset(next.Sub(now))
}

// tick is run by the timer: leases end, delays are over, burials are tried again, and a lane without members closes.
func (l *lane) tick() {
	l.mu.Lock()
	now := time.Now()
	l.armed = time.Time{}
	for l.deadlines.Len() > 0 && !l.deadlines.first().due.After(now) {
		e := l.deadlines.first()
		l.deadlines.remove(e)
		switch e.phase {
		case leased:
			l.expire(e, now)
		case delayed:
			l.revive(e)
		case burying:
			l.bury(e)
		}
	}
	l.dispatch(now)
	if l.lingers.IsZero() || l.lingers.After(now) {
		l.mu.Unlock()
		return
	}
	bye := deserted()
	l.shut(bye)
	l.mu.Unlock()
	l.part(nil, bye)
}

// deserted is why a lane ends that nobody is interested in.
func deserted() *domain.Bye {
	return &domain.Bye{Reason: domain.ByeUnavailable, Reconnect: true, Cause: domain.Errorf(domain.Unavailable, "the queue has no members here")}
}
