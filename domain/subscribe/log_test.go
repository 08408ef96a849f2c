package subscribe

import (
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/ports"
)

var wide = Window{Messages: 1000, Bytes: 1 << 20, Age: time.Hour}

func chunk(partition int32, from, to int64) domain.Chunk {
	c := domain.Chunk{Partition: partition, Next: to}
	for o := from; o < to; o++ {
		c.Messages = append(c.Messages, &domain.Message{Payload: []byte("x"), Position: domain.Position{Partition: partition, Offset: o}})
	}
	return c
}

func at(epoch domain.Epoch, next ...int64) *domain.Vector {
	var places []domain.Place
	for p, n := range next {
		places = append(places, domain.Place{Partition: int32(p), Next: n})
	}
	return domain.NewVector(epoch, places...)
}

func TestWhereAViewerComesIn(t *testing.T) {
	now := time.Now()
	l := newLog("t", wide, at(1, 100, 100), new(bells))
	l.append(chunk(0, 100, 110), now) // numbers 0 to 9
	l.append(chunk(1, 100, 105), now) // to 14
	l.append(chunk(0, 110, 120), now) // to 24
	for name, c := range map[string]struct {
		v       *domain.Vector
		checked uint64
		number  uint64
		ok      bool
	}{
		"lacks all":                          {at(1, 100, 100), unchecked, 0, true},
		"lacks all of one partition":         {at(1, 120, 100), unchecked, 10, true},
		"lacks the last":                     {at(1, 115, 105), unchecked, 15, true},
		"lacks nothing":                      {at(1, 120, 105), unchecked, 25, true},
		"came too late":                      {at(1, 99, 105), unchecked, 0, false},
		"of another epoch":                   {at(2, 120, 105), unchecked, 0, false},
		"ahead, says a stranger":             {at(1, 130, 105), unchecked, 0, false},
		"ahead, says the broker":             {at(1, 130, 105), 0, 25, true},
		"knows no place":                     {&domain.Vector{Epoch: 1, Since: now}, unchecked, 0, false},
		"a partition that began elsewhere":   {at(1, 120, 105, 7), unchecked, 0, false},
		"the same, says the broker":          {at(1, 120, 105, 7), 0, 25, true},
		"has not seen one of the partitions": {at(1, 120), unchecked, 0, false},
	} {
		if number, ok := l.enter(c.v, c.checked); ok != c.ok || ok && number != c.number {
			t.Errorf("%s: number %d, %v; want %d, %v", name, number, ok, c.number, c.ok)
		}
	}
}

// Offsets of an epoch that has ended say nothing about those of the next.
func TestHowFarBehindAViewerIs(t *testing.T) {
	begun := time.Now()
	l := newLog("t", wide, at(1, 100, 100), new(bells))
	l.append(chunk(0, 100, 110), begun)
	l.append(chunk(1, 100, 105), begun.Add(time.Second))
	l.append(chunk(0, 110, 120), begun.Add(2*time.Second))
	for name, c := range map[string]struct {
		v       *domain.Vector
		offsets int64
		age     time.Duration
		known   bool
	}{
		"lacks nothing":             {at(1, 120, 105), 0, 0, true},
		"lacks all":                 {at(1, 100, 100), 25, 10 * time.Second, true},
		"lacks one partition":       {at(1, 120, 103), 2, 9 * time.Second, true},
		"lacks the last":            {at(1, 119, 105), 1, 8 * time.Second, true},
		"lacks what is not in here": {at(1, 90, 105), 30, -1, true},
		"of another epoch":          {at(2, 120, 105), 0, 0, false},
		"knows one partition":       {at(1, 115), 5, 8 * time.Second, true},
	} {
		if offsets, age, known := l.behind(c.v, begun.Add(10*time.Second)); offsets != c.offsets || age != c.age || known != c.known {
			t.Errorf("%s: %d, %s, %v; want %d, %s, %v", name, offsets, age, known, c.offsets, c.age, c.known)
		}
	}
}

func TestNobodyComesInBeforeANewEpoch(t *testing.T) {
	now := time.Now()
	l := newLog("t", wide, at(1, 0), new(bells))
	l.append(chunk(0, 0, 5), now)
	anew := chunk(0, 0, 3)
	anew.Epoch, anew.Gap = 2, &domain.Gap{Reason: domain.GapEpoch, Lost: domain.LostUnknown}
	l.append(anew, now)
	if number, ok := l.enter(at(2, 0), unchecked); !ok || number != 6 {
		t.Errorf("the new epoch begins with 6; came in at %d, %v", number, ok)
	}
	if _, ok := l.enter(at(1, 4), unchecked); ok {
		t.Error("came into an epoch that has ended")
	}
	l.window.Messages = 1
	l.append(chunk(0, 3, 4), now)
	if _, ok := l.enter(at(2, 2), unchecked); ok {
		t.Error("came in before what was dropped")
	}
}

// A feed that opened while a partition had no leader learns late where its own reading begins. A viewer who was there, and had
// seen less, must not be moved over what lies between.
func TestAPartitionThatIsReadLate(t *testing.T) {
	since := time.Now()
	l := newLog("t", wide, at(1, 10).With(domain.Place{Partition: 1, Since: since}), new(bells))
	mine := at(1, 10, 3)
	entered, ok := l.enter(mine, unchecked)
	if !ok {
		t.Fatal("the log cannot say yet that it lacks anything")
	}
	l.append(chunk(1, 8, 12), time.Now())
	tr := bareTrack(t, l)
	tr.at, tr.vector, tr.own = entered, mine, true
	tr.gather()
	if tr.replay == nil || !tr.replay.from.Vector().Equal(mine) || len(tr.s.memory.spans) != 0 {
		t.Errorf("a replay %+v, want one from %+v, and nothing before it: %v", tr.replay, mine, tr.s.memory.spans)
	}
	if _, ok := l.enter(at(1, 10, 3), unchecked); ok {
		t.Error("came in past what the log lacks")
	}
	if _, ok := l.enter(at(1, 10).With(domain.Place{Partition: 1, Since: since}), unchecked); ok {
		t.Error("a cursor that knows no place came in where the log's own beginning is known to nobody but the broker")
	}
}

// A viewer who waits for a partition since noon came into a log that waits for it since the morning, and was given what lies between.
func TestAPendingPlaceIsTheLogsOwnOrNone(t *testing.T) {
	since := time.UnixMilli(1_700_000_000_000)
	l := newLog("t", wide, at(1, 10).With(domain.Place{Partition: 1, Since: since}), new(bells))
	for later, want := range map[time.Duration]bool{0: true, 300 * time.Microsecond: true, time.Hour: false, -time.Hour: false} {
		if _, ok := l.enter(at(1, 10).With(domain.Place{Partition: 1, Since: since.Add(later)}), unchecked); ok != want {
			t.Errorf("%v later: came in %v, want %v", later, ok, want)
		}
	}
}

// bareTrack reads a live log that no feed fills.
func bareTrack(t *testing.T, l *log) *track {
	t.Helper()
	service := newService(t, newFakeBroker(len(l.head.Places())), nil)
	s := newStream(service, ports.View{}, nil)
	service.work.Add(1) // the track's part in its feed, which others view, too
	tr := &track{s: s, topic: l.topic, feed: &feed{viewers: 2}, live: l, source: l, hook: l.bells.hang(&s.bell, nil)}
	s.tracks, s.room = []*track{tr}, 1<<20
	s.remember()
	t.Cleanup(s.end)
	return tr
}

// Ids that are sent on some events only must not all be on events that a filter keeps back.
func TestAFilteredViewerOfManyPartitionsGetsItsIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(40)
		s := newService(t, b, nil)
		stream, cancel := view(t, s, ports.View{Keys: [][]byte{[]byte("mine")}})
		defer cancel()
		b.change(func() {
			for i, key := range []string{"mine", "other", "other"} {
				m := &domain.Message{Key: []byte(key), Payload: []byte("x"), Position: domain.Position{Offset: int64(i)}}
				b.partitions[0] = append(b.partitions[0], m)
			}
		})
		for _, span := range next(t, stream).Spans {
			for _, e := range span.Events() {
				if e.Cursor == "" {
					t.Error("the only message that matched went without an id")
				}
			}
		}
	})
}
