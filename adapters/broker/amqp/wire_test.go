package amqp

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	wamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/rabbitmq/amqp091-go"
	"pgregory.net/rapid"

	"culvert/domain"
)

// delivered is what comes of a publishing.
func delivered(p amqp091.Publishing) *amqp091.Delivery {
	return &amqp091.Delivery{Headers: p.Headers, MessageId: p.MessageId, Timestamp: p.Timestamp, DeliveryMode: p.DeliveryMode, Body: p.Body}
}

// streamed is what comes of a publishing that went through a stream of RabbitMQ 3.10, which keeps neither arrays nor tables.
func streamed(p amqp091.Publishing) *amqp091.Delivery {
	d := delivered(p)
	d.Headers = maps.Clone(d.Headers)
	maps.DeleteFunc(d.Headers, func(_ string, v any) bool {
		switch v.(type) {
		case []any, amqp091.Table:
			return true
		}
		return false
	})
	d.Headers[headerOffset] = int64(7)
	return d
}

func headers(namesAndValues ...string) []domain.Header {
	var hs []domain.Header
	for i := 0; i < len(namesAndValues); i += 2 {
		hs = append(hs, domain.Header{Name: namesAndValues[i], Value: []byte(namesAndValues[i+1])})
	}
	return hs
}

func sameMessage(a, b *domain.Message) bool {
	return bytes.Equal(a.Key, b.Key) && (a.Key == nil) == (b.Key == nil) &&
		bytes.Equal(a.Payload, b.Payload) && (a.Payload == nil) == (b.Payload == nil) &&
		a.Time.Truncate(time.Millisecond).Equal(b.Time) &&
		slices.EqualFunc(a.Headers, b.Headers, func(a, b domain.Header) bool { return a.Name == b.Name && bytes.Equal(a.Value, b.Value) })
}

func TestWhatIsEncodedComesBack(t *testing.T) {
	name := rapid.OneOf(
		rapid.StringN(-1, -1, 300),
		rapid.SampledFrom([]string{
			"a", "b", "c", "", "CC", "BCC", headerKey, headerTombstone, headerTime, headerList, headerUUID, headerOffset, headerCount,
			"x-death", "x-request-id", "message-id", "content-type", "\xff\x00",
		}),
	)
	payload := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOf(rapid.Byte()))
	rapid.Check(t, func(t *rapid.T) {
		m := &domain.Message{
			Key:     payload.Draw(t, "key"),
			Payload: payload.Draw(t, "payload"),
			Time:    time.UnixMicro(rapid.Int64Range(0, endOfTime.UnixMicro()).Draw(t, "time")),
		}
		for range rapid.IntRange(0, 6).Draw(t, "headers") {
			m.Headers = append(m.Headers, domain.Header{Name: name.Draw(t, "name"), Value: rapid.SliceOf(rapid.Byte()).Draw(t, "value")})
		}
		p := encode("an-id", m)
		if err := p.Headers.Validate(); err != nil {
			t.Fatal(err)
		}
		for name := range p.Headers {
			if !isName(name) {
				t.Fatalf("no header of AMQP's can be called %q", name)
			}
		}
		for way, d := range map[string]*amqp091.Delivery{"a queue": delivered(p), "a stream": streamed(p)} {
			if got := decode(d); !sameMessage(m, got) {
				t.Fatalf("through %s %+v came back as %+v by %v", way, m, got, p.Headers)
			}
		}
	})
}

func TestWireForm(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	for _, c := range []struct {
		name string
		m    domain.Message
		want amqp091.Table
	}{
		{"all", domain.Message{Key: []byte("k"), Time: at, Headers: headers("a", "1", "b", "2"), Payload: []byte("p")}, amqp091.Table{
			"culvert-key": "k", "culvert-time": "1700000000123", "a": "1", "b": "2",
		}},
		{"a tombstone", domain.Message{Key: []byte{}}, amqp091.Table{"culvert-key": "", "culvert-tombstone": "1"}},
		{"binary", domain.Message{Key: []byte{0, 0xff}, Headers: headers("a", "\xff\x00"), Payload: []byte{}}, amqp091.Table{"culvert-key": "\x00\xff", "a": "\xff\x00"}},
		{"an order that no table keeps", domain.Message{Headers: headers("b", "2", "a", "1"), Payload: []byte{}}, amqp091.Table{
			"a": "1", "b": "2", "culvert-headers": `"b" "a"`,
		}},
		{"a name that repeats", domain.Message{Headers: headers("a", "1", "b", "x", "a", "2"), Payload: []byte{}}, amqp091.Table{
			"a": []any{"1", "2"}, "b": "x", "culvert-headers": `"a":"1" "b" "a":"2"`,
		}},
		{"binary in the list", domain.Message{Headers: headers("CC", "\x00\xff\xfe", "a", ""), Payload: []byte{}}, amqp091.Table{
			"a": "", "culvert-headers": `"CC":=AP/+ "a"`,
		}},
		{"names that are taken", domain.Message{Headers: headers("CC", "q", "culvert-key", "x", "x-death", "y"), Payload: []byte{}}, amqp091.Table{
			"culvert-headers": `"CC":"q" "culvert-key":"x" "x-death":"y"`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := encode("an-id", &c.m)
			c.want[headerUUID] = "an-id"
			if got, want := render(t, p.Headers), render(t, c.want); got != want {
				t.Errorf("the headers are\n%s\nwant\n%s", got, want)
			}
			if p.MessageId != "an-id" || p.DeliveryMode != amqp091.Persistent || !p.Timestamp.Equal(c.m.Time) || !bytes.Equal(p.Body, c.m.Payload) {
				t.Errorf("the message is %+v", p)
			}
		})
	}
}

func render(t *testing.T, table amqp091.Table) string {
	t.Helper()
	for name, value := range table {
		if s, ok := value.(string); ok {
			table[name] = strings.ToValidUTF8(s, "?")
		}
	}
	b, err := json.Marshal(table)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Watermill's AMQP adapter fails, and then spins, on a header that is no string.
func TestWatermillAMQPReadsOurs(t *testing.T) {
	m := &domain.Message{Key: []byte("k"), Time: time.Now(), Headers: headers("b", "\xff", "a", "1", "culvert-key", "x", "CC", "y")}
	p := encode("an-id", m)
	w, err := wamqp.DefaultMarshaler{}.Unmarshal(*delivered(p))
	if err != nil {
		t.Fatal(err)
	}
	if w.UUID == "" || w.UUID != p.MessageId || w.Metadata["a"] != "1" || w.Metadata["b"] != "\xff" || w.Metadata[headerKey] != "k" {
		t.Errorf("Watermill's is %v %v", w.UUID, w.Metadata)
	}
	back, err := wamqp.DefaultMarshaler{}.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	if got := decode(delivered(back)); !bytes.Equal(got.Key, m.Key) || !slices.EqualFunc(got.Headers, m.Headers, func(a, b domain.Header) bool { return a.Name == b.Name }) {
		t.Errorf("through Watermill it became %+v", got)
	}
}

func TestForeignHeadersBecomeText(t *testing.T) {
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	d := &amqp091.Delivery{
		ContentType: "text/plain", ContentEncoding: "gzip", CorrelationId: "c", ReplyTo: "r", MessageId: "m", Type: "t", AppId: "app", Timestamp: at,
		Headers: amqp091.Table{
			"array": []any{"x", int32(2), nil}, "bool": true, "byte": byte(200), "bytes": []byte{0xff}, "decimal": amqp091.Decimal{Scale: 2, Value: -5}, "deep": []any{[]any{"x"}},
			"double": 1.5, "float": float32(0.1), "int16": int16(-2), "int32": int32(-3), "int64": int64(math.MaxInt64), "int8": int8(-1), "list": []any{},
			"nil": nil, "string": "s", "table": amqp091.Table{"a": []any{int64(1), math.NaN(), float32(0.1)}, "b": []byte("x"), "c": at, "d": amqp091.Decimal{Scale: 1, Value: 15}, "e": nil, "f": true},
			"time": at, "uint16": uint16(65535), "uint32": uint32(math.MaxUint32),
			headerOffset: int64(5), headerCount: int64(1),
		},
	}
	want := headers(
		"app-id", "app", "array", "x", "array", "2", "array", "", "bool", "true", "byte", "200", "bytes", "\xff", "content-encoding", "gzip", "content-type", "text/plain", "correlation-id", "c",
		"decimal", "-0.05", "deep", `[["x"]]`, "double", "1.5", "float", "0.1", "int16", "-2", "int32", "-3", "int64", "9223372036854775807", "int8", "-1", "list", "[]", "message-id", "m",
		"nil", "", "reply-to", "r", "string", "s", "table", `{"a":[1,"NaN",0.1],"b":"x","c":"2026-05-04T03:02:01Z","d":1.5,"e":null,"f":true}`,
		"time", "2026-05-04T03:02:01Z", "type", "t", "uint16", "65535", "uint32", "4294967295",
	)
	m := decode(d)
	for i := range max(len(want), len(m.Headers)) {
		var w, g domain.Header
		if i < len(want) {
			w = want[i]
		}
		if i < len(m.Headers) {
			g = m.Headers[i]
		}
		if w.Name != g.Name || !bytes.Equal(w.Value, g.Value) {
			t.Fatalf("header %d is %s=%q, want %s=%q", i, g.Name, g.Value, w.Name, w.Value)
		}
	}
	if m.Key != nil || m.Payload == nil || !m.Time.Equal(at) {
		t.Errorf("the message is %+v", m)
	}
}

func TestOurHeadersInOtherTypes(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123).UTC()
	for name, c := range map[string]struct {
		headers amqp091.Table
		at      time.Time
		want    domain.Message
	}{
		"the time as a number":          {amqp091.Table{headerTime: at.UnixMilli()}, time.Time{}, domain.Message{Payload: []byte{}, Time: at}},
		"the time as a time":            {amqp091.Table{headerTime: at}, time.Time{}, domain.Message{Payload: []byte{}, Time: at}},
		"the time as octets":            {amqp091.Table{headerTime: []byte("1700000000123")}, time.Time{}, domain.Message{Payload: []byte{}, Time: at}},
		"a time that is none":           {amqp091.Table{headerTime: "now"}, at.Truncate(time.Second), domain.Message{Payload: []byte{}, Time: at.Truncate(time.Second)}},
		"a time that cannot be":         {amqp091.Table{headerTime: "9223372036854775807"}, time.Time{}, domain.Message{Payload: []byte{}}},
		"a time before all times":       {nil, time.Unix(-1, 0), domain.Message{Payload: []byte{}}},
		"the key as octets":             {amqp091.Table{headerKey: []byte{1}}, time.Time{}, domain.Message{Key: []byte{1}, Payload: []byte{}}},
		"the key as a number":           {amqp091.Table{headerKey: int32(12)}, time.Time{}, domain.Message{Key: []byte("12"), Payload: []byte{}}},
		"the tombstone as a number":     {amqp091.Table{headerTombstone: int64(1)}, time.Time{}, domain.Message{}},
		"no tombstone":                  {amqp091.Table{headerTombstone: "0"}, time.Time{}, domain.Message{Payload: []byte{}}},
		"a list that is none":           {amqp091.Table{headerList: "a b", "a": "1"}, time.Time{}, domain.Message{Payload: []byte{}, Headers: headers("a", "1")}},
		"a list that is no string":      {amqp091.Table{headerList: []any{int32(1)}, "a": "1"}, time.Time{}, domain.Message{Payload: []byte{}, Headers: headers("a", "1")}},
		"a list of what is not there":   {amqp091.Table{headerList: `"b" "culvert-key" "a"`, "a": "1"}, time.Time{}, domain.Message{Payload: []byte{}, Headers: headers("a", "1")}},
		"a list that would multiply":    {amqp091.Table{headerList: strings.Repeat(`"a" `, 9) + `"a"`, "a": "1"}, time.Time{}, domain.Message{Payload: []byte{}, Headers: headers("a", "1")}},
		"what a handler put in besides": {amqp091.Table{headerList: `"b" "a"`, "a": "1", "b": "2", "c": "3"}, time.Time{}, domain.Message{Payload: []byte{}, Headers: headers("b", "2", "a", "1", "c", "3")}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decode(&amqp091.Delivery{Headers: c.headers, Timestamp: c.at}); !sameMessage(&c.want, got) {
				t.Errorf("it is %+v, want %+v", got, c.want)
			}
		})
	}
	if m := decode(&amqp091.Delivery{Headers: amqp091.Table{headerTombstone: "1"}, Body: []byte("x")}); string(m.Payload) != "x" {
		t.Errorf("a payload was taken for a tombstone")
	}
	if m := decode(&amqp091.Delivery{Headers: amqp091.Table{"message-id": "theirs"}, MessageId: "property"}); len(m.Headers) != 1 || string(m.Headers[0].Value) != "theirs" {
		t.Errorf("a header and a property of one name are %v", m.Headers)
	}
}

func TestFingerprint(t *testing.T) {
	m := &domain.Message{Key: []byte("k"), Time: time.UnixMilli(1_700_000_000_123), Headers: headers("a", "1", "b", "2"), Payload: []byte("p")}
	p := encode("id", m)
	first := fingerprint(streamed(p))
	for _, d := range []*amqp091.Delivery{delivered(p), streamed(p)} {
		d.Redelivered = true
		d.Headers[headerCount] = int64(3)
		if got := fingerprint(d); got != first || got == 0 {
			t.Errorf("at another reading it is %d, not %d", got, first)
		}
	}
	for name, change := range map[string]func(*amqp091.Delivery){
		"body":      func(d *amqp091.Delivery) { d.Body = []byte("q") },
		"id":        func(d *amqp091.Delivery) { d.MessageId = "other" },
		"time":      func(d *amqp091.Delivery) { d.Timestamp = d.Timestamp.Add(time.Second) },
		"key":       func(d *amqp091.Delivery) { d.Headers[headerKey] = "l" },
		"header":    func(d *amqp091.Delivery) { d.Headers["a"] = "3" },
		"swapped":   func(d *amqp091.Delivery) { d.Headers["a"], d.Headers["b"] = "2", "1" },
		"no header": func(d *amqp091.Delivery) { delete(d.Headers, "a") },
	} {
		d := streamed(p)
		change(d)
		if fingerprint(d) == first {
			t.Errorf("%s does not count", name)
		}
	}
}

// A message's headers must fit into one frame; a longer one costs the connection.
func TestTheHeadersOfTheDefaultLimitsFitIntoAFrame(t *testing.T) {
	limits := domain.DefaultLimits()
	for _, octets := range []string{"\x00", "\xff", `"`, "x", "ü"} {
		for _, m := range []domain.Message{
			{Headers: headers("a", strings.Repeat(octets, limits.HeaderBytes/len(octets)), "a", "")},
			{Headers: headers(strings.Repeat(octets, limits.HeaderBytes/len(octets)), "")},
			{Headers: headers("b", strings.Repeat(octets, limits.HeaderBytes/len(octets)), "a", "")},
		} {
			m.Key = make([]byte, limits.KeyBytes)
			if n := propertiesSize(encode("an-id", &m)); n > 100_000 {
				t.Errorf("headers of %q need %d bytes", octets, n)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("a", "b", []byte{1}, int64(3), 1.5, uint8(2))
	f.Add(headerList, `"a":"\xff" "b"`, []byte(nil), int64(-1), math.Inf(1), uint8(255))
	f.Add(headerTime, "9223372036854775808", []byte("x"), int64(math.MaxInt64), math.NaN(), uint8(0))
	f.Fuzz(func(t *testing.T, name, s string, octets []byte, i int64, float float64, b uint8) {
		scalars := []any{s, octets, i, int32(i), int16(i), int8(i), uint32(i), float, float32(float), b, b > 9, time.Unix(i, 0), amqp091.Decimal{Scale: b, Value: int32(i)}, nil}
		all := slices.Concat(scalars, []any{scalars, amqp091.Table{name: scalars}, []any{amqp091.Table{s: float}, []any{octets}}})
		for _, v := range all {
			for _, n := range []string{name, s, headerKey, headerTombstone, headerTime, headerList, headerUUID, headerOffset} {
				d := &amqp091.Delivery{Headers: amqp091.Table{n: v, headerList: s}, Body: octets, MessageId: s, Timestamp: time.Unix(i, 0), ContentType: name}
				m := decode(d)
				if fingerprint(d) == 0 {
					t.Fatal("the fingerprint is 0")
				}
				again := decode(delivered(encode("an-id", m)))
				if !sameMessage(m, again) {
					t.Fatalf("%+v came back as %+v", m, again)
				}
			}
		}
	})
}
