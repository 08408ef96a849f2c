package queue

import (
	"slices"
	"time"
)

// What is in this file moves messages between those that wait and those that are leased. All of it is called with the lane's mu
// held, and nothing of it blocks.

// dispatch gives what can be given to the members that ask: of those with room the one that has least, or waits longest, and before all that seem to hang. It
// is called after every change that may have made a message or a member ready.
func (l *lane) dispatch(now time.Time) {
	for !l.quiet {
		own, m := l.ownOffer()
		switch {
		case l.ready.Len() > 0 && l.askers.Len() > 0 && (own == nil || l.ready.first().seq < own.seq):
			l.give(l.askers.first(), l.ready.first(), now)
		case own != nil:
			l.give(m, own, now)
		default:
			l.arm(now)
			return
		}
	}
	l.arm(now)
}

// ownOffer is the next message that only the member beside it may take, and which it asks for; nil where there is none.
func (l *lane) ownOffer() (*entry, *member) {
	for len(l.keepers) > 0 {
		m := l.keepers[len(l.keepers)-1]
		if m.own.Len() > 0 && m.hungry() {
			return m.own.first(), m
		}
		m.keeper = false
		l.keepers = l.keepers[:len(l.keepers)-1]
	}
	return nil, nil
}

// seat enters m among those who ask, at the place that is its own now, or takes it out.
func (l *lane) seat(m *member) {
	if !m.hungry() {
		l.askers.remove(m)
		return
	}
	l.askers.put(m)
	if m.own.Len() > 0 && !m.keeper {
		m.keeper = true
		l.keepers = append(l.keepers, m)
	}
}

// give leases e to m.
func (l *lane) give(m *member, e *entry, now time.Time) {
	e.withdraw()
	e.phase, e.holder, e.number = leased, m, m.leases.add(e)
	e.attempts++
	e.since = now
	l.settings.lend(e, now)
	l.deadlines.put(e)
	l.leased++
	m.parcel = append(m.parcel, lease{e.number, e})
	if n := e.line; n != nil {
		n.waiting[0] = nil
		n.waiting, n.head = n.waiting[1:], nil
		n.holder = m
		n.leased++
		l.place(n)
	}
	l.seat(m)
	m.wakeUp()
}

// release ends the lease of e and leaves it to the caller what becomes of it.
func (l *lane) release(e *entry) {
	m := e.holder
	m.leases.end(e.number)
	if e.number > m.taken {
		m.drop(e.number)
	}
	e.holder = nil
	l.deadlines.remove(e)
	l.leased--
	if l.leased == 0 && l.quiet {
		close(l.idle)
	}
	if e.line != nil {
		e.line.leased--
		if e.line.leased == 0 {
			e.line.holder, e.line.stuck = nil, false
		}
	}
	l.seat(m)
}

// settle finishes e, which is leased, dying or burying.
func (l *lane) settle(e *entry) {
	if e.phase == leased {
		l.release(e)
	} else if n := e.line; n != nil {
		i, _ := n.find(e)
		n.waiting = slices.Delete(n.waiting, i, i+1)
	}
	l.deadlines.remove(e)
	if e.line != nil {
		l.place(e.line)
	}
	e.claim.bytes -= e.message.Size()
	e.phase, e.message = settled, nil
	e.claim.trim()
}

// expire ends a lease that has come to its end. Its holder seems to hang until it says something of a lease.
func (l *lane) expire(e *entry, now time.Time) {
	l.tally.expired.Add(1)
	e.holder.hangs = true
	if e.line != nil {
		e.line.stuck = true
	}
	l.putBack(e, 0, "the lease ended", now)
}

// putBack ends the lease of e, to be given again after the delay, or buried where it was tried often enough. cause says why.
func (l *lane) putBack(e *entry, delay time.Duration, cause string, now time.Time) {
	if e.number > e.holder.taken {
		e.attempts-- // the member never saw it
	}
	l.release(e)
	e.cause = cause
	switch {
	case l.settings.maxAttempts > 0 && e.attempts >= l.settings.maxAttempts:
		l.bury(e)
	case delay > 0:
		e.phase = delayed
		e.due = now.Add(delay)
		l.deadlines.put(e)
	default:
		e.phase = waiting
	}
	if n := e.line; n != nil {
		i, _ := n.find(e)
		n.waiting = slices.Insert(n.waiting, i, e)
		l.place(n)
	} else if e.phase == waiting {
		e.offer(l.ready)
	}
}

// revive makes a message whose delay is over ready again.
func (l *lane) revive(e *entry) {
	e.phase = waiting
	if e.line != nil {
		l.place(e.line)
	} else {
		e.offer(l.ready)
	}
}

// place offers the first message of a key to those who may take it, and forgets a key of which there is nothing.
func (l *lane) place(n *line) {
	if n.head != nil {
		n.head.withdraw()
		n.head = nil
	}
	if len(n.waiting) == 0 {
		if n.leased == 0 {
			delete(n.claim.lines, n.key)
		}
		return
	}
	first := n.waiting[0]
	switch {
	case first.phase != waiting || n.stuck:
	case n.holder == nil:
		n.head = first
		first.offer(l.ready)
	default:
		n.head = first
		first.offer(n.holder.own)
		l.seat(n.holder)
	}
}

func (n *line) find(e *entry) (int, bool) {
	return slices.BinarySearchFunc(n.waiting, e.seq, func(x *entry, seq uint64) int {
		switch {
		case x.seq < seq:
			return -1
		case x.seq > seq:
			return 1
		}
		return 0
	})
}
