package broker

import (
	"bytes"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/domain"
)

func TestEncodeLeavesReadableMetadata(t *testing.T) {
	w := Encode("id", &domain.Message{
		Key:     []byte("AAPL"),
		Headers: []domain.Header{{Name: "a", Value: []byte("1")}, {Name: "b", Value: []byte("ü")}},
		Payload: []byte("p"),
		Time:    time.UnixMilli(1700000000123),
	})
	want := message.Metadata{"culvert-key": "AAPL", "culvert-time": "1700000000123", "a": "1", "b": "ü"}
	if !maps.Equal(w.Metadata, want) || string(w.Payload) != "p" || w.UUID != "id" {
		t.Fatalf("got %v", w)
	}
}

// A stranger's message of which nobody told an id went on without one, and Watermill's routers could not tell it from the next.
func TestEncodeGivesAnIDWhereThereIsNone(t *testing.T) {
	one, other := Encode("", &domain.Message{}), Encode("", &domain.Message{})
	if one.UUID == "" || one.UUID == other.UUID {
		t.Errorf("the ids are %q and %q", one.UUID, other.UUID)
	}
}

func TestRoundTrip(t *testing.T) {
	header := func(nameValue ...string) (hs []domain.Header) {
		for i := 0; i < len(nameValue); i += 2 {
			hs = append(hs, domain.Header{Name: nameValue[i], Value: []byte(nameValue[i+1])})
		}
		return hs
	}
	for name, m := range map[string]*domain.Message{
		"nothing":              {Payload: []byte{}},
		"no key":               {Payload: []byte("x")},
		"empty key":            {Key: []byte{}, Payload: []byte("x")},
		"binary key":           {Key: []byte{0xff, 0, '\n'}, Payload: []byte("x")},
		"key with spaces":      {Key: []byte(" k "), Payload: []byte("x")},
		"tombstone":            {Key: []byte("k")},
		"empty value":          {Key: []byte("k"), Payload: []byte{}},
		"the epoch":            {Payload: []byte("x"), Time: time.UnixMilli(0)},
		"before the epoch":     {Payload: []byte("x"), Time: time.UnixMilli(-5)},
		"headers in order":     {Payload: []byte("x"), Headers: header("a", "1", "b", "2")},
		"headers out of order": {Payload: []byte("x"), Headers: header("b", "2", "a", "1")},
		"repeated headers":     {Payload: []byte("x"), Headers: header("a", "1", "z", "9", "a", "2")},
		"binary header":        {Payload: []byte("x"), Headers: header("a", "\xff\x00", "\xfe", "v")},
		"empty header":         {Payload: []byte("x"), Headers: header("a", "", "", "v")},
		"reserved headers":     {Payload: []byte("x"), Headers: header("culvert-key", "not the key", "culvert-headers", `"a"`)},
		"quotes":               {Payload: []byte("x"), Headers: header(`"`, `":" \`, "a b", "c: d")},
	} {
		t.Run(name, func(t *testing.T) { checkRoundTrip(t, m) })
	}
}

func checkRoundTrip(t *testing.T, m *domain.Message) {
	t.Helper()
	// Copy is what backends do: metadata and payload survive, nothing else.
	w := Encode("id", m).Copy()
	if got := Decode(w); !same(m, got) {
		t.Fatalf("got  %+v\nwant %+v\nas %v", got, m, w.Metadata)
	}
	// Some backends make nil of an empty payload, and others an empty payload of nil.
	if len(w.Payload) == 0 {
		for _, payload := range [][]byte{nil, {}} {
			w.Payload = payload
			if got := Decode(w); !same(m, got) {
				t.Fatalf("with payload %#v: got %+v, want %+v", payload, got, m)
			}
		}
	}
}

func same(a, b *domain.Message) bool {
	return (a.Key == nil) == (b.Key == nil) && bytes.Equal(a.Key, b.Key) &&
		(a.Payload == nil) == (b.Payload == nil) && bytes.Equal(a.Payload, b.Payload) &&
		a.Time.IsZero() == b.Time.IsZero() && a.Time.UnixMilli() == b.Time.UnixMilli() &&
		slices.EqualFunc(a.Headers, b.Headers, func(x, y domain.Header) bool { return x.Name == y.Name && bytes.Equal(x.Value, y.Value) })
}

func TestDecodeForeign(t *testing.T) {
	w := message.NewMessage("id", nil)
	w.Metadata = message.Metadata{"name": "n", "correlation_id": "c", MetadataTime: "soon", MetadataKey64: "!", MetadataHeaders: `"broken`}
	got := Decode(w)
	want := &domain.Message{
		Key:     []byte("!"),
		Payload: []byte{},
		Headers: []domain.Header{{Name: "correlation_id", Value: []byte("c")}, {Name: "name", Value: []byte("n")}},
	}
	if !same(got, want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
}

func TestDecodeSeesWhatAHandlerChanged(t *testing.T) {
	w := Encode("id", &domain.Message{Payload: []byte("x"), Headers: []domain.Header{
		{Name: "b", Value: []byte("1")}, {Name: "a", Value: []byte("2")}, {Name: "c", Value: []byte("3")},
	}})
	w.Metadata["a"] = "changed"
	w.Metadata["new"] = "4"
	delete(w.Metadata, "b")
	want := []domain.Header{{Name: "a", Value: []byte("changed")}, {Name: "c", Value: []byte("3")}, {Name: "new", Value: []byte("4")}}
	if got := Decode(w); !same(got, &domain.Message{Payload: []byte("x"), Headers: want}) {
		t.Fatalf("got %+v", got.Headers)
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("key"), []byte("payload"), "name", []byte("value"), "other", []byte("value"), int64(1700000000000), byte(0))
	f.Add([]byte{0xff}, []byte{}, "name", []byte{0}, "name", []byte("\n"), int64(0), byte(7))
	f.Add([]byte(""), []byte(""), "culvert-headers", []byte(`"a":"b"`), "", []byte(`"`), int64(-1), byte(3))
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
		if at := time.UnixMilli(ms); !at.IsZero() && at.UnixMilli() == ms {
			m.Time = at
		}
		checkRoundTrip(t, m)
	})
}

func FuzzDecodeForeign(f *testing.F) {
	f.Add([]byte("x"), `"a":"b" "c"`, "a", "1", "k")
	f.Add([]byte(nil), "\"a\" ", "culvert-tombstone", "1", "====")
	f.Fuzz(func(t *testing.T, payload []byte, list, name, value, key string) {
		w := message.NewMessage("", payload)
		w.Metadata = message.Metadata{MetadataKey64: key, name: value}
		w.Metadata[MetadataHeaders] = list
		m := Decode(w)
		// Whatever it is, it is a message of ours from then on.
		checkRoundTrip(t, m)
	})
}
