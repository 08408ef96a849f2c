package broker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
)

var roomy = bounds{messages: 1000, bytes: 1 << 20, age: time.Hour}

func fill(l *log, n int) {
	for range n {
		l.append(&domain.Message{Payload: []byte("x")})
	}
}

// A reader sees every offset once and in order, as a message or as one that a gap counts, whatever else happens to the log.
func TestLogReadersSeeEachOffsetOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLog(bounds{
			messages: rapid.IntRange(1, 50).Draw(t, "messages"),
			bytes:    rapid.IntRange(1, 10_000).Draw(t, "bytes"),
			age:      time.Hour,
		})
		places := make([]int64, 3)
		holes := map[int64]bool{}
		end := int64(0)
		last := false // whether the last entry is a hole
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				l.hole()
				if !last || l.extent().First == end {
					holes[end] = true
					end++
				}
				last = true
			case 1, 2, 3, 4, 5:
				m := &domain.Message{Payload: make([]byte, rapid.IntRange(0, 2000).Draw(t, "size"))}
				if l.append(m); m.Offset != end {
					t.Fatalf("appended at %d, want %d", m.Offset, end)
				}
				end++
				last = false
			default:
				r := rapid.IntRange(0, len(places)-1).Draw(t, "reader")
				places[r] = checkRead(t, l, places[r], end, holes)
			}
			checkBounds(t, l)
		}
	})
}

func checkRead(t *rapid.T, l *log, place, end int64, holes map[int64]bool) int64 {
	s, grown := l.read(place)
	if grown != nil {
		if place != end {
			t.Fatalf("nothing at %d of %d", place, end)
		}
		return place
	}
	if s.gap != nil {
		switch s.gap.Reason {
		case domain.GapRetention:
			if s.from != place+s.gap.Lost || s.from != l.extent().First || s.gap.Lost < 1 {
				t.Fatalf("gap of %d from %d to %d, the log begins at %d", s.gap.Lost, place, s.from, l.extent().First)
			}
		case domain.GapBroker:
			if s.from != place+1 || !holes[place] {
				t.Fatalf("a hole at %d that is not there", place)
			}
		default:
			t.Fatalf("gap %q", s.gap.Reason)
		}
		place = s.from
	}
	for _, m := range s.messages {
		if m.Offset != place || holes[place] {
			t.Fatalf("message %d at %d", m.Offset, place)
		}
		place++
	}
	if s.next != place {
		t.Fatalf("next is %d, want %d", s.next, place)
	}
	return place
}

func checkBounds(t *rapid.T, l *log) {
	kept := len(l.entries) - l.head
	bytes := 0
	for _, e := range l.entries[l.head:] {
		bytes += e.size
	}
	if bytes != l.bytes || kept > 1 && (kept > l.bounds.messages || bytes > l.bounds.bytes) {
		t.Fatalf("%d messages, %d bytes (counted as %d), bounds %+v", kept, bytes, l.bytes, l.bounds)
	}
}

func TestLogCompacts(t *testing.T) {
	l := newLog(bounds{messages: 10, bytes: 1 << 20, age: time.Hour})
	fill(l, 100_000)
	if cap(l.entries) > 10_000 {
		t.Fatalf("a log of 10 messages has %d slots", cap(l.entries))
	}
	if e := l.extent(); e.First != 99_990 || e.End != 100_000 {
		t.Fatalf("extent is %+v", e)
	}
}

func TestLogAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(bounds{messages: 100, bytes: 1 << 20, age: time.Minute})
		if d := l.expire(); d != time.Minute {
			t.Fatalf("an empty log expires in %s", d)
		}
		fill(l, 2)
		time.Sleep(40 * time.Second)
		fill(l, 1)
		if d := l.expire(); d != 20*time.Second {
			t.Fatalf("expires in %s", d)
		}
		time.Sleep(20 * time.Second)
		if e := l.extent(); e.First != 2 || e.End != 3 {
			t.Fatalf("extent is %+v", e)
		}
		s, _ := l.read(0)
		if s.gap == nil || s.gap.Lost != 2 || len(s.messages) != 1 {
			t.Fatalf("read %+v", s)
		}
		time.Sleep(time.Minute)
		if s, grown := l.read(3); grown == nil {
			t.Fatalf("an empty log gave %+v", s)
		}
	})
}

func TestLogTakeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(roomy)
		ctx, cancel := context.WithCancel(t.Context())
		stop := make(chan struct{})
		results := make(chan error, 4)
		take := func(ctx context.Context, stop chan struct{}) {
			_, err := l.take(ctx, stop, 0)
			results <- err
		}
		expect := func(want error) {
			t.Helper()
			if err := <-results; !errors.Is(err, want) {
				t.Fatalf("got %v, want %v", err, want)
			}
		}
		go take(ctx, nil)
		synctest.Wait()
		cancel()
		expect(context.Canceled)

		go take(t.Context(), stop)
		synctest.Wait()
		close(stop)
		expect(errStopped)

		go take(t.Context(), nil)
		go take(t.Context(), nil)
		synctest.Wait()
		fill(l, 1)
		expect(nil)
		expect(nil)

		l.close()
		_, err := l.take(t.Context(), nil, 1)
		results <- err
		expect(errEnded)
	})
}

func TestLocate(t *testing.T) {
	at := func(ms int64) time.Time { return time.UnixMilli(ms) }
	l := newLog(bounds{messages: 4, bytes: 1 << 20, age: time.Hour})
	for _, ms := range []int64{100, 900, 300, 400, 200, 500} { // offsets 2 to 5 are kept
		l.append(&domain.Message{Payload: []byte("x"), Time: at(ms)})
	}
	vector := func(epoch domain.Epoch, place domain.Place) domain.Start {
		return domain.StartVector(domain.NewVector(epoch, place))
	}
	sinceVector := domain.NewVector(l.epoch)
	sinceVector.Since = at(950)
	for name, c := range map[string]struct {
		start  domain.Start
		next   int64
		reason domain.GapReason
		lost   int64
	}{
		"latest":              {domain.StartLatest(), 6, "", 0},
		"earliest":            {domain.StartEarliest(), 2, "", 0},
		"last 1":              {domain.StartLast(1), 5, "", 0},
		"last 0":              {domain.StartLast(0), 6, "", 0},
		"last 100":            {domain.StartLast(100), 2, "", 0},
		"time":                {domain.StartTime(at(301)), 3, "", 0},
		"time of the first":   {domain.StartTime(at(0)), 2, "", 0},
		"time after the last": {domain.StartTime(at(901)), 6, "", 0},
		"place":               {vector(l.epoch, domain.Place{Next: 4}), 4, "", 0},
		"place at the end":    {vector(l.epoch, domain.Place{Next: 6}), 6, "", 0},
		"place trimmed":       {vector(l.epoch, domain.Place{Next: 1}), 2, domain.GapRetention, 1},
		"no place":            {domain.StartVector(domain.NewVector(l.epoch)), 2, domain.GapRetention, 2},
		"place beyond":        {vector(l.epoch, domain.Place{Next: 7}), 6, domain.GapBroker, domain.LostUnknown},
		"another epoch":       {vector(l.epoch+1, domain.Place{Next: 4}), 2, domain.GapEpoch, domain.LostUnknown},
		"epoch not known":     {vector(0, domain.Place{Next: 4}), 4, "", 0},
		"pending":             {vector(l.epoch, domain.Place{Since: at(901)}), 6, "", 0},
		"pending trimmed":     {vector(l.epoch, domain.Place{Since: at(400)}), 3, domain.GapRetention, domain.LostUnknown},
		"all pending":         {domain.StartVector(sinceVector), 6, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			next, gap := l.locate(c.start)
			if next != c.next {
				t.Errorf("begins at %d, want %d", next, c.next)
			}
			switch {
			case c.reason == "" && gap != nil:
				t.Errorf("gap %+v", gap)
			case c.reason != "" && (gap == nil || gap.Reason != c.reason || gap.Lost != c.lost):
				t.Errorf("gap %+v, want %s of %d", gap, c.reason, c.lost)
			}
		})
	}
}
