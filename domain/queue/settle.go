package queue

import (
	"time"

	"culvert/domain"
)

// settlements are offsets that the broker is to be told of when the lane's mu is free.
type settlements []settlement

type settlement struct {
	claim   domain.Claim
	offsets []int64
}

func (s *settlements) add(e *entry) {
	for i := range *s {
		if at := &(*s)[i]; at.claim == e.claim.broker {
			at.offsets = append(at.offsets, e.message.Offset)
			return
		}
	}
	*s = append(*s, settlement{e.claim.broker, []int64{e.message.Offset}})
}

// tell tells the broker and lets go of the lane's mu, which the caller holds.
func (l *lane) tell(s settlements) {
	if len(s) == 0 {
		l.mu.Unlock()
		return
	}
	l.telling.Add(1) // what was settled belongs to a claim, so the lane is not closing yet
	l.mu.Unlock()
	defer l.telling.Done()
	for _, at := range s {
		at.claim.Settle(at.offsets...)
	}
}

// Done implements ports.Settler.
func (m *member) Done(receipts ...string) domain.Settlement {
	var told settlements
	m.lane.mu.Lock()
	answer := m.each(receipts, func(e *entry, _ time.Time) {
		told.add(e)
		m.lane.settle(e)
	})
	answer.Settled = len(receipts) - len(answer.Unknown)
	m.lane.tell(told)
	return answer
}

// DoneUpTo implements ports.Settler. A receipt whose own lease has ended is unknown, and still settles what was given before it.
func (m *member) DoneUpTo(receipt string) domain.Settlement {
	var told settlements
	var answer domain.Settlement
	l := m.lane
	l.mu.Lock()
	number := m.number(receipt)
	if m.leases.get(number) == nil {
		answer.Unknown = []string{receipt}
	}
	for _, e := range m.leases.upto(number) {
		m.stir()
		told.add(e)
		l.settle(e)
		answer.Settled++
	}
	l.dispatch(time.Now())
	l.tell(told)
	return answer
}

// Nack implements ports.Settler.
func (m *member) Nack(delay time.Duration, receipts ...string) domain.Settlement {
	m.lane.mu.Lock()
	defer m.lane.mu.Unlock()
	return m.each(receipts, func(e *entry, now time.Time) { m.lane.putBack(e, delay, "the member handed it back", now) })
}

// Touch implements ports.Settler.
func (m *member) Touch(receipts ...string) domain.Settlement {
	m.lane.mu.Lock()
	defer m.lane.mu.Unlock()
	return m.each(receipts, func(e *entry, now time.Time) {
		m.lane.settings.lend(e, now)
		m.lane.deadlines.put(e)
	})
}

// each does something to the messages whose leases the receipts name, and answers which name none. The caller holds the lane's mu.
func (m *member) each(receipts []string, do func(e *entry, now time.Time)) domain.Settlement {
	var answer domain.Settlement
	now := time.Now()
	for _, receipt := range receipts {
		e := m.leases.get(m.number(receipt))
		if e == nil {
			answer.Unknown = append(answer.Unknown, receipt)
			continue
		}
		m.stir()
		do(e, now)
	}
	m.lane.dispatch(now)
	return answer
}

// stir notes that the member does not hang. The caller holds the lane's mu.
func (m *member) stir() {
	if m.hangs {
		m.hangs = false
		m.lane.seat(m)
	}
}

// number is the lease that receipt names, 0 where the member was not told of such a one.
func (m *member) number(receipt string) uint64 {
	if n := m.leases.number(receipt); n <= m.taken {
		return n
	}
	return 0
}
