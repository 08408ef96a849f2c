package broker

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
)

// exactly reports whether b is what a parcel makes of a: nothing is nil that was empty, or the other way round.
func exactly(a, b *domain.Message) bool {
	return same(a, b) && b.Position == (domain.Position{}) && b.Fingerprint == 0 &&
		slices.EqualFunc(a.Headers, b.Headers, func(x, y domain.Header) bool { return (x.Value == nil) == (y.Value == nil) })
}

func checkParcel(t interface{ Fatalf(string, ...any) }, messages []*domain.Message) {
	p := encodeParcel(messages)
	got, err := decodeParcel(p)
	if err != nil || !slices.EqualFunc(messages, got, exactly) {
		t.Fatalf("got %+v, %v\nwant %+v\nfrom %q", got, err, messages, p)
	}
}

func TestParcelBringsBackEverything(t *testing.T) {
	at := time.UnixMilli(1700000000123).UTC()
	messages := []*domain.Message{
		{Payload: []byte{}},
		{Key: []byte{}},
		{Key: []byte("k"), Payload: []byte("a payload"), Time: at, Position: domain.Position{Partition: 3, Offset: 7}, Fingerprint: 9},
		{Payload: []byte{0, 255}, Time: at.Add(999 * time.Microsecond)},
		{Payload: []byte("x"), Time: time.UnixMilli(-5)},
		{Payload: []byte("x"), Headers: []domain.Header{
			{Name: "z", Value: []byte("1")}, {Name: "a", Value: []byte{0xff, 0}}, {Name: "z", Value: []byte{}}, {Name: "", Value: nil}, {Name: "\xfe ü"},
		}},
		{Key: bytes.Repeat([]byte("k"), 300), Payload: make([]byte, 1<<20), Headers: []domain.Header{{Name: "after a message with headers"}}},
	}
	checkParcel(t, messages)
	checkParcel(t, nil)
	for _, m := range messages {
		checkParcel(t, []*domain.Message{m})
	}
}

func TestParcelsOfAnySize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nilOr := func(label string) []byte {
			if rapid.Bool().Draw(t, "no "+label) {
				return nil
			}
			return rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, label)
		}
		messages := make([]*domain.Message, rapid.IntRange(0, 20).Draw(t, "messages"))
		for i := range messages {
			m := &domain.Message{Key: nilOr("key"), Payload: nilOr("payload")}
			if ms := rapid.Int64Range(-1<<50, 1<<50).Draw(t, "time"); ms%3 != 0 {
				m.Time = time.UnixMilli(ms)
			}
			for range rapid.IntRange(0, 4).Draw(t, "headers") {
				m.Headers = append(m.Headers, domain.Header{Name: rapid.String().Draw(t, "name"), Value: nilOr("value")})
			}
			messages[i] = m
		}
		checkParcel(t, messages)
	})
}

// A message shares the parcel's memory: what is appended to one must not be written over its neighbour.
func TestNeighboursInAParcelAreApart(t *testing.T) {
	header := []domain.Header{{Name: "a", Value: []byte("v")}}
	got, err := decodeParcel(encodeParcel([]*domain.Message{
		{Key: []byte("k"), Payload: []byte("p"), Headers: header},
		{Key: []byte("l"), Payload: []byte("q"), Headers: header},
	}))
	if err != nil {
		t.Fatal(err)
	}
	first := got[0]
	_ = append(first.Key, '!')
	_ = append(first.Payload, '!')
	_ = append(first.Headers[0].Value, '!')
	_ = append(first.Headers, domain.Header{Name: "!"})
	if string(first.Payload) != "p" || string(got[1].Key) != "l" || string(got[1].Payload) != "q" || got[1].Headers[0].Name != "a" {
		t.Fatalf("got %+v and %+v", got[0], got[1])
	}
}

func TestWhatIsCutShortIsNoParcel(t *testing.T) {
	p := encodeParcel([]*domain.Message{
		{Key: []byte("k"), Payload: []byte("payload"), Time: time.UnixMilli(1), Headers: []domain.Header{{Name: "name", Value: []byte("value")}, {Name: "n"}}},
		{Payload: []byte("x")},
	})
	for n := range p {
		if got, err := decodeParcel(p[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken as %+v", n, len(p), got)
		}
	}
	if _, err := decodeParcel(append(p, 0)); err == nil {
		t.Error("one byte more is not noticed")
	}
}

func FuzzParcel(f *testing.F) {
	f.Add([]byte("key"), []byte("payload"), "name", []byte("value"), "other", []byte("value"), int64(1700000000000), byte(0))
	f.Add([]byte{0xff}, []byte{}, "name", []byte{0}, "name", []byte("\n"), int64(0), byte(7))
	f.Add([]byte(""), []byte(""), "", []byte(nil), "\xff", []byte(`"`), int64(-1), byte(11))
	f.Fuzz(func(t *testing.T, key, payload []byte, name1 string, value1 []byte, name2 string, value2 []byte, ms int64, what byte) {
		m := &domain.Message{Key: key, Payload: payload, Headers: []domain.Header{{Name: name1, Value: value1}, {Name: name2, Value: value2}}}
		if what&1 != 0 {
			m.Key = nil
		}
		if what&2 != 0 {
			m.Payload = nil
		}
		if what&4 != 0 {
			m.Headers = append(m.Headers, m.Headers[0])
		}
		if what&8 != 0 {
			m.Headers[1].Value = nil
		}
		if at := time.UnixMilli(ms); !at.IsZero() && at.UnixMilli() == ms {
			m.Time = at
		}
		checkParcel(t, []*domain.Message{m, {Payload: value1}, m})
	})
}

// Whatever bytes come: they are refused, or they are messages that another parcel can carry.
func FuzzDecodeParcel(f *testing.F) {
	f.Add([]byte{})
	f.Add(encodeParcel(nil))
	f.Add(encodeParcel([]*domain.Message{{Key: []byte("k"), Payload: []byte("p"), Time: time.UnixMilli(1), Headers: []domain.Header{{Name: "n", Value: []byte("v")}}}, {}}))
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0})
	f.Fuzz(func(t *testing.T, p []byte) {
		messages, err := decodeParcel(p)
		if err != nil {
			return
		}
		for _, m := range messages {
			if ms := m.Time.UnixMilli(); m.Time.IsZero() || !time.UnixMilli(ms).Equal(m.Time) {
				m.Time = time.Time{}
			}
		}
		checkParcel(t, messages)
	})
}
