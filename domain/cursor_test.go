package domain_test

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"math"
	"regexp"
	"slices"
	"strconv"
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
				if rapid.Bool().Draw(t, "printed") {
					p.Fingerprint = rapid.Uint32().Draw(t, "fingerprint")
				}
			}
			places = append(places, p)
		}
		v := domain.NewVector(domain.Epoch(rapid.Uint64().Draw(t, "epoch")), places...)
		if rapid.Bool().Draw(t, "since") {
			v.Since = drawTime(t)
		} else if rapid.Bool().Draw(t, "last") {
			v.Last = rapid.Int64Range(1, math.MaxInt64).Draw(t, "n")
		}
		c.Topics = append(c.Topics, domain.TopicVector{Topic: domain.Pattern(rapid.StringMatching(`[a-z]{1,20}`).Draw(t, "topic")), Vector: v})
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

// A stream whose cursor fits when it is opened goes on for ever: no place, time or mark that moves on makes its text too long.
func TestACursorThatFitsGoesOnFitting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c domain.Cursor
		for i := range rapid.IntRange(1, 30).Draw(t, "topics") {
			v := &domain.Vector{Epoch: domain.Epoch(rapid.Uint64().Draw(t, "epoch"))}
			printed := rapid.Bool().Draw(t, "printed")
			for p := range int32(rapid.IntRange(0, 150).Draw(t, "partitions")) {
				place := domain.Place{Partition: p * rapid.SampledFrom([]int32{1, 300, 1 << 20}).Draw(t, "step"), Next: rapid.Int64Range(0, 1<<40).Draw(t, "next")}
				if printed {
					place.Fingerprint = rapid.Uint32().Draw(t, "fingerprint")
				}
				v = v.With(place)
			}
			name := domain.Pattern(strings.Repeat("n", rapid.IntRange(1, 200).Draw(t, "length")) + strconv.Itoa(i))
			c = c.With(name, v)
		}
		if !c.Fits() {
			return
		}
		grown := domain.Cursor{End: true}
		for _, topic := range c.Topics {
			w := &domain.Vector{Epoch: math.MaxUint64, Since: drawTime(t)}
			for _, p := range topic.Vector.Places() {
				if rapid.IntRange(0, 3).Draw(t, "pending") == 0 {
					p = domain.Place{Partition: p.Partition, Since: drawTime(t)}
				} else if p.Next = 1 << 48; p.Fingerprint != 0 {
					p.Fingerprint = math.MaxUint32
				}
				w = w.With(p)
			}
			grown = grown.With(topic.Topic, w)
		}
		if n := len(grown.String()); n > domain.MaxCursor {
			t.Fatalf("a cursor that fitted grew to %d bytes, at most %d are possible", n, domain.MaxCursor)
		}
	})
}

func TestPatternsInCursors(t *testing.T) {
	rest, orders, old := &domain.Vector{}, domain.NewVector(1, domain.Place{Next: 5}), domain.NewVector(2, domain.Place{Next: 7})
	c := domain.CursorOf("b.orders", orders).With("b.*", rest).With("b.old", old)
	back, err := domain.ParseCursor(c.String())
	if err != nil || back.String() != c.String() || !back.Has("b.*") || back.Has("b.x") {
		t.Fatalf("%+v came back as %+v: %v", c, back, err)
	}
	for topic, want := range map[domain.Topic]*domain.Vector{"b.orders": orders, "b.old": old, "b.new": rest, "b.": rest, "c": nil, "ab.x": nil} {
		if got := c.Vector(topic); got != want {
			t.Errorf("%s: %+v, want %+v", topic, got, want)
		}
	}
	for _, w := range []struct {
		topics []domain.Pattern
		of     []domain.Pattern
	}{
		{[]domain.Pattern{"b.*"}, []domain.Pattern{"b.orders", "b.*", "b.old"}},
		{[]domain.Pattern{"b.o*"}, []domain.Pattern{"b.orders", "b.old"}},
		{[]domain.Pattern{"b.new"}, []domain.Pattern{"b.new"}},
		{[]domain.Pattern{"c", "b.old"}, []domain.Pattern{"b.old"}},
		{[]domain.Pattern{"c", "c*"}, nil},
	} {
		var names []domain.Pattern
		for _, topic := range c.Of(w.topics).Topics {
			names = append(names, topic.Topic)
		}
		if !slices.Equal(names, w.of) || c.Shares(w.topics) != (len(w.of) > 0) {
			t.Errorf("%v: it says something of %v, want %v", w.topics, names, w.of)
		}
	}
	if c.With("b.*", old); c.Vector("b.new") != rest {
		t.Error("With changed the cursor")
	}
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
		places = append(places, domain.Place{Partition: p, Next: math.MaxInt64, Fingerprint: math.MaxUint32})
	}
	text := domain.CursorOf(domain.Topic(strings.Repeat("t", 249)), domain.NewVector(math.MaxUint64, places...)).String()
	if len(text) > domain.MaxCursor {
		t.Errorf("%d bytes, at most %d", len(text), domain.MaxCursor)
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add(domain.CursorOf("orders", domain.NewVector(1, domain.Place{Next: 5})).String())
	f.Add(domain.CursorOf("orders", domain.NewVector(1, domain.Place{Next: 5, Fingerprint: 9}, domain.Place{Partition: 1, Since: time.UnixMilli(7)})).String())
	f.Add(domain.CursorOf("*", &domain.Vector{}).With("b.*-x", &domain.Vector{Last: 3}).With("b.1-x", domain.NewVector(9, domain.Place{Next: 1 << 48})).String())
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

// Clients keep the text of cursors, so one that was told once is read, and written, alike for ever.
func TestCursorTextsAreGolden(t *testing.T) {
	pending := domain.Place{Partition: 4, Since: time.UnixMilli(1_767_366_245_000)}
	plain := domain.NewVector(77, domain.Place{Next: 5}, domain.Place{Partition: 3, Next: 900}, pending)
	printed := plain.With(domain.Place{Partition: 3, Next: 900, Fingerprint: 0xfeedbeef})
	trades := domain.TopicVector{Topic: "trades", Vector: domain.NewVector(1, domain.Place{Next: 1})}
	for text, c := range map[string]domain.Cursor{
		"AQABBm9yZGVyc00AAAAAAAAAAAMACgOIDgGR6uXz72Y017-7":                                    domain.CursorOf("orders", plain),
		"AQMCBm9yZGVyc00AAAAAAAAAAAMACgADiA7v_bb3DwGR6uXz72YGdHJhZGVzAQAAAAAAAAAAAQACAM_VP3M": {End: true, Topics: []domain.TopicVector{{Topic: "orders", Vector: printed}, trades}},
	} {
		if got := c.String(); got != text {
			t.Errorf("%+v is %s, was %s", c, got, text)
		}
		back, err := domain.ParseCursor(text)
		if err != nil || back.String() != text || back.End != c.End || !back.Topics[0].Vector.Equal(c.Topics[0].Vector) {
			t.Errorf("%s was read as %+v: %v", text, back, err)
		}
	}
	if plain.Equal(printed) {
		t.Error("a fingerprint makes no difference")
	}
}

// What no server writes is refused, be its checksum right.
func TestCursorsThatNobodyWrote(t *testing.T) {
	body := func(flags byte, place ...byte) []byte {
		raw := append([]byte{1, flags, 1, 1, 't'}, make([]byte, 8+1)...) // one topic, no epoch, no Since
		return append(append(raw, 1, 0), place...)                       // one place, of partition 0
	}
	for name, c := range map[string]struct {
		raw  []byte
		good bool
	}{
		"a place":                           {body(0, 10), true},
		"with a fingerprint":                {body(2, 10, 7), true},
		"the largest fingerprint":           {body(2, 10, 0xff, 0xff, 0xff, 0xff, 0x0f), true},
		"an unknown flag":                   {body(4, 10), false},
		"an unknown flag beside a known":    {body(6, 10, 7), false},
		"fingerprints that are all unknown": {body(2, 10, 0), false},
		"a fingerprint of 33 bits":          {body(2, 10, 0x80, 0x80, 0x80, 0x80, 0x10), false},
		"no fingerprint where one is said":  {body(2, 10), false},
		"a fingerprint that was not said":   {body(0, 10, 7), false},
		"a fingerprint of a pending place":  {body(2, 11, 7), false},
	} {
		sum := crc32.Checksum(c.raw, crc32.MakeTable(crc32.Castagnoli))
		text := base64.RawURLEncoding.EncodeToString(binary.LittleEndian.AppendUint32(c.raw, sum))
		back, err := domain.ParseCursor(text)
		if (err == nil) != c.good || err != nil && domain.CodeOf(err) != domain.InvalidCursor || err == nil && back.String() != text {
			t.Errorf("%s: %+v, %v", name, back, err)
		}
	}
}
