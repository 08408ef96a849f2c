package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
	"culvert/domain/queue"
	"culvert/ports"
)

func (m *model) Produce(t *rapid.T) {
	part := m.part(t)
	var haul domain.Haul
	for _, key := range rapid.SliceOfN(rapid.SampledFrom([]string{"-", "a", "b", "c"}), 1, 12).Draw(t, "keys") {
		x := &modelMessage{part: part, offset: int64(len(part.messages)), key: key}
		message := &domain.Message{Payload: fmt.Appendf(nil, "%s%d", key, x.offset)}
		switch rapid.IntRange(0, 9).Draw(t, "sent back") {
		case 0:
			x.theirs = true
			message = sentBack("orders/audit", key)
		case 1:
			message = sentBack("orders/billing", key)
		}
		if key != "-" {
			message.Key = []byte(key)
		}
		x.size = message.Size()
		part.messages = append(part.messages, x)
		haul.Messages = append(haul.Messages, message)
	}
	part.load(haul)
}

func (m *model) part(t *rapid.T) *modelPart {
	if len(m.parts) == 0 {
		t.Skip()
	}
	return rapid.SampledFrom(m.parts).Draw(t, "partition")
}

// Gap makes a hole, with nothing behind it yet.
func (m *model) Gap(t *rapid.T) {
	part := m.part(t)
	lost := rapid.Int64Range(1, 9).Draw(t, "lost")
	part.load(domain.Haul{Gap: &domain.Gap{Reason: domain.GapRetention, Partition: part.partition, Lost: lost}})
}

func (m *model) Join(t *rapid.T) {
	if len(m.members) >= 4 {
		t.Skip()
	}
	most := rapid.IntRange(1, 5).Draw(t, "max_in_flight")
	m.hear()
	ctx, leave := context.WithCancel(context.Background())
	member, err := m.service.Join(ctx, ports.Join{Topic: topic, Queue: billing, MaxInFlight: most, Heartbeat: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	m.members = append(m.members, &modelMember{Member: member, leave: leave, max: most, lost: maps.Clone(m.missed), told: len(m.parts)})
	if got := member.Ready(); got.Assigned != len(m.parts) || got.Order != m.cfg.Order || got.MaxAttempts != m.cfg.MaxAttempts {
		t.Fatalf("ready %+v with %d partitions", got, len(m.parts))
	}
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
			break
		}
	}
	if n := len(who.given); n > 0 {
		late := who.given[n-1]
		if got := who.Done(late.receipt); got.Settled != 0 || len(got.Unknown) != 1 {
			t.Fatalf("done of a member that has left: %+v", got)
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
func (m *model) Next(t *rapid.T) {
	most := rapid.SampledFrom([]int{math.MaxInt, math.MaxInt, 0, 1, 2, 3}).Draw(t, "most")
	m.take(t, m.draw(t), most, rapid.IntRange(0, 9).Draw(t, "interrupted") == 0)
}

// Ask lets a member be given what it is not told of yet.
func (m *model) Ask(t *rapid.T) {
	who := m.draw(t)
	if who.asked.IsZero() {
		who.asked = time.Now()
	}
	queue.Ask(who.Member)
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
}

func (m *model) DoneUpTo(t *rapid.T) {
	who, some := m.some(t)
	got := who.DoneUpTo(some[0].receipt)
	settlement(t, got, some[:1])
	synctest.Wait()
	settled := 0
	for _, l := range who.given {
		if l.mayLive() && !l.message.settled && l.message.part.times(l.message.offset) > 0 {
			l.ended, l.message.settled = true, true
			settled++
		}
		if l.live() {
			t.Fatalf("%d was given before, and is not settled", l.message.offset)
		}
		if l == some[0] {
			break
		}
	}
	if got.Settled != settled {
		t.Fatalf("%d settled, want %d", got.Settled, settled)
	}
}

func (m *model) Nack(t *rapid.T) {
	who, some := m.some(t)
	delay := time.Duration(rapid.IntRange(0, 15).Draw(t, "delay")) * time.Second
	got := who.Nack(delay, receiptsOf(some)...)
	if got.Settled != 0 {
		t.Fatalf("%d settled by nack", got.Settled)
	}
	for _, l := range settlement(t, got, some) {
		l.ended, l.message.delayed = true, time.Now().Add(delay)
	}
}

func (m *model) Touch(t *rapid.T) {
	who, some := m.some(t)
	for _, l := range settlement(t, who.Touch(receiptsOf(some)...), some) {
		l.run(m.cfg, time.Now(), time.Now())
	}
}

func (m *model) Sleep(t *rapid.T) {
	pause(time.Duration(rapid.IntRange(1, 12).Draw(t, "seconds")) * time.Second)
}

// Decide says what became of a dead letter.
func (m *model) Decide(t *rapid.T) {
	open := m.broker.waiting()
	if len(open) == 0 {
		t.Skip()
	}
	var err error
	if rapid.Bool().Draw(t, "fails") {
		err = domain.Errorf(domain.Unavailable, "down")
	}
	m.broker.decide(rapid.SampledFrom(open).Draw(t, "letter"), err)
}

// Revoke takes a partition away.
func (m *model) Revoke(t *rapid.T) {
	if len(m.parts) == 0 {
		t.Skip()
	}
	i := rapid.IntRange(0, len(m.parts)-1).Draw(t, "partition")
	part := m.parts[i]
	m.parts = append(m.parts[:i], m.parts[i+1:]...)
	m.broker.events <- laneNews{event: domain.LaneEvent{Revoked: []domain.Claim{part.fakeClaim}}}
	synctest.Wait()
	part.freeze()
	m.revoked = append(m.revoked, part)
}

// freeze ends what can be done with the messages of a part.
func (p *modelPart) freeze() {
	p.frozen = map[int64]int{}
	for _, x := range p.messages {
		p.frozen[x.offset] = p.times(x.offset)
		if x.lease != nil {
			x.lease.ended = true
		}
	}
}

func (m *model) Assign(t *rapid.T) {
	if len(m.parts) >= 3 {
		t.Skip()
	}
	part := m.assign()
	m.broker.events <- laneNews{event: domain.LaneEvent{Assigned: []domain.Claim{part.fakeClaim}}}
}

func (m *model) assign() *modelPart {
	part := &modelPart{fakeClaim: newClaim(m.next)}
	m.next++
	m.parts = append(m.parts, part)
	return part
}

// finish lets a last member settle everything, and looks for what was lost.
func (m *model) finish(t *rapid.T) {
	if len(m.members) == 0 {
		m.Join(t)
	}
	for quiet := 0; quiet < 4; {
		given := 0
		for _, who := range m.members {
			given += m.take(t, who, math.MaxInt, false)
			for _, l := range who.given {
				if l.mayLive() && who.Done(l.receipt).Settled == 1 {
					l.ended, l.message.settled = true, true
				}
			}
		}
		for _, l := range m.broker.waiting() {
			m.broker.decide(l, nil)
		}
		pause(5 * time.Second)
		m.Check(t)
		if given == 0 {
			quiet++
		} else {
			quiet = 0
		}
	}
	for _, part := range m.parts {
		for _, x := range part.messages {
			if !x.settled {
				t.Fatalf("%d of partition %d was lost", x.offset, part.partition)
			}
		}
	}
}

// drain ends the service while members hold messages, of which all or some are settled in time.
func (m *model) drain(t *rapid.T) {
	for _, who := range m.members {
		for m.take(t, who, math.MaxInt, false); !who.asked.IsZero(); {
			m.take(t, who, math.MaxInt, false)
		}
	}
	begin := time.Now()
	drained := make(chan error, 1)
	go func() { drained <- m.service.Drain(context.Background()) }()
	synctest.Wait()
	all := rapid.Bool().Draw(t, "all are settled")
	for _, who := range m.members {
		for _, l := range who.given {
			if held := l.live(); (all || rapid.Bool().Draw(t, "settled")) && who.Done(l.receipt).Settled == 1 {
				l.ended, l.message.settled = true, true
			} else if held && all {
				t.Fatalf("the lease of %d is live, and unknown", l.message.offset)
			}
		}
		synctest.Wait()
		if len(drained) > 0 {
			break
		}
		if events, err := who.Next(context.Background(), math.MaxInt); err != nil || len(payloads(events)) > 0 {
			t.Fatalf("given %v, %v by a server that shuts down", payloads(events), err)
		}
	}
	if err := <-drained; err != nil || time.Since(begin) > m.cfg.DrainGrace || all && time.Since(begin) > time.Second {
		t.Fatalf("drained after %v: %v", time.Since(begin), err)
	}
	m.checkKept(t)
	m.revoked, m.parts = append(m.revoked, m.parts...), nil
	for _, part := range m.revoked {
		part.freeze()
	}
	for _, l := range m.broker.waiting() {
		m.broker.decide(l, nil)
	}
	for _, who := range m.members {
		var bye *domain.Bye
		if _, err := who.Next(context.Background(), math.MaxInt); !errors.As(err, &bye) || bye.Reason != domain.ByeShutdown {
			t.Fatalf("next: %v, want bye (shutdown)", err)
		}
		if got := who.Done(receiptsOf(who.given)...); got.Settled != 0 || len(got.Unknown) != len(who.given) {
			t.Fatalf("done after the end: %+v", got)
		}
	}
	m.Check(t)
}

// checkKept says whether the broker was told of all that members have settled, and of nothing that is not settled. A letter may have been confirmed too late.
func (m *model) checkKept(t *rapid.T) {
	letters := m.broker.buried(t)
	for _, part := range m.parts {
		for _, x := range part.messages {
			n := part.times(x.offset)
			if buried := letters[domain.Position{Partition: part.partition, Offset: x.offset}]; n > 1 || n == 0 && x.settled || n == 1 && !x.settled && !x.theirs && !buried {
				t.Fatalf("%d of partition %d was settled %d times at the broker; settled by its member: %v", x.offset, part.partition, n, x.settled)
			}
		}
	}
}

func TestWhateverHappens(t *testing.T) {
	for _, order := range []domain.Order{domain.OrderKey, domain.OrderNone} {
		for _, prompt := range []bool{true, false} {
			t.Run(fmt.Sprintf("order %s, letters confirmed at once %t", order, prompt), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					// The wrapper hides the deadline of the test, which means nothing in fake time.
					rapid.Check(struct{ testing.TB }{t}, func(t *rapid.T) { live(t, order, prompt) })
				})
			})
		}
	}
}

// live is the life of one lane, whatever happens to it.
func live(t *rapid.T, order domain.Order, prompt bool) {
	cfg, b := queue.DefaultConfig(), newUndecided(prompt)
	cfg.Order = order
	cfg.Lease = 10 * time.Second
	cfg.Linger = time.Hour
	cfg.MaxHold = rapid.SampledFrom([]time.Duration{0, 15 * time.Second, 25 * time.Minute}).Draw(t, "max_hold")
	cfg.Window = rapid.IntRange(1, 12).Draw(t, "window")
	cfg.WindowBytes = rapid.SampledFrom([]int{math.MaxInt, math.MaxInt, 1, 500}).Draw(t, "window_bytes")
	cfg.MaxAttempts = rapid.IntRange(0, 3).Draw(t, "max_attempts")
	s, err := queue.New(b, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	m := &model{service: s, broker: b, cfg: cfg, missed: map[int32]int64{}}
	for range 2 {
		b.claims = append(b.claims, m.assign().fakeClaim)
	}
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
		"": m.Check, "produce": m.Produce, "gap": m.Gap, "join": m.Join, "leave": m.Leave, "next": m.Next, "next again": m.Next, "ask": m.Ask,
		"done": m.Done, "up to": m.DoneUpTo, "nack": m.Nack, "touch": m.Touch, "sleep": m.Sleep, "decide": m.Decide, "revoke": m.Revoke, "assign": m.Assign,
	})
	if rapid.Bool().Draw(t, "drain") {
		m.drain(t)
	} else {
		m.finish(t)
	}
}
