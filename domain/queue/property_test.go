package queue_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
	"culvert/domain/queue"
	"culvert/ports"
)

// model is what must be true of a lane, whatever members and brokers do. It knows of every message where it was given last.
type model struct {
	service  *queue.Service
	broker   *fakeBroker
	cfg      queue.Config
	members  []*modelMember
	messages map[*fakeClaim][]*modelMessage // of claims that are not revoked
	next     int
}

type modelMember struct {
	ports.Member
	leave context.CancelFunc
	max   int
	given []*modelLease // all, oldest first
}

type modelLease struct {
	message *modelMessage
	member  *modelMember
	receipt string
	until   time.Time // it lives until then at least, unless something ends it
	ended   bool      // something did
}

type modelMessage struct {
	claim    *fakeClaim
	offset   int64
	key      string
	attempts int
	settled  bool
	lease    *modelLease // the last one
}

func (l *modelLease) live() bool { return !l.ended && time.Now().Before(l.until) }

// mayLive is true where the lease may still be there: its time is up, and the member was not given the message again.
func (l *modelLease) mayLive() bool { return !l.ended && l.message.lease == l }

func (m *model) Produce(t *rapid.T) {
	if len(m.broker.claims) == 0 {
		t.Skip()
	}
	c := rapid.SampledFrom(m.broker.claims).Draw(t, "claim")
	keys := rapid.SliceOfN(rapid.SampledFrom([]string{"-", "a", "b", "c"}), 1, 12).Draw(t, "keys")
	for i, key := range keys {
		m.messages[c] = append(m.messages[c], &modelMessage{claim: c, offset: c.next + int64(i), key: key})
	}
	c.add(keys...)
	synctest.Wait()
}

func (m *model) Join(t *rapid.T) {
	if len(m.members) >= 4 {
		t.Skip()
	}
	most := rapid.IntRange(1, 5).Draw(t, "max_in_flight")
	ctx, leave := context.WithCancel(context.Background())
	member, err := m.service.Join(ctx, ports.Join{Topic: topic, Queue: billing, MaxInFlight: most, Heartbeat: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	m.members = append(m.members, &modelMember{Member: member, leave: leave, max: most})
}

func (m *model) Leave(t *rapid.T) {
	who := m.draw(t)
	who.leave()
	synctest.Wait()
	for _, l := range who.given {
		l.ended = true
	}
	for i, other := range m.members {
		if other == who {
			m.members = append(m.members[:i], m.members[i+1:]...)
			return
		}
	}
}

func (m *model) draw(t *rapid.T) *modelMember {
	if len(m.members) == 0 {
		t.Skip()
	}
	return rapid.SampledFrom(m.members).Draw(t, "member")
}

// Next takes what there is for a member and judges every message of it.
func (m *model) Next(t *rapid.T) { m.take(t, m.draw(t)) }

func (m *model) take(t *rapid.T, who *modelMember) int {
	begin := time.Now()
	events, err := who.Next(context.Background(), math.MaxInt)
	if err != nil {
		t.Fatalf("next: %v", err)
	}
	for _, e := range events {
		if e.Message != nil {
			m.judge(t, who, e, begin)
		}
	}
	live := 0
	for _, l := range who.given {
		if l.live() {
			live++
		}
	}
	if live > who.max {
		t.Fatalf("%d leases at a member that takes %d", live, who.max)
	}
	return len(events)
}

func (m *model) judge(t *rapid.T, who *modelMember, e domain.Event, begin time.Time) {
	var message *modelMessage
	first := int64(math.MaxInt64)
	for c, all := range m.messages {
		for _, x := range all {
			if c.partition == e.Message.Partition && x.offset == e.Message.Offset {
				message = x
			}
		}
	}
	if message == nil {
		t.Fatalf("given %s, which is nobody's or was revoked", e.Message.Payload)
	}
	if message.settled || message.lease != nil && message.lease.live() {
		t.Fatalf("given %s, which is settled (%v) or at somebody", e.Message.Payload, message.settled)
	}
	message.attempts++
	if e.Attempt != message.attempts || m.cfg.MaxAttempts > 0 && e.Attempt > m.cfg.MaxAttempts {
		t.Fatalf("attempt %d of %s, want %d", e.Attempt, e.Message.Payload, message.attempts)
	}
	for _, x := range m.messages[message.claim] {
		if !x.settled {
			first = min(first, x.offset)
		}
		if x == message || x.key != message.key || x.key == "-" || x.settled {
			continue
		}
		mine := x.lease != nil && x.lease.mayLive() && x.lease.member == who
		if x.offset < message.offset && !mine {
			t.Fatalf("given %s before %d of the same key, which is not settled and not at this member", e.Message.Payload, x.offset)
		}
		if x.lease != nil && x.lease.live() && x.lease.member != who {
			t.Fatalf("given %s while %d of the same key is at another member", e.Message.Payload, x.offset)
		}
	}
	if message.offset >= first+int64(m.cfg.Window) {
		t.Fatalf("given %s, the window from %d on has %d messages", e.Message.Payload, first, m.cfg.Window)
	}
	message.lease = &modelLease{message: message, member: who, receipt: e.Receipt, until: begin.Add(m.cfg.Lease)}
	who.given = append(who.given, message.lease)
}

// some draws leases of a member, living and dead ones.
func (m *model) some(t *rapid.T) (*modelMember, []*modelLease) {
	who := m.draw(t)
	if len(who.given) == 0 {
		t.Skip()
	}
	recent := who.given[max(0, len(who.given)-8):]
	return who, rapid.SliceOfNDistinct(rapid.SampledFrom(recent), 1, 4, func(l *modelLease) string { return l.receipt }).Draw(t, "leases")
}

// settlement judges the answer to what was done with leases, and says of which it was done.
func settlement(t *rapid.T, got domain.Settlement, asked []*modelLease) (done []*modelLease) {
	unknown := map[string]bool{}
	for _, r := range got.Unknown {
		unknown[r] = true
	}
	for _, l := range asked {
		switch {
		case unknown[l.receipt] && l.live():
			t.Fatalf("the lease of %d is live, and unknown", l.message.offset)
		case !unknown[l.receipt] && !l.mayLive():
			t.Fatalf("the lease of %d has ended, and is known", l.message.offset)
		case !unknown[l.receipt]:
			done = append(done, l)
		}
	}
	return done
}

func receiptsOf(leases []*modelLease) (receipts []string) {
	for _, l := range leases {
		receipts = append(receipts, l.receipt)
	}
	return receipts
}

func (m *model) Done(t *rapid.T) {
	who, some := m.some(t)
	got := who.Done(receiptsOf(some)...)
	done := settlement(t, got, some)
	if got.Settled != len(done) {
		t.Fatalf("%d settled, want %d", got.Settled, len(done))
	}
	for _, l := range done {
		l.ended, l.message.settled = true, true
	}
	synctest.Wait()
}

func (m *model) DoneUpTo(t *rapid.T) {
	who, some := m.some(t)
	who.DoneUpTo(some[0].receipt)
	synctest.Wait()
	for _, l := range who.given {
		if l.mayLive() {
			l.message.settled = l.message.claim.times(l.message.offset) > 0
			l.ended = l.message.settled
		}
		if l.live() {
			t.Fatalf("%d was given before, and is not settled", l.message.offset)
		}
		if l == some[0] {
			break
		}
	}
}

func (m *model) Nack(t *rapid.T) {
	who, some := m.some(t)
	delay := time.Duration(rapid.IntRange(0, 3).Draw(t, "delay")) * time.Second
	for _, l := range settlement(t, who.Nack(delay, receiptsOf(some)...), some) {
		l.ended = true
	}
	synctest.Wait()
}

func (m *model) Touch(t *rapid.T) {
	who, some := m.some(t)
	for _, l := range settlement(t, who.Touch(receiptsOf(some)...), some) {
		l.until = time.Now().Add(m.cfg.Lease)
	}
}

func (m *model) Wait(t *rapid.T) {
	pause(time.Duration(rapid.IntRange(1, 12).Draw(t, "seconds")) * time.Second)
}

func (m *model) Revoke(t *rapid.T) {
	if len(m.broker.claims) == 0 || len(m.members) == 0 {
		t.Skip()
	}
	i := rapid.IntRange(0, len(m.broker.claims)-1).Draw(t, "claim")
	c := m.broker.claims[i]
	m.broker.claims = append(m.broker.claims[:i], m.broker.claims[i+1:]...)
	m.broker.events <- laneNews{event: domain.LaneEvent{Revoked: []domain.Claim{c}}}
	synctest.Wait()
	for _, x := range m.messages[c] {
		if x.lease != nil {
			x.lease.ended = true
		}
	}
	delete(m.messages, c)
}

func (m *model) Assign(t *rapid.T) {
	if len(m.broker.claims) >= 3 || len(m.members) == 0 {
		t.Skip()
	}
	c := newClaim(int32(m.next))
	m.next++
	m.broker.claims = append(m.broker.claims, c)
	m.messages[c] = nil
	m.broker.events <- laneNews{event: domain.LaneEvent{Assigned: []domain.Claim{c}}}
	synctest.Wait()
}

// Check compares what the broker was told with what the members said.
func (m *model) Check(t *rapid.T) {
	buried := map[domain.Position]bool{}
	for _, letter := range m.broker.letters() {
		var p domain.Position
		for _, h := range letter.message.Headers {
			switch h.Name {
			case "culvert-dead-partition":
				fmt.Sscan(string(h.Value), &p.Partition)
			case "culvert-dead-offset":
				fmt.Sscan(string(h.Value), &p.Offset)
			}
		}
		if buried[p] {
			t.Fatalf("%v was buried twice", p)
		}
		buried[p] = true
	}
	for c, all := range m.messages {
		for _, x := range all {
			n := c.times(x.offset)
			if buried[domain.Position{Partition: c.partition, Offset: x.offset}] {
				if x.attempts != m.cfg.MaxAttempts || x.lease.live() {
					t.Fatalf("%d was buried after %d attempts", x.offset, x.attempts)
				}
				x.settled = n > 0
				x.lease.ended = true
			}
			if n > 1 || n == 1 != x.settled {
				t.Fatalf("%d of partition %d was settled %d times at the broker; settled by its member or buried: %v", x.offset, c.partition, n, x.settled)
			}
		}
	}
}

// finish lets a last member settle everything, and looks for what was lost.
func (m *model) finish(t *rapid.T) {
	if len(m.members) == 0 {
		m.Join(t)
	}
	for quiet := 0; quiet < 3; {
		given := 0
		for _, who := range m.members {
			given += m.take(t, who)
			for _, l := range who.given {
				if l.mayLive() && who.Done(l.receipt).Settled == 1 {
					l.ended, l.message.settled = true, true
				}
			}
		}
		pause(5 * time.Second)
		m.Check(t)
		if given == 0 {
			quiet++
		} else {
			quiet = 0
		}
	}
	for c, all := range m.messages {
		for _, x := range all {
			if !x.settled {
				t.Fatalf("%d of partition %d was lost", x.offset, c.partition)
			}
		}
	}
}

func TestWhateverHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The wrapper hides the deadline of the test, which means nothing in fake time.
		rapid.Check(struct{ testing.TB }{t}, func(t *rapid.T) {
			cfg := queue.DefaultConfig()
			cfg.Lease = 10 * time.Second
			cfg.Linger = time.Hour
			cfg.Window = rapid.IntRange(1, 12).Draw(t, "window")
			cfg.MaxAttempts = rapid.IntRange(0, 3).Draw(t, "max_attempts")
			b := newBroker(2)
			if rapid.Bool().Draw(t, "burials fail at first") {
				b.publish = func(try int) error {
					if try%2 == 1 {
						return domain.Errorf(domain.Unavailable, "down")
					}
					return nil
				}
			}
			s, err := queue.New(b, cfg)
			if err != nil {
				t.Fatal(err)
			}
			m := &model{service: s, broker: b, cfg: cfg, next: 2, messages: map[*fakeClaim][]*modelMessage{b.claims[0]: nil, b.claims[1]: nil}}
			defer func() {
				for _, who := range m.members {
					who.leave()
				}
				if err := s.Drain(context.Background()); err != nil {
					t.Errorf("drain: %v", err)
				}
			}()
			m.Join(t)
			t.Repeat(map[string]func(*rapid.T){
				"": m.Check, "produce": m.Produce, "join": m.Join, "leave": m.Leave, "next": m.Next, "next again": m.Next, "done": m.Done, "up to": m.DoneUpTo,
				"nack": m.Nack, "touch": m.Touch, "wait": m.Wait, "revoke": m.Revoke, "assign": m.Assign,
			})
			m.finish(t)
		})
	})
}
