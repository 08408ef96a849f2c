package subscribe

import (
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// printed is chunk with fingerprints of one incarnation.
func printed(incarnation uint32, from, to int64) domain.Chunk {
	c := chunk(0, from, to)
	for _, m := range c.Messages {
		m.Fingerprint = printOf(incarnation, m.Offset+1)
	}
	return c
}

// printOf is the fingerprint of the message before next.
func printOf(incarnation uint32, next int64) uint32 { return incarnation<<printBits | uint32(next) }

func TestAPlaceOfAnotherIncarnationDoesNotComeIn(t *testing.T) {
	now := time.Now()
	l := newLog("t", wide, domain.NewVector(1, domain.Place{Next: 100, Fingerprint: printOf(1, 100)}), new(bells))
	l.append(printed(1, 100, 110), now) // numbers 0 to 9
	moved := printed(1, 110, 120)       // of the same run, to 19
	moved.Next = 125
	l.append(moved, now)
	l.append(printed(1, 125, 130), now) // to 24
	for name, c := range map[string]struct {
		next        int64
		fingerprint uint32
		checked     uint64
		number      uint64
		ok          bool
	}{
		"at the tail":                     {100, printOf(1, 100), unchecked, 0, true},
		"another at the tail":             {100, printOf(2, 100), unchecked, 0, false},
		"none at the tail":                {100, 0, unchecked, 0, true},
		"in a run":                        {105, printOf(1, 105), unchecked, 0, true},
		"another in a run":                {105, printOf(2, 105), unchecked, 0, false},
		"another that the broker allowed": {105, printOf(2, 105), 0, 0, false},
		"none in a run":                   {105, 0, unchecked, 0, true},
		"between runs":                    {110, printOf(1, 110), unchecked, 0, true},
		"another between runs":            {110, printOf(2, 110), unchecked, 0, false},
		"at the end":                      {130, printOf(1, 130), unchecked, 25, true},
		"another at the end":              {130, printOf(2, 130), unchecked, 0, false},
		"past what has no messages":       {125, printOf(1, 125), unchecked, 0, false},
		"that, says the broker":           {125, printOf(1, 125), 0, 20, true},
		"in what has no messages":         {122, printOf(1, 122), unchecked, 0, false},
		"past a message, says the broker": {120, printOf(1, 120), 0, 20, true},
		"ahead, says the broker":          {140, printOf(1, 140), 0, 25, true},
	} {
		v := domain.NewVector(1, domain.Place{Next: c.next, Fingerprint: c.fingerprint})
		if number, ok := l.enter(v, c.checked); ok != c.ok || ok && number != c.number {
			t.Errorf("%s: number %d, %v; want %d, %v", name, number, ok, c.number, c.ok)
		}
	}
	l.append(domain.Chunk{Next: 130}, now)
	if _, head, _ := l.live(); head.Places()[0].Fingerprint != printOf(1, 130) {
		t.Errorf("a chunk without anything made the end %+v", head.Places())
	}
}

// madeAnew begins an incarnation with n messages.
func madeAnew(incarnation uint32, n int64) domain.Chunk {
	c := printed(incarnation, 0, n)
	c.Gap = &domain.Gap{Reason: domain.GapEpoch, Lost: domain.LostUnknown}
	return c
}

// A replay that began before the topic was made anew knows nothing of what the log holds after it, though the epoch is the same.
func TestAReplayFromBeforeTheTopicWasMadeAnew(t *testing.T) {
	now := time.Now()
	l := newLog("t", wide, domain.NewVector(1, domain.Place{Next: 0}), new(bells))
	for i := range int64(5) {
		l.append(printed(1, i, i+1), now) // numbers 0 to 4
	}
	_, _, checked := l.live()
	l.append(madeAnew(2, 3), now) // a gap, number 5, and 6 to 8
	if _, ok := l.enter(domain.NewVector(1, domain.Place{Next: 9, Fingerprint: printOf(1, 9)}), checked); ok {
		t.Error("came in ahead of a log of another incarnation")
	}
	if number, ok := l.enter(domain.NewVector(1, domain.Place{Next: 2, Fingerprint: printOf(2, 2)}), checked); !ok || number != 6 {
		t.Errorf("where the log knows the message: number %d, %v; want 6", number, ok)
	}
	if number, ok := l.enter(domain.NewVector(1, domain.Place{}), unchecked); !ok || number != 6 {
		t.Errorf("the new incarnation begins with 6; came in at %d, %v", number, ok)
	}
}

// A viewer who came in ahead of the log has seen offsets that come again with other messages.
func TestAViewerAheadOfATopicThatIsMadeAnew(t *testing.T) {
	now := time.Now()
	l := newLog("t", wide, domain.NewVector(1, domain.Place{}), new(bells))
	l.append(printed(1, 0, 5), now)
	s := bareTrack(t, l)
	s.at, s.vector, s.own = 5, domain.NewVector(1, domain.Place{Next: 8, Fingerprint: printOf(1, 8)}), true
	l.append(madeAnew(2, 3), now)
	s.gather()
	if spans := s.s.memory.spans; len(spans) != 2 || spans[0].Run.Gap == nil || len(spans[1].Run.Messages) != 3 {
		t.Fatalf("was given %+v, want a gap and three messages", spans)
	}
	if want := domain.NewVector(1, domain.Place{Next: 3, Fingerprint: printOf(2, 3)}); !s.vector.Equal(want) || s.own {
		t.Errorf("the place is %+v, want the log's", s.vector)
	}
}

// A cursor of a topic that was made anew under the same epoch was taken for one of the new topic, and what came before its offset there was
// never told.
func TestACursorOfATopicMadeAnewUnderTheSameEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		b.prints = true
		for range 3 {
			b.put(0, "k")
		}
		before := newService(t, b, nil)
		stream, cancel := view(t, before, ports.View{From: domain.StartEarliest()})
		next(t, stream)
		cursor := stream.Cursor()
		cancel()
		if err := before.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.recreate()

		s := newService(t, b, nil)
		_, cancel = view(t, s, ports.View{})
		defer cancel()
		for range 5 {
			b.put(0, "k")
		}
		synctest.Wait() // the log holds all of the new topic
		resumed, cancel := view(t, s, ports.View{Resume: &cursor})
		defer cancel()
		r := resumed.Ready()
		if *r.Resumed || r.Reason != ports.ResumeEpoch || r.Cursor.String() != cursor.String() {
			t.Fatalf("ready %+v", r)
		}
		batch := next(t, resumed)
		if gap := batch.Spans[0].Run.Gap; gap == nil || gap.Reason != domain.GapEpoch {
			t.Fatalf("gap %+v", gap)
		}
		if got := payloads(batch); got[0] != "0/0" {
			t.Fatalf("went on at %v", got)
		}
		synctest.Wait()
		if n := b.readers(); n != 1 {
			t.Errorf("%d readers: the live log had it all", n)
		}
	})
}

// Where the broker goes by fingerprints another epoch is none.
func TestACursorOfAnotherEpochThatTheBrokerTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		b.prints = true
		for range 3 {
			b.put(0, "k")
		}
		cursor := domain.CursorOf("t", domain.NewVector(77, domain.Place{Next: 2, Fingerprint: printOf(1, 2)}))
		s := newService(t, b, nil)
		stream, cancel := view(t, s, ports.View{Resume: &cursor})
		defer cancel()
		r := stream.Ready()
		want := domain.NewVector(1, domain.Place{Next: 2, Fingerprint: printOf(1, 2)})
		if !*r.Resumed || r.Reason != "" || !r.Cursor.Vector("t").Equal(want) {
			t.Fatalf("ready %+v", r)
		}
		if got := payloads(next(t, stream)); len(got) != 1 || got[0] != "0/2" {
			t.Fatalf("went on at %v", got)
		}
		b.put(0, "k")
		if got := payloads(next(t, stream)); len(got) != 1 || got[0] != "0/3" {
			t.Fatalf("went on at %v", got)
		}
		synctest.Wait()
		if n := b.readers(); n != 1 {
			t.Errorf("%d readers: the replay has met the log", n)
		}
	})
}

// A viewer that jumps over the end of an incarnation is told of the other one, not of a number of messages.
func TestAJumpIntoAnotherIncarnation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		b.prints = true
		s := newService(t, b, func(c *Config) { c.Window.Messages = 1 })
		stream, cancel := view(t, s, ports.View{Overflow: ports.OverflowDrop})
		defer cancel()
		b.put(0, "k")
		if got := payloads(next(t, stream)); len(got) != 1 {
			t.Fatalf("got %v", got)
		}
		b.recreate()
		synctest.Wait()
		for range 9 {
			b.put(0, "k")
			synctest.Wait()
		}
		if gap := next(t, stream).Spans[0].Run.Gap; gap == nil || gap.Reason != domain.GapEpoch {
			t.Fatalf("gap %+v", gap)
		}
		if place, want := stream.Cursor().Vector("t").Places()[0], (domain.Place{Next: 9, Fingerprint: printOf(2, 9)}); place != want {
			t.Errorf("the place is %+v, want %+v", place, want)
		}
	})
}
