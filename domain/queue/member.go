package queue

import (
	"context"
	"slices"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// member is one client's part in a lane. All but what Next alone uses is guarded by the lane's mu.
type member struct {
	lane   *lane
	stream string
	ready  domain.Membership
	max    int
	unhook func() bool   // stops listening for the end of the member's lifetime
	wake   chan struct{} // wakes Next

	leases leases
	own    *ranked[*entry] // what only this member may take, as it holds others of the key
	parcel []lease         // what was given and Next has not returned
	taken  uint64          // the last lease that Next has returned
	gaps   holes           // to be told
	told   int             // the assigned partitions that the client knows of
	end    error           // what ended the member, nil while it lives
	asking bool            // Next waits
	most   int             // how many messages it wants
	asked  uint64          // when it began to, by the lane's count
	seat   int             // its place among the askers
	hangs  bool            // it let a lease come to its end, and has said nothing of any since
	keeper bool            // it is among the lane's keepers

	heartbeat time.Duration
	beat      *time.Timer    // used by Next alone, as is the rest
	events    []domain.Event // what Next returned last
	numbers   []uint64       // the leases of their messages
}

var _ ports.Member = (*member)(nil)

func newMember(l *lane, j ports.Join) *member {
	const streamBytes, prefixBytes = 16, 6
	m := &member{
		lane: l, stream: "s_" + token(streamBytes), max: j.MaxInFlight, wake: make(chan struct{}, 1),
		leases: leases{prefix: token(prefixBytes)}, own: newOffers(), heartbeat: j.Heartbeat,
	}
	m.ready = domain.Membership{
		Stream: m.stream, Topic: j.Topic, Queue: j.Queue, Order: l.settings.order, MaxInFlight: j.MaxInFlight,
		Lease: l.settings.lease, MaxAttempts: l.settings.maxAttempts,
	}
	return m
}

func newAskers() *ranked[*member] {
	return &ranked[*member]{
		less: func(a, b *member) bool {
			if a.hangs != b.hangs {
				return b.hangs
			}
			if a.leases.live != b.leases.live {
				return a.leases.live < b.leases.live
			}
			return a.asked < b.asked
		},
		place: func(m *member) *int { return &m.seat },
	}
}

// Ready implements ports.Member.
func (m *member) Ready() domain.Membership { return m.ready }

// Next implements ports.Member. Where the member's lifetime has ended it gives why; where ctx has, its cause, and what was given meanwhile comes with
// the next call.
func (m *member) Next(ctx context.Context, most int) ([]domain.Event, error) {
	var silence <-chan time.Time
	for {
		events, err := m.take(most, false)
		if len(events) > 0 || err != nil {
			return events, err
		}
		if silence == nil && m.heartbeat > 0 {
			silence = m.listen()
		}
		select {
		case <-m.wake:
		case <-silence:
			return m.take(most, true)
		case <-ctx.Done():
			m.stand()
			return nil, context.Cause(ctx)
		}
	}
}

// listen starts the silence after which Next returns all the same.
func (m *member) listen() <-chan time.Time {
	if m.beat == nil {
		m.beat = time.NewTimer(m.heartbeat)
	} else {
		m.beat.Reset(m.heartbeat)
	}
	return m.beat.C
}

// take gives what there is to tell, with so many messages at most. Where that is nothing, the member sits among those who ask, but for the last time.
func (m *member) take(most int, last bool) ([]domain.Event, error) {
	events, err := m.news(most, last)
	for i, number := range m.numbers {
		events[len(events)-len(m.numbers)+i].Receipt = m.leases.receipt(number)
	}
	return events, err
}

// news is what there is to tell, without the receipts of the messages, which are the last events: their leases are in numbers.
func (m *member) news(most int, last bool) ([]domain.Event, error) {
	l := m.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(m.events)
	m.events, m.numbers = m.events[:0], m.numbers[:0]
	if m.end != nil {
		return nil, m.end
	}
	m.most = most
	if !m.asking && !last {
		l.asked++
		m.asking, m.asked = true, l.asked
		l.seat(m)
		l.dispatch(time.Now())
	}
	m.collect()
	if last || len(m.events) > 0 {
		m.asking = false
		l.seat(m)
	}
	return m.events, nil
}

// collect turns all that waits for the member into events, but for messages where there is a gap: they come with the next call. The caller holds the lane's mu.
func (m *member) collect() {
	topic := m.lane.name.topic
	gapped := len(m.gaps) > 0
	for i := range m.gaps {
		m.events = append(m.events, domain.Event{Topic: topic, Gap: &m.gaps[i]})
	}
	if m.gaps = nil; gapped {
		m.lane.missed = nil
	}
	if assigned := len(m.lane.claims); assigned != m.told {
		m.told = assigned
		m.events = append(m.events, domain.Event{Topic: topic, Assigned: &assigned})
	}
	given := min(len(m.parcel), m.most)
	if gapped {
		given = 0 // who cannot go on after a gap leaves, and has not had a try at messages that it was not shown
	}
	for _, p := range m.parcel[:given] {
		m.events = append(m.events, domain.Event{Topic: topic, Message: p.entry.message, Attempt: p.entry.attempts})
		m.numbers = append(m.numbers, p.number)
		m.taken = p.number
		if p.entry.attempts > 1 {
			m.lane.tally.redelivered.Add(1)
		}
	}
	m.parcel = slices.Delete(m.parcel, 0, given)
}

// stand gives up the seat among those who ask.
func (m *member) stand() {
	m.lane.mu.Lock()
	defer m.lane.mu.Unlock()
	m.asking = false
	m.lane.seat(m)
}

// drop takes a lease that has ended out of what Next is still to return.
func (m *member) drop(number uint64) {
	m.parcel = slices.DeleteFunc(m.parcel, func(p lease) bool { return p.number == number })
}

// hungry reports whether the member asks and has room. The caller holds the lane's mu, as do those of what follows.
func (m *member) hungry() bool {
	return m.asking && m.end == nil && m.leases.live < m.max && len(m.parcel) < m.most
}

// finish ends the member for cause; its leases are left to the caller.
func (m *member) finish(cause error) {
	m.end = cause
	m.parcel, m.gaps = nil, nil
	m.lane.seat(m)
	m.wakeUp()
}

func (m *member) wakeUp() {
	select {
	case m.wake <- struct{}{}:
	default: // it is awake already
	}
}
