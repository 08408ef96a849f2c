package domain_test

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
)

var idFormat = &domain.Format{Name: "ids", Append: func(dst []byte, e domain.Event) []byte {
	if e.Cursor == "" {
		return append(dst, '.')
	}
	return append(dst, '#')
}}

func runOf(partitions int32, messages int) *domain.Run {
	var places []domain.Place
	for p := range partitions {
		places = append(places, domain.Place{Partition: p, Next: 1_000_000})
	}
	r := &domain.Run{Topic: "t", Base: domain.NewVector(1, places...)}
	for i := range messages {
		r.Messages = append(r.Messages, &domain.Message{Payload: []byte(strconv.Itoa(i)), Position: domain.Position{Offset: 1_000_000 + int64(i)}})
	}
	r.After = r.Base.With(domain.Place{Next: 1_000_000 + int64(messages)})
	return r
}

func TestShortCursorsAreOnEveryEvent(t *testing.T) {
	r := runOf(1, 5)
	if got := string(r.Frames(idFormat).Between(0, 5)); got != "#####" {
		t.Errorf("got %s", got)
	}
}

func TestEachEventHasTheCursorAfterIt(t *testing.T) {
	r := runOf(3, 5)
	for from := range 5 {
		for i, e := range (domain.Span{Run: r, From: from, To: 5}).Events() {
			if want := domain.CursorOf("t", r.VectorAt(i+1)).String(); e.Cursor != want {
				t.Errorf("from %d: event %d has the cursor %s, want %s", from, i, e.Cursor, want)
			}
		}
	}
}

func TestLongCursorsAreOnEveryFiftiethAndTheLast(t *testing.T) {
	r := runOf(40, 120)
	got := string(r.Frames(idFormat).Between(0, 120))
	for i, c := range got {
		want := '.'
		if i == 49 || i == 99 || i == 119 {
			want = '#'
		}
		if c != want {
			t.Fatalf("event %d: %c in %s", i, c, got)
		}
	}
}

func TestFramesBetweenAreThoseOfTheEvents(t *testing.T) {
	r := runOf(1, 12)
	f := &domain.Format{Append: func(dst []byte, e domain.Event) []byte { return append(append(dst, e.Message.Payload...), ' ') }}
	if got := string(r.Frames(f).Between(9, 12)); got != "9 10 11 " {
		t.Errorf("got %q", got)
	}
	if r.Frames(f) != r.Frames(f) {
		t.Error("encoded twice")
	}
}

// A viewer that has seen more of another partition than the log at its place must not be told a cursor that forgets it.
func TestOwnCursorsKeepWhatTheViewerHasSeen(t *testing.T) {
	r := runOf(2, 3)
	own := domain.CursorOf("t", r.Base.With(domain.Place{Partition: 1, Next: 2_000_000}))
	span := domain.Span{Run: r, From: 1, To: 3, Own: &own}
	for i, e := range span.Events() {
		c, err := domain.ParseCursor(e.Cursor)
		if err != nil {
			t.Fatal(err)
		}
		v := c.Vector("t")
		if v.Next(0) != 1_000_001+int64(i) || v.Next(1) != 2_000_000 {
			t.Errorf("event %d: %+v", i, v)
		}
	}
}

// Every cursor inside a run tells by its fingerprint which message it was given with.
func TestCursorsHaveTheFingerprintsOfTheirMessages(t *testing.T) {
	r := runOf(2, 3)
	for i, m := range r.Messages {
		m.Fingerprint = uint32(i + 7)
	}
	r.After = r.Base.With(r.Messages[2].After())
	own := domain.CursorOf("t", r.Base.With(domain.Place{Partition: 1, Next: 2_000_000, Fingerprint: 5}))
	for name, span := range map[string]domain.Span{"shared": {Run: r, To: 3}, "own": {Run: r, To: 3, Own: &own}} {
		for i := range span.Events() {
			if place, _ := span.After(i).Vector("t").At(0); place != r.Messages[i].After() {
				t.Errorf("%s event %d: %+v", name, i, place)
			}
			if place, _ := span.After(i).Vector("t").At(1); span.Own != nil && place.Fingerprint != 5 {
				t.Errorf("%s event %d forgets the other partition: %+v", name, i, place)
			}
		}
	}
}

var payloadFormat = &domain.Format{Name: "payloads", Append: func(dst []byte, e domain.Event) []byte { return append(append(dst, e.Message.Payload...), ' ') }}

// singly are runs of one log, of one message each, that lie in its blocks.
func singly(n, size int) []*domain.Run {
	blocks := new(domain.Blocks)
	runs := make([]*domain.Run, n)
	for i := range runs {
		payload := fmt.Appendf(nil, "%0*d", size, i)
		runs[i] = &domain.Run{Topic: "t", Base: domain.NewVector(1, domain.Place{Next: int64(i)}), Messages: []*domain.Message{{Payload: payload, Position: domain.Position{Offset: int64(i)}}}, Blocks: blocks}
		runs[i].After = runs[i].Base.With(domain.Place{Next: int64(i) + 1})
	}
	return runs
}

// frames are those of runs as they are written.
func frames(runs []*domain.Run) (all [][]byte) {
	for _, r := range runs {
		all = domain.Span{Run: r, To: r.Len()}.Append(all, payloadFormat)
	}
	return all
}

func TestFramesOfNeighboursAreWrittenAsOne(t *testing.T) {
	runs := singly(1000, 99)
	want := ""
	for i := range runs {
		want += fmt.Sprintf("%099d ", i)
	}
	for range 2 { // encoded at first, then had
		got := frames(runs)
		if text := string(bytes.Join(got, nil)); text != want {
			t.Fatalf("got %.300s", text)
		}
		if len(got) > 9 { // 100 kB, in blocks from 1 to 64 KiB
			t.Errorf("1000 neighbours are %d parts", len(got))
		}
	}
}

// Runs that are asked for in any order, some that grow among them, in formats that others ask for, too, have the frames that they have by themselves.
func TestFramesAreTheirOwnWhereverTheyLie(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		blocks := new(domain.Blocks)
		upper := &domain.Format{Append: func(dst []byte, e domain.Event) []byte { return append(dst, bytes.ToUpper(e.Message.Payload)...) }}
		var runs []*domain.Run
		next := int64(0)
		message := func() *domain.Message {
			next++
			size := rapid.SampledFrom([]int{0, 1, 30, 600, 40_000}).Draw(t, "size")
			return &domain.Message{Payload: bytes.Repeat([]byte{byte('a' + next%26)}, size), Position: domain.Position{Offset: next - 1}}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			n := len(runs)
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				base := domain.NewVector(1, domain.Place{Next: next})
				m := message()
				runs = append(runs, &domain.Run{Topic: "t", Base: base, Messages: []*domain.Message{m}, After: base.With(m.After()), Blocks: blocks})
			case 1:
				if n > 0 {
					m := message()
					runs = append(runs, runs[n-1].Grown([]*domain.Message{m}, runs[n-1].After.With(m.After()), time.Now()))
				}
			default:
				if n > 0 {
					check(t, runs[rapid.IntRange(0, n-1).Draw(t, "run")], rapid.SampledFrom([]*domain.Format{payloadFormat, upper}).Draw(t, "format"))
				}
			}
		}
		for _, r := range runs {
			check(t, r, payloadFormat)
			check(t, r, upper)
		}
	})
}

// check holds all stretches of frames that begin with some event against those of the events.
func check(t *rapid.T, r *domain.Run, f *domain.Format) {
	from := rapid.IntRange(0, r.Len()-1).Draw(t, "from")
	var want []byte
	for to := from + 1; to <= r.Len(); to++ {
		want = f.Append(want, domain.Event{Message: r.Messages[to-1]})
		if got := r.Frames(f).Between(from, to); !bytes.Equal(got, want) {
			t.Fatalf("events %d to %d of %d are %.100q, want %.100q", from, to, r.Len(), got, want)
		}
	}
}

// What a viewer was given stays as it is while the run grows, and is encoded, for others.
func TestAGrownRunLeavesWhatItWas(t *testing.T) {
	came := time.Unix(1, 0)
	short := runOf(1, 2)
	short.Appended, short.Blocks = came, new(domain.Blocks)
	before := short.Frames(payloadFormat)
	m := &domain.Message{Payload: []byte("more"), Position: domain.Position{Offset: 1_000_002}}
	long := short.Grown([]*domain.Message{m}, short.After.With(m.After()), came.Add(time.Minute))
	if got := string(long.Frames(payloadFormat).Between(0, 3)); got != "0 1 more " {
		t.Errorf("the longer one is %q", got)
	}
	if got := string(before.Between(0, 2)); got != "0 1 " || short.Len() != 2 || short.After.Next(0) != 1_000_002 {
		t.Errorf("the shorter one is %q, up to %+v", got, short.After)
	}
	if &before.Between(0, 2)[0] != &long.Frames(payloadFormat).Between(0, 2)[0] {
		t.Error("what both have lies in memory twice")
	}
	for i, want := range []time.Time{came, came, came.Add(time.Minute)} {
		if at := long.AppendedAt(i); !at.Equal(want) {
			t.Errorf("event %d came at %v", i, at)
		}
	}
}
