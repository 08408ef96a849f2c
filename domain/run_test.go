package domain_test

import (
	"strconv"
	"testing"

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
