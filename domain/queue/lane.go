package queue

import (
	"context"
	"slices"
	"sync"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// lane is this node's membership in one queue.
type lane struct {
	service  *Service
	name     name
	settings settings
	from     *domain.Start // as the member said that opened it
	tally    *tally
	cancel   context.CancelCauseFunc // ends the membership
	opened   chan struct{}           // closed when the membership stands or could not be had
	idle     chan struct{}           // closed when quiet and nothing is leased
	ended    chan struct{}           // closed when the membership is over and all its goroutines have ended
	graves   chan struct{}           // wakes the undertaker
	timer    *time.Timer             // runs tick
	telling  sync.WaitGroup          // what was settled and is just being told to the broker; added to under mu, until closing

	mu        sync.Mutex // guards what is below, and everything in claims, entries, lines, leases and members
	failure   error      // why the membership could not be had
	closing   bool       // nobody gets in any more
	quiet     bool       // nothing is given any more
	interest  int        // members, and those who wait to become one
	lingers   time.Time  // when the lane closes for want of members; zero while there is interest
	armed     time.Time  // when the timer runs, zero where it does not
	members   map[*member]struct{}
	claims    map[domain.Claim]*claim
	seq       uint64           // of the last entry
	leased    int              // entries at members
	asked     uint64           // counts the times that members asked
	ready     *ranked[*entry]  // what anyone may take, oldest first
	deadlines *ranked[*entry]  // leases, delays and burials, the nearest first
	askers    *ranked[*member] // members that ask and have room
	keepers   []*member        // among them those that may have messages only they may take
	dead      []*entry         // to be buried
	failing   bool             // the last one could not be
	missed    holes            // that no member was told of yet; who joins is told of them
}

// newLane starts a membership. It is entered once already, for the one who opens it. The caller holds s.mu.
func newLane(s *Service, key name, set settings, from *domain.Start, counts *tally) *lane {
	ctx, cancel := context.WithCancelCause(context.Background()) // it outlives whoever opens it
	l := &lane{
		service: s, name: key, settings: set, from: from, tally: counts, cancel: cancel,
		opened: make(chan struct{}), idle: make(chan struct{}), ended: make(chan struct{}), graves: make(chan struct{}, 1),
		interest: 1, members: make(map[*member]struct{}), claims: make(map[domain.Claim]*claim),
		ready: newOffers(), deadlines: newDeadlines(), askers: newAskers(),
	}
	l.missed, counts.missed = counts.missed, nil
	l.timer = time.AfterFunc(time.Hour, l.tick)
	l.timer.Stop()
	go l.run(ctx)
	return l
}

// run is the membership from its opening to its end. It ends when the broker ends it or ctx ends, and then everything of it has.
func (l *lane) run(ctx context.Context) {
	var work sync.WaitGroup
	err := l.attend(ctx, &work)
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err == nil:
		err = domain.Errorf(domain.Unavailable, "the broker ended the membership in queue %s of topic %s", l.name.queue, l.name.topic)
	}
	l.close(domain.ByeFor(err))
	work.Wait()
	l.service.remove(l)
	l.open(err)
	close(l.ended)
}

// attend takes part in the queue and follows what the broker says, until it says no more.
func (l *lane) attend(ctx context.Context, work *sync.WaitGroup) error {
	if !l.makesDeadLetter() {
		if err := l.ensureDeadLetter(ctx); err != nil {
			return err
		}
	}
	first := true
	for event, err := range l.service.broker.Join(ctx, l.name.topic, l.name.queue, domain.Terms{From: l.from, Order: l.settings.order}) {
		if err != nil {
			return err
		}
		if first {
			if err := l.accept(ctx, event); err != nil {
				return err
			}
		}
		l.follow(ctx, event, work)
		if first {
			first = false
			if l.settings.deadLetter != "" {
				work.Go(func() { l.undertake(ctx) })
			}
			l.tally.stood.Store(true)
			l.open(nil)
		}
	}
	return nil
}

// accept sees to it that what the lane promises can be kept, when the broker has let us in with its first event.
func (l *lane) accept(ctx context.Context, first domain.LaneEvent) error {
	if first.Order == domain.OrderNone {
		if err := l.settings.loosen(l.name.topic, l.name.queue); err != nil {
			return err
		}
	}
	if !l.makesDeadLetter() {
		return nil
	}
	return l.ensureDeadLetter(ctx)
}

// open lets those in who wait, or tells them why not. Only the first call counts.
func (l *lane) open(failure error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.opened:
	default:
		l.failure = failure
		close(l.opened)
	}
}

// follow does what one event of the broker says.
func (l *lane) follow(ctx context.Context, event domain.LaneEvent, work *sync.WaitGroup) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return
	}
	for _, revoked := range event.Revoked {
		if c := l.claims[revoked]; c != nil {
			l.void(c)
		}
	}
	for _, assigned := range event.Assigned {
		c := &claim{broker: assigned, room: make(chan struct{}, 1), lines: make(map[string]*line)}
		var lifetime context.Context
		lifetime, c.cancel = context.WithCancel(ctx)
		l.claims[assigned] = c
		work.Go(func() {
			if err := l.fetch(lifetime, c); err != nil {
				l.cancel(err)
			}
		})
	}
	for m := range l.members {
		m.wakeUp()
	}
	l.dispatch(time.Now())
}

// announce tells all members of a hole, and those who join before anyone was told.
func (l *lane) announce(c *claim, gap *domain.Gap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.gone {
		return
	}
	l.missed.add(*gap)
	for m := range l.members {
		m.gaps.add(*gap)
		m.wakeUp()
	}
}

// untold are the holes that no member was told of.
func (l *lane) untold() holes {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.missed
}

// enter keeps the lane from closing, and reports false where it is about to.
func (l *lane) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return false
	}
	l.interest++
	l.lingers = time.Time{}
	return true
}

// exit takes an enter back.
func (l *lane) exit() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose(time.Now())
}

// lose counts one less who is interested in the lane. The last one leaves it lingering. The caller holds mu.
func (l *lane) lose(now time.Time) {
	l.interest--
	if l.interest == 0 && !l.closing {
		l.lingers = now.Add(l.settings.linger)
		l.arm(now)
	}
}

// join makes a member of someone who has entered; neither a member nor an error says to try once more with another lane.
func (l *lane) join(ctx context.Context, j ports.Join, opener bool) (*member, error) {
	m := newMember(l, j)
	l.service.register(m)
	ok, err := l.admitMember(ctx, m, j.From != nil && !opener, opener)
	if !ok {
		l.service.unregister(m)
		return nil, err
	}
	return m, nil
}

func (l *lane) admitMember(ctx context.Context, m *member, late, opener bool) (ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.failure != nil && (opener || l.from == nil):
		return false, l.failure
	case l.closing: // or it failed for what its opener asked for
		return false, nil
	case late:
		l.lose(time.Now())
		return false, domain.Begun(l.name.topic, l.name.queue)
	}
	m.ready.Assigned, m.told = len(l.claims), len(l.claims)
	m.unhook = context.AfterFunc(ctx, func() { l.leave(m, context.Cause(ctx)) })
	l.members[m] = struct{}{}
	m.gaps = slices.Clone(l.missed)
	return true, nil
}

// leave takes a member out whose lifetime has ended. What it holds goes to others at once.
func (l *lane) leave(m *member, cause error) {
	l.service.unregister(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.end != nil {
		return
	}
	now := time.Now()
	m.finish(cause)
	for _, e := range m.leases.upto(m.leases.last) {
		l.putBack(e, 0, "the member left", now)
	}
	l.seat(m)
	delete(l.members, m)
	l.lose(now)
	l.dispatch(now)
}

// hush stops giving.
func (l *lane) hush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.quiet {
		return
	}
	l.quiet = true
	if l.leased == 0 {
		close(l.idle)
	}
}

// close ends the membership: members are told bye, leases end, and what was settled before is told to the broker, which keeps it before the
// lane has ended. It does not wait for that.
func (l *lane) close(bye *domain.Bye) {
	l.mu.Lock()
	if l.closing {
		l.mu.Unlock()
		return
	}
	members := l.shut(bye)
	l.mu.Unlock()
	l.part(members, bye)
}

// shut takes everything from the members and returns them. The caller holds mu, and parts from the broker when it has let go of it.
func (l *lane) shut(bye *domain.Bye) []*member {
	l.closing = true
	members := make([]*member, 0, len(l.members))
	for m := range l.members {
		m.finish(bye)
		m.unhook()
		members = append(members, m)
	}
	clear(l.members)
	for _, c := range l.claims {
		l.void(c)
	}
	l.timer.Stop()
	return members
}

// part ends the membership at the broker.
func (l *lane) part(members []*member, bye *domain.Bye) {
	l.service.unregister(members...)
	l.telling.Wait()
	l.cancel(bye.Cause)
}
