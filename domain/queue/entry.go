package queue

import (
	"time"

	"culvert/domain"
)

// entry is one message of a claim, from the first unsettled one on. It is guarded by its lane's mu.
type entry struct {
	claim    *claim
	line     *line           // the messages of its key; nil where its order is free
	message  *domain.Message // nil once it is settled
	seq      uint64          // the order in which the lane got it
	came     time.Time       // when that was
	attempts int
	phase    phase
	cause    string // why the last lease ended

	holder *member   // who has the lease, while it is leased
	number uint64    // the number of that lease
	since  time.Time // when that lease began

	offered   *ranked[*entry] // where it can be taken from, while it can
	offeredAt int
	due       time.Time // when the lease or the delay ends, or its burial is tried again
	dueAt     int
}

type phase uint8

const (
	waiting phase = iota // to be given
	leased               // at a member
	delayed              // handed back, and not to be given before its time
	dying                // to be published to the dead-letter topic
	burying              // published there, and not confirmed yet or to be tried again
	settled              // the queue is finished with it, or its claim is gone
)

// line is what is to be given of one key, oldest first, and who has what was given. It is guarded by its lane's mu.
//
// Its first message alone may be taken: by anyone while none is leased, else by the member that holds the others. So
// unsettled messages of a key are at one member, and nothing passes one that waits, be it for a delay or its burial. A redelivery may
// step back behind what the same member holds already. A member that let a lease come to its end may hang: it is given no more of the key before it has let go of all of it, and
// then others come first.
type line struct {
	claim   *claim
	key     string
	waiting []*entry // by seq: all that is not leased or settled
	leased  int
	holder  *member // nil where leased is 0
	stuck   bool    // the holder let a lease come to its end
	head    *entry  // the one that is offered, nil where none is
}

// from is since when the message is there, as far as that is known. It is not settled.
func (e *entry) from() time.Time {
	if e.message.Time.IsZero() {
		return e.came
	}
	return e.message.Time
}

// lend lets e's lease begin anew, as far as its holder may keep it.
func (s *settings) lend(e *entry, now time.Time) {
	e.due = now.Add(s.lease)
	if end := e.since.Add(s.maxHold); s.maxHold > 0 && end.Before(e.due) {
		e.due = end
	}
}

func newOffers() *ranked[*entry] {
	return &ranked[*entry]{
		less:  func(a, b *entry) bool { return a.seq < b.seq },
		place: func(e *entry) *int { return &e.offeredAt },
	}
}

func newDeadlines() *ranked[*entry] {
	return &ranked[*entry]{
		less:  func(a, b *entry) bool { return a.due.Before(b.due) },
		place: func(e *entry) *int { return &e.dueAt },
	}
}

func (e *entry) offer(to *ranked[*entry]) {
	e.offered = to
	to.put(e)
}

func (e *entry) withdraw() {
	if e.offered != nil {
		e.offered.remove(e)
		e.offered = nil
	}
}
