package domain_test

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
)

func drawCursor(t *rapid.T) domain.Cursor {
	var c domain.Cursor
	for range rapid.IntRange(0, 4).Draw(t, "topics") {
		var places []domain.Place
		for range rapid.IntRange(0, 10).Draw(t, "places") {
			p := domain.Place{Partition: rapid.Int32Range(0, math.MaxInt32).Draw(t, "partition")}
			if rapid.Bool().Draw(t, "pending") {
				p.Since = drawTime(t)
			} else {
				p.Next = rapid.Int64Range(0, math.MaxInt64).Draw(t, "next")
			}
			places = append(places, p)
		}
		v := domain.NewVector(domain.Epoch(rapid.Uint64().Draw(t, "epoch")), places...)
		if rapid.Bool().Draw(t, "since") {
			v.Since = drawTime(t)
		} else if rapid.Bool().Draw(t, "last") {
			v.Last = rapid.Int64Range(1, math.MaxInt64).Draw(t, "n")
		}
		c.Topics = append(c.Topics, domain.TopicVector{Topic: domain.Topic(rapid.StringMatching(`[a-z]{1,20}`).Draw(t, "topic")), Vector: v})
	}
	c.End = rapid.Bool().Draw(t, "end")
	return c
}

func drawTime(t *rapid.T) time.Time {
	return time.UnixMilli(rapid.Int64Range(1, 4e12).Draw(t, "time")).UTC()
}

var cursorText = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func TestCursorRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCursor(t)
		text := c.String()
		if !cursorText.MatchString(text) {
			t.Fatalf("%q has characters that a cursor must not have", text)
		}
		back, err := domain.ParseCursor(text)
		if err != nil {
			t.Fatal(err)
		}
		if back.End != c.End || len(back.Topics) != len(c.Topics) {
			t.Fatalf("%+v came back as %+v", c, back)
		}
		for i := range c.Topics {
			if back.Topics[i].Topic != c.Topics[i].Topic || !back.Topics[i].Vector.Equal(c.Topics[i].Vector) {
				t.Fatalf("%+v came back as %+v", c.Topics[i], back.Topics[i])
			}
		}
	})
}

func TestEveryDamageToACursorIsSeen(t *testing.T) {
	text := domain.CursorOf("orders", domain.NewVector(77, domain.Place{Next: 5}, domain.Place{Partition: 1, Next: 900})).String()
	for i := range text {
		for _, c := range "Ab0_" {
			damaged := text[:i] + string(c) + text[i+1:]
			if damaged == text {
				continue
			}
			if _, err := domain.ParseCursor(damaged); domain.CodeOf(err) != domain.InvalidCursor {
				t.Errorf("%q (%q at %d): %v", damaged, c, i, err)
			}
		}
		if _, err := domain.ParseCursor(text[:i]); domain.CodeOf(err) != domain.InvalidCursor {
			t.Errorf("cut to %d: %v", i, err)
		}
	}
}

func TestAHundredPartitionsFitIntoACursor(t *testing.T) {
	var places []domain.Place
	for p := range int32(100) {
		places = append(places, domain.Place{Partition: p, Next: math.MaxInt64})
	}
	text := domain.CursorOf(domain.Topic(strings.Repeat("t", 249)), domain.NewVector(math.MaxUint64, places...)).String()
	if len(text) > domain.MaxCursor {
		t.Errorf("%d bytes, at most %d", len(text), domain.MaxCursor)
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add(domain.CursorOf("orders", domain.NewVector(1, domain.Place{Next: 5})).String())
	f.Add("AQAA")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := domain.ParseCursor(s)
		if err != nil {
			if domain.CodeOf(err) != domain.InvalidCursor {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if again, err := domain.ParseCursor(c.String()); err != nil || again.String() != c.String() {
			t.Errorf("%q was read as %q, and that as %q: %v", s, c, again, err)
		}
	})
}
