package queue_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
	"culvert/domain/queue"
	"culvert/ports"
)

// model is what must be true of a lane, whatever members and brokers do. It knows of every message where it was given last.
type model struct {
	service *queue.Service
	broker  *undecided
	cfg     queue.Config
	members []*modelMember
	parts   []*modelPart // that are assigned
	revoked []*modelPart
	next    int32           // the partition to be assigned next
	missed  map[int32]int64 // of each partition, by gaps that nobody was told of yet
}

// modelPart is one claim, as long as it lasts.
type modelPart struct {
	*fakeClaim
	messages []*modelMessage
	heard    int           // of the gaps that were fetched, how many are accounted for
	frozen   map[int64]int // once it is revoked: how often each of its messages had been settled
}

type modelMember struct {
	ports.Member
	leave context.CancelFunc
	max   int
	given []*modelLease // all, oldest first
	// asked is since when it may have been given what it was not told; zero: it was told all.
	asked time.Time
	lost  map[int32]int64 // of each partition, by gaps that it was not told of yet
	told  int             // how many partitions it knows of
}

type modelLease struct {
	message *modelMessage
	member  *modelMember
	receipt string
	since   [2]time.Time // it began between these
	until   time.Time    // it lives until then at least, unless something ends it
	over    time.Time    // and no longer than until then
	ended   bool         // something did
}

type modelMessage struct {
	part     *modelPart
	offset   int64
	key      string
	size     int
	theirs   bool // sent back to another queue
	attempts int
	settled  bool
	delayed  time.Time // not given before that
	lease    *modelLease
}

func (l *modelLease) live() bool { return !l.ended && time.Now().Before(l.until) }

// mayLive is true where the lease may still be there: its time is up, and the member was not given the message again.
func (l *modelLease) mayLive() bool { return !l.ended && l.message.lease == l }

// mayBeHeld is true where somebody may have the message still.
func (x *modelMessage) mayBeHeld(now time.Time) bool {
	return x.lease != nil && !x.lease.ended && now.Before(x.lease.over)
}

// run begins the lease anew at now, for as long as its member may keep the message.
func (l *modelLease) run(cfg queue.Config, from, to time.Time) {
	l.until, l.over = from.Add(cfg.Lease), to.Add(cfg.Lease)
	if cfg.MaxHold > 0 {
		l.until = earlier(l.until, l.since[0].Add(cfg.MaxHold))
		l.over = earlier(l.over, l.since[1].Add(cfg.MaxHold))
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// ordered reports whether x has its place among the messages of its key.
func (m *model) ordered(x *modelMessage) bool { return m.cfg.Order == domain.OrderKey && x.key != "-" }

// dead reports whether x was tried often enough.
func (m *model) dead(x *modelMessage) bool {
	return m.cfg.MaxAttempts > 0 && x.attempts >= m.cfg.MaxAttempts
}

// take lets a member ask for some messages and judges what it is told.
func (m *model) take(t *rapid.T, who *modelMember, most int, interrupted bool) (messages int) {
	m.hear()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if interrupted {
		cancel()
	}
	before, begin := maps.Clone(who.lost), time.Now()
	if !who.asked.IsZero() {
		begin = who.asked
		queue.Stand(who.Member)
	}
	events, err := who.Next(ctx, most)
	if interrupted && errors.Is(err, context.Canceled) {
		return 0
	}
	if err != nil {
		t.Fatalf("next: %v", err)
	}
	now, gaps := time.Now(), map[int32]int64{}
	for _, e := range events {
		switch {
		case e.Message != nil:
			m.judge(t, who, e, begin, now)
			messages++
		case e.Gap != nil:
			gaps[e.Gap.Partition] += e.Gap.Lost
		default:
			who.told = *e.Assigned
		}
	}
	if who.told != len(m.parts) {
		t.Fatalf("told that there are %d partitions instead of %d", who.told, len(m.parts))
	}
	gapped := len(gaps) > 0
	m.judgeGaps(t, who, gaps, before)
	if live := who.live(); messages > most || live > who.max {
		t.Fatalf("given %d messages where %d were asked for, and %d leases at a member that takes %d", messages, most, live, who.max)
	}
	switch {
	case gapped && messages > 0:
		t.Fatalf("given %d messages together with a gap", messages)
	case gapped:
		who.asked = begin // they come with the next call
	case messages < most:
		who.asked = time.Time{}
	}
	if len(events) == 0 && most > 0 {
		m.expectNothingFor(t, who, begin)
	}
	return messages
}

func (w *modelMember) live() (n int) {
	for _, l := range w.given {
		if l.live() {
			n++
		}
	}
	return n
}

// judgeGaps says whether a member was told of all the holes that it had to be told of before, and of no others.
func (m *model) judgeGaps(t *rapid.T, who *modelMember, told, before map[int32]int64) {
	m.hear() // of what came while it was told
	anything := len(told) > 0
	for partition, n := range who.lost {
		if told[partition] < before[partition] || told[partition] > n {
			t.Fatalf("told of gaps of %v, want %v", told, who.lost)
		}
		who.lost[partition] -= told[partition]
		delete(told, partition)
	}
	if len(told) > 0 {
		t.Fatalf("told of gaps of %v, want none", told)
	}
	if anything {
		m.missed = maps.Clone(who.lost)
	}
}

// find is the message at a position of a claim that is not revoked.
func (m *model) find(p domain.Position) *modelMessage {
	for _, part := range m.parts {
		if part.partition == p.Partition && p.Offset < int64(len(part.messages)) {
			return part.messages[p.Offset]
		}
	}
	return nil
}

// judge says whether a message may have been given to a member now.
func (m *model) judge(t *rapid.T, who *modelMember, e domain.Event, begin, now time.Time) {
	x := m.find(e.Message.Position)
	switch {
	case x == nil:
		t.Fatalf("given %v, which is nobody's or was revoked", e.Message.Position)
	case x.settled, x.theirs:
		t.Fatalf("given %v, which is settled (%v) or another queue's (%v)", e.Message.Position, x.settled, x.theirs)
	case x.lease != nil && x.lease.live():
		t.Fatalf("given %v, which is at somebody", e.Message.Position)
	case now.Before(x.delayed):
		t.Fatalf("given %v, which is delayed until %v", e.Message.Position, x.delayed)
	case m.dead(x):
		t.Fatalf("given %v after %d attempts", e.Message.Position, x.attempts)
	}
	x.attempts++
	if e.Attempt != x.attempts {
		t.Fatalf("attempt %d of %v, want %d", e.Attempt, e.Message.Position, x.attempts)
	}
	m.judgeOrder(t, who, x)
	if ahead := x.part.ahead(x); ahead >= m.cfg.Window {
		t.Fatalf("given %v, which %d others from the first unsettled one on precede", e.Message.Position, ahead)
	}
	x.lease = &modelLease{message: x, member: who, receipt: e.Receipt, since: [2]time.Time{begin, now}}
	x.lease.run(m.cfg, begin, now)
	who.given = append(who.given, x.lease)
}

// judgeOrder looks at the others of the key. What the member was given without being told may have been in order then, and another one of the key have come back to
// it meanwhile.
func (m *model) judgeOrder(t *rapid.T, who *modelMember, x *modelMessage) {
	if !m.ordered(x) {
		return
	}
	for _, other := range x.part.messages {
		if other == x || other.key != x.key || other.settled || other.theirs {
			continue
		}
		mine := !who.asked.IsZero() || other.lease != nil && other.lease.mayLive() && other.lease.member == who
		if other.offset < x.offset && !mine {
			t.Fatalf("given %d before %d of the same key, which is not settled and not at this member", x.offset, other.offset)
		}
		if other.lease != nil && other.lease.live() && other.lease.member != who {
			t.Fatalf("given %d while %d of the same key is at another member", x.offset, other.offset)
		}
	}
}

// ahead is how many messages of the queue lie before x, from the first unsettled one on.
func (p *modelPart) ahead(x *modelMessage) (n int) {
	for _, other := range p.messages[:x.offset] {
		if !other.theirs && (n > 0 || !other.settled) {
			n++
		}
	}
	return n
}

// expectNothingFor looks for a message that a member with room was not given though it could have been since begin.
func (m *model) expectNothingFor(t *rapid.T, who *modelMember, begin time.Time) {
	held := 0
	for _, l := range who.given {
		if l.message.lease == l && l.message.mayBeHeld(begin) {
			held++
		}
	}
	if held >= who.max {
		return
	}
	for _, other := range m.members {
		if !other.asked.IsZero() {
			return // it may have anything
		}
	}
	for _, part := range m.parts {
		barred := m.heldByOthers(part, who, begin)
		for _, x := range part.messages {
			if x.settled || x.theirs {
				continue
			}
			if x.mayBeHeld(begin) {
				barred[x.key] = barred[x.key] || !x.lease.live()
				continue
			}
			known := x.attempts > 0 || m.cfg.WindowBytes == math.MaxInt && part.ahead(x) < m.cfg.Window // to the lane
			if free := !m.dead(x) && !begin.Before(x.delayed); known && free && !(m.ordered(x) && barred[x.key]) {
				t.Fatalf("%d of partition %d was not given to a member that asks, has room and holds %d", x.offset, part.partition, held)
			}
			barred[x.key] = true
		}
	}
}

// heldByOthers are the keys of which another member than who may hold a message.
func (m *model) heldByOthers(part *modelPart, who *modelMember, now time.Time) map[string]bool {
	keys := map[string]bool{}
	for _, x := range part.messages {
		if !x.settled && x.mayBeHeld(now) && x.lease.member != who {
			keys[x.key] = true
		}
	}
	return keys
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
		case !unknown[l.receipt] && (!l.mayLive() || !time.Now().Before(l.over)):
			t.Fatalf("the lease of %d has ended, and is known", l.message.offset)
		case !unknown[l.receipt]:
			done = append(done, l)
		}
	}
	return done
}

// Check compares what the broker was told with what the members said.
func (m *model) Check(t *rapid.T) {
	m.hear()
	letters := m.broker.buried(t)
	for _, part := range m.parts {
		for _, x := range part.messages {
			n := part.times(x.offset)
			if letters[domain.Position{Partition: part.partition, Offset: x.offset}] {
				if !m.dead(x) || x.lease.live() {
					t.Fatalf("%d was buried after %d attempts", x.offset, x.attempts)
				}
				x.settled, x.lease.ended = true, true
			}
			if x.theirs {
				x.settled = n > 0
			}
			if want := x.settled; n > 1 || n == 1 != want {
				t.Fatalf("%d of partition %d was settled %d times at the broker; settled by its member, or its letter confirmed: %v", x.offset, part.partition, n, want)
			}
		}
		m.checkWindow(t, part)
	}
	for _, part := range m.revoked {
		for offset, before := range part.frozen {
			if n := part.times(offset); n != before {
				t.Fatalf("%d of partition %d was settled after it was revoked", offset, part.partition)
			}
		}
	}
}

// hear accounts for gaps that have come: all members are told of them, and those who join before anyone was.
func (m *model) hear() {
	synctest.Wait()
	for _, part := range m.parts {
		part.mu.Lock()
		for _, gap := range part.gaps[part.heard:] {
			part.heard++
			m.missed[part.partition] += gap.Lost
			for _, who := range m.members {
				who.lost[part.partition] += gap.Lost
			}
		}
		part.mu.Unlock()
	}
}

// checkWindow says whether the last haul may have been fetched: there was room.
func (m *model) checkWindow(t *rapid.T, part *modelPart) {
	part.mu.Lock()
	begun := part.begun
	part.mu.Unlock()
	held, bytes := 0, 0
	for _, x := range part.messages[:begun] {
		if x.theirs {
			continue
		}
		if held > 0 || !x.settled {
			held++
		}
		if !x.settled {
			bytes += x.size
		}
	}
	if held >= m.cfg.Window || bytes >= m.cfg.WindowBytes {
		t.Fatalf("what comes from %d on of partition %d was fetched while %d messages and %d bytes were held", begun, part.partition, held, bytes)
	}
}
