package subscribe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
	"culvert/ports"
)

// spot is one partition of one topic.
type spot struct {
	topic     domain.Topic
	partition int32
}

// given are the offsets that a viewer was given.
type given map[spot][]int64

func (g given) take(b ports.Batch) (messages int) {
	for _, span := range b.Spans {
		for _, e := range span.Events() {
			if e.Message != nil {
				at := spot{e.Topic, e.Message.Partition}
				g[at] = append(g[at], e.Message.Offset)
				messages++
			}
		}
	}
	return messages
}

// TestAStreamEndsWhereItWasTo lets streams of one or two topics read from anywhere to anywhere, while messages are published, and then go on from where
// they ended. What a stream gives up to its end and what it gives after it are together all that it would have given without one, and nothing of
// the former lies past the end.
func TestAStreamEndsWhereItWasTo(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		bubble(t, func(ctx context.Context) { aStreamEndsWhereItWasTo(ctx, rt) })
	})
}

func aStreamEndsWhereItWasTo(ctx context.Context, t *rapid.T) {
	c := newFakeCluster()
	patterns := []domain.Pattern{"a"}
	if rapid.Bool().Draw(t, "two topics") {
		patterns = rapid.SampledFrom([][]domain.Pattern{{"a", "b"}, {"*"}, {"b*", "a"}}).Draw(t, "patterns")
	}
	c.create("a", rapid.IntRange(1, 3).Draw(t, "partitions")).marked = rapid.Bool().Draw(t, "marked")
	if patterns[0] != "a" || len(patterns) > 1 {
		c.create("b", rapid.IntRange(1, 3).Draw(t, "partitions")).marked = rapid.Bool().Draw(t, "marked")
	}
	cfg := testConfig()
	cfg.Window.Messages = rapid.IntRange(1, 20).Draw(t, "window")
	cfg.BatchBytes = rapid.IntRange(1, 2000).Draw(t, "batch")
	cfg.ReplaysPerClient = rapid.IntRange(1, 2).Draw(t, "replays")
	s, err := New(c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p := publisher{t: t, c: c}
	p.some("before")
	leaves := func() {}
	if rapid.Bool().Draw(t, "somebody reads") {
		other, leave := context.WithCancel(ctx)
		defer leave()
		if _, err := s.View(other, ports.View{Topics: patterns}); err != nil {
			t.Fatal(err)
		}
		leaves = leave
		p.some("in the log")
	}

	v := ports.View{Topics: patterns, Heartbeat: time.Second}
	if rapid.Bool().Draw(t, "filtered") {
		v.Keys = [][]byte{[]byte("b")}
	}
	if rapid.Bool().Draw(t, "limited") {
		v.Limit = int64(rapid.IntRange(1, 20).Draw(t, "limit"))
	}
	from := p.from(began, patterns, &v)
	to := p.to(began, patterns, &v)
	expect := p.between(from, to, newFilter(v.Keys, nil))

	open, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := s.View(open, v)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait() // it has asked where the end is
	first := given{}
	n := 0
	for silent := 0; ; {
		if rapid.IntRange(0, 2).Draw(t, "publish") == 0 {
			p.some("meanwhile")
		}
		b, err := stream.Next(ctx)
		if bye := (*domain.Bye)(nil); errors.As(err, &bye) {
			if bye.Reason != domain.ByeEnd || bye.Reconnect {
				t.Fatalf("bye %+v", bye)
			}
			break
		} else if err != nil {
			t.Fatal(err)
		}
		n += first.take(b)
		if len(b.Spans) > 0 {
			silent = 0
		} else if silent++; silent > 30 {
			t.Fatal("the stream hangs before its end")
		}
		if v.Limit > 0 && int64(n) > v.Limit {
			t.Fatalf("%d messages, though at most %d were wanted", n, v.Limit)
		}
	}
	end := stream.Cursor()
	if !end.End {
		t.Fatalf("the end is %+v", end)
	}
	cut := v.Limit > 0 && int64(n) == v.Limit
	for at, want := range expect() {
		have := first[at]
		if cut && len(have) < len(want) {
			want = want[:len(have)]
		}
		if !slices.Equal(have, want) {
			t.Fatalf("%v: was given %v up to the end, want %v", at, have, want)
		}
	}

	// The end is a place as any other: what follows is all the rest.
	cancel()
	synctest.Wait() // the stream that ended has given its readers back
	v.To, v.Limit, v.Resume = nil, 0, &end
	open, cancel = context.WithCancel(ctx)
	defer cancel()
	stream, err = s.View(open, v)
	if err != nil {
		t.Fatal(err)
	}
	for quiet := 0; quiet < 2; {
		b, err := stream.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if first.take(b) > 0 {
			quiet = 0
		} else {
			quiet++
		}
	}
	for at, want := range p.between(from, p.nowhere(), newFilter(v.Keys, nil))() {
		if !slices.Equal(first[at], want) {
			t.Fatalf("%v: was given %v in all, want %v", at, first[at], want)
		}
	}
	cancel()
	leaves()
	synctest.Wait()
	if err := s.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	if n := c.readers(); n != 0 {
		t.Fatalf("%d readers are left", n)
	}
}

// The end of a partition may be a mark of the broker's, which no message tells of.
func TestAStreamEndsPastWhatCarriesNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(2)
		b.marked = true
		for range 3 {
			b.put(1, "k")
		}
		b.change(func() { b.offset(1) }) // its end is past a mark now
		s := newService(t, b, nil)
		stream, cancel := view(t, s, ports.View{From: domain.StartEarliest(), To: &domain.Stop{Latest: true}, Heartbeat: time.Second})
		defer cancel()
		if got := payloads(next(t, stream)); len(got) != 3 {
			t.Fatalf("got %v", got)
		}
		wantBye(t, stream, domain.ByeEnd)
	})
}

// A topic that was made anew before the end came was taken for one that has none: nothing of it was given.
func TestAStreamEndsInATopicThatWasMadeAnew(t *testing.T) {
	for _, prints := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newFakeBroker(1)
			b.prints = prints
			b.put(0, "k")
			s := newService(t, b, nil)
			stream, cancel := view(t, s, ports.View{From: domain.StartEarliest(), To: &domain.Stop{Time: time.Now().Add(5 * time.Second)}})
			defer cancel()
			next(t, stream)
			time.Sleep(time.Second)
			b.recreate()
			synctest.Wait()
			b.put(0, "k")
			b.put(0, "k")
			time.Sleep(5 * time.Second)
			b.put(0, "too late")
			synctest.Wait()
			batch := next(t, stream)
			if gap := batch.Spans[0].Run.Gap; gap == nil || gap.Reason != domain.GapEpoch {
				t.Fatalf("gap %+v", gap)
			}
			if got := payloads(batch); len(got) != 2 {
				t.Fatalf("got %v, want both messages of before the end", got)
			}
			wantBye(t, stream, domain.ByeEnd)
		})
	}
}

// publisher fills topics, and knows where everything in them is.
type publisher struct {
	t *rapid.T
	c *fakeCluster
}

// some publishes a few messages at a time into any partition, which may end in marks of the broker's own.
func (p publisher) some(when string) {
	for range rapid.IntRange(0, 5).Draw(p.t, "bursts "+when) {
		names := p.c.names()
		name := names[rapid.IntRange(0, len(names)-1).Draw(p.t, "topic")]
		b := p.c.topic(name)
		partition := int32(rapid.IntRange(0, len(b.first)-1).Draw(p.t, "partition"))
		for range rapid.IntRange(1, 6).Draw(p.t, "messages") {
			b.put(partition, string(rune('a'+rapid.IntRange(0, 2).Draw(p.t, "key"))))
			if rapid.Bool().Draw(p.t, "tick") {
				time.Sleep(100 * time.Millisecond)
			}
		}
		if rapid.Bool().Draw(p.t, "marks follow") {
			b.change(func() { b.offset(partition) })
		}
	}
	synctest.Wait()
}

// bound is where a stretch of partitions begins, or ends.
type bound func(at spot) int64

func (p publisher) from(began time.Time, patterns []domain.Pattern, v *ports.View) bound {
	switch rapid.SampledFrom([]string{"latest", "earliest", "last", "time", "cursor"}).Draw(p.t, "from") {
	case "earliest":
		v.From = domain.StartEarliest()
		return func(spot) int64 { return 0 }
	case "last":
		n := rapid.Int64Range(1, 8).Draw(p.t, "n")
		v.From = domain.StartLast(n)
		return p.fixed(func(at spot) int64 { return max(0, p.end(at)-n) })
	case "time":
		since := p.time(began)
		v.From = domain.StartTime(since)
		return p.fixed(func(at spot) int64 { return p.since(at, since) })
	case "cursor":
		c, places := p.cursor(patterns)
		v.Resume = &c
		return places
	}
	return p.fixed(p.end)
}

func (p publisher) to(began time.Time, patterns []domain.Pattern, v *ports.View) bound {
	switch rapid.SampledFrom([]string{"latest", "past", "future", "cursor", "times"}).Draw(p.t, "to") {
	case "past":
		past := p.time(began)
		v.To = &domain.Stop{Time: past}
		return p.fixed(func(at spot) int64 { return p.since(at, past) })
	case "future":
		v.To = &domain.Stop{Time: time.Now().Add(time.Duration(rapid.IntRange(1, 5000).Draw(p.t, "ms")) * time.Millisecond)}
		return func(at spot) int64 { return p.since(at, v.To.Time) }
	case "cursor":
		c, places := p.cursor(patterns)
		v.To = &domain.Stop{Cursor: &c}
		return places
	case "times":
		return p.times(began, patterns, v)
	}
	v.To = &domain.Stop{Latest: true}
	return p.fixed(p.end)
}

// times ends some partitions by a cursor in which they are pending, or which knows no place at all.
func (p publisher) times(began time.Time, patterns []domain.Pattern, v *ports.View) bound {
	c, places := p.cursor(patterns)
	since := p.time(began)
	timed := map[spot]bool{}
	for i, t := range c.Topics {
		topic, one := t.Topic.Topic()
		switch {
		case !one:
		case rapid.Bool().Draw(p.t, "no place known"):
			c.Topics[i].Vector = &domain.Vector{Since: since}
			for _, place := range t.Vector.Places() {
				timed[spot{topic, place.Partition}] = true
			}
		default:
			for _, place := range t.Vector.Places() {
				if rapid.Bool().Draw(p.t, "pending") {
					c.Topics[i].Vector = c.Topics[i].Vector.With(domain.Place{Partition: place.Partition, Since: since})
					timed[spot{topic, place.Partition}] = true
				}
			}
		}
	}
	v.To = &domain.Stop{Cursor: &c}
	return p.fixed(func(at spot) int64 {
		if timed[at] {
			return p.since(at, since)
		}
		return places(at)
	})
}

// cursor is one that was seen with any part of what there is.
func (p publisher) cursor(patterns []domain.Pattern) (c domain.Cursor, places bound) {
	next := map[spot]int64{}
	for _, name := range p.c.names() {
		b := p.c.topic(name)
		v := &domain.Vector{Epoch: b.epoch}
		for partition := range b.first {
			at := spot{name, int32(partition)}
			next[at] = rapid.Int64Range(0, p.end(at)).Draw(p.t, fmt.Sprint("next of ", at))
			v = v.With(domain.Place{Partition: at.partition, Next: next[at]})
		}
		c = c.With(domain.Pattern(name), v)
	}
	return c.Of(patterns), func(at spot) int64 { return next[at] }
}

func (p publisher) time(began time.Time) time.Time {
	passed := int(time.Since(began) / time.Millisecond)
	return began.Add(time.Duration(rapid.IntRange(-1, passed).Draw(p.t, "ms")) * time.Millisecond)
}

func (p publisher) nowhere() bound { return p.end }

// fixed is a bound as of now.
func (p publisher) fixed(where bound) bound {
	known := map[spot]int64{}
	for _, name := range p.c.names() {
		for partition := range p.c.topic(name).first {
			at := spot{name, int32(partition)}
			known[at] = where(at)
		}
	}
	return func(at spot) int64 { return known[at] }
}

func (p publisher) end(at spot) int64 { return p.c.topic(at.topic).end(at.partition) }

// since is the offset of the first message of a time, else the end.
func (p publisher) since(at spot, t time.Time) int64 {
	for o, m := range p.c.topic(at.topic).partitions[at.partition] {
		if m != nil && !m.Time.Before(t) {
			return int64(o)
		}
	}
	return p.end(at)
}

// between are the messages in a stretch that pass a filter, when it is asked.
func (p publisher) between(from, to bound, f filter) func() given {
	return func() given {
		all := given{}
		for _, name := range p.c.names() {
			for partition, messages := range p.c.topic(name).partitions {
				at := spot{name, int32(partition)}
				for _, m := range messages {
					if m != nil && m.Offset >= from(at) && m.Offset < to(at) && f.wants(m) {
						all[at] = append(all[at], m.Offset)
					}
				}
				if _, ok := all[at]; !ok {
					all[at] = nil
				}
			}
		}
		return all
	}
}
