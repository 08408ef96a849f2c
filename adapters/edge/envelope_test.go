package edge

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"culvert/domain"
	"culvert/ports"
)

func TestEventBodies(t *testing.T) {
	at := time.Date(2026, 1, 2, 16, 4, 5, 6_700_000, time.FixedZone("", 3600))
	pos := domain.Position{Partition: 2, Offset: 41}
	msg := func(m domain.Message) domain.Event {
		m.Position = pos
		return domain.Event{Topic: "orders", Message: &m, Cursor: "c1"}
	}
	assigned := 3
	full := msg(domain.Message{Key: []byte("a\"\x01"), Headers: []domain.Header{{Name: "n", Value: []byte("v\n")}, {Name: "n", Value: []byte{0xff}}}, Payload: []byte("{\"a\":\r\n1}"), Time: at})
	full.Cursor, full.Receipt, full.Attempt = "", "r1", 2
	first := msg(domain.Message{Payload: []byte("1")})
	first.Receipt, first.Attempt, first.Cursor = "r1", 1, ""
	queued := msg(domain.Message{Key: []byte("k"), Payload: []byte("1")})
	queued.Message.Position = domain.Position{Partition: domain.NoPartition, Offset: 17}
	queued.Receipt, queued.Cursor = "r1", ""
	const head = `"topic":"orders","partition":2,"offset":41,`
	for _, c := range []struct {
		name string
		e    domain.Event
		want string
	}{
		{"all there is", full, head + `"key":"a\"\u0001","headers":[["n","v\n"],["n",null,"/w=="]],"time":"2026-01-02T15:04:05.006Z","payload":{"a":  1},"receipt":"r1","attempt":2}`},
		{"first try", first, head + `"key":null,"headers":[],"payload":1,"receipt":"r1"}`},
		{"no position", queued, `"topic":"orders","partition":null,"offset":null,"key":"k","headers":[],"payload":1,"receipt":"r1"}`},
		{"text", msg(domain.Message{Payload: []byte("a\r\nb")}), head + `"key":null,"headers":[],"text":"a\r\nb","cursor":"c1"}`},
		{"empty", msg(domain.Message{Payload: []byte{}}), head + `"key":null,"headers":[],"text":"","cursor":"c1"}`},
		{"null", msg(domain.Message{Payload: []byte(" null\n")}), head + `"key":null,"headers":[],"text":" null\n","cursor":"c1"}`},
		{"binary", msg(domain.Message{Payload: []byte{'"', 0xff, '"'}}), head + `"key":null,"headers":[],"base64":"Iv8i","cursor":"c1"}`},
		{"tombstone", msg(domain.Message{Key: []byte{0xff}}), head + `"key64":"/w==","headers":[],"payload":null,"cursor":"c1"}`},
		{"empty key", msg(domain.Message{Key: []byte{}, Payload: []byte("true")}), head + `"key":"","headers":[],"payload":true,"cursor":"c1"}`},
		{"gap", domain.Event{Topic: "orders", Gap: &domain.Gap{Reason: domain.GapRetention, Partition: 1, Lost: 7}, Cursor: "c2"}, `"reason":"retention","topic":"orders","partition":1,"lost":7,"cursor":"c2"}`},
		{"gap of a queue", domain.Event{Topic: "orders", Gap: &domain.Gap{Reason: domain.GapEpoch, Lost: domain.LostUnknown}}, `"reason":"epoch","topic":"orders","partition":0,"lost":null}`},
		{"gap that nobody can place", domain.Event{Topic: "orders", Gap: &domain.Gap{Reason: domain.GapBroker, Partition: domain.NoPartition, Lost: domain.LostUnknown}}, `"reason":"broker","topic":"orders","partition":null,"lost":null}`},
		{"assign", domain.Event{Topic: "orders", Assigned: &assigned}, `"assigned":3}`},
		{"mark", domain.Event{Cursor: "c3"}, `"cursor":"c3"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := AppendEventBody([]byte("{"), c.e)
			if string(got) != "{"+c.want {
				t.Errorf("got  %s\nwant {%s", got, c.want)
			}
			if !json.Valid(got) {
				t.Error("not JSON")
			}
		})
	}
}

func TestFramesAboutStreams(t *testing.T) {
	no := false
	ready := ports.Ready{Stream: "s_9f", Topics: []domain.Topic{"orders"}, Resumed: &no, Reason: ports.ResumeEpoch, Pending: []ports.Pending{{Topic: "orders", Partition: 4}}}
	for _, c := range []struct{ name, got, want string }{
		{
			"ready", string(AppendReadyBody([]byte(`{"op":"ready",`), ready, "", "c1", 15*time.Second)),
			`{"op":"ready","stream":"s_9f","mode":"view","topics":["orders"],"resumed":false,"reason":"epoch","pending":[{"topic":"orders","partition":4}],"heartbeat_ms":15000,"cursor":"c1"}`,
		},
		{
			"ready without a cursor", string(AppendReadyBody([]byte(`{`), ports.Ready{Stream: "s", Topics: []domain.Topic{"a"}}, "", "", 0)),
			`{"stream":"s","mode":"view","topics":["a"],"pending":[]}`,
		},
		{
			"ready of a peek", string(AppendReadyBody([]byte(`{"op":"ready",`), ready, "billing", "c1", 15*time.Second)),
			`{"op":"ready","stream":"s_9f","mode":"peek","topics":["orders"],"queue":"billing","resumed":false,"reason":"epoch","pending":[{"topic":"orders","partition":4}],"heartbeat_ms":15000,"cursor":"c1"}`,
		},
		{
			"ready of a peek without a cursor", string(AppendReadyBody([]byte(`{`), ports.Ready{Stream: "s", Topics: []domain.Topic{"a"}}, "q", "", 0)),
			`{"stream":"s","mode":"peek","topics":["a"],"queue":"q","pending":[]}`,
		},
		{
			"joined", string(AppendJoinedBody([]byte(`{`), domain.Membership{Stream: "s", Topic: "orders", Queue: "billing", Order: domain.OrderKey, MaxInFlight: 16, Lease: 30 * time.Second, MaxAttempts: 5, Assigned: 3}, AckManual, 15*time.Second)),
			`{"stream":"s","mode":"join","topics":["orders"],"queue":"billing","ack":"manual","order":"key","max_in_flight":16,"lease_ms":30000,"max_attempts":5,"assigned":3,"heartbeat_ms":15000}`,
		},
		{"bye", string(AppendByeBody([]byte(`{`), &domain.Bye{Reason: domain.ByeShutdown, Reconnect: true}, 1700*time.Millisecond, "")), `{"reason":"shutdown","reconnect":true,"retry_ms":1700}`},
		{"end", string(AppendByeBody([]byte(`{`), &domain.Bye{Reason: domain.ByeEnd}, time.Second, "c")), `{"reason":"end","reconnect":false,"cursor":"c"}`},
		{"settlement", string(AppendSettlementBody([]byte(`{`), domain.Settlement{Settled: 2, Unknown: []string{"a", `"`}})), `{"settled":2,"unknown":["a","\""]}`},
		{"ack", string(AppendOutcome(nil, ports.Outcome{ID: "7", Ack: domain.Ack{Position: &domain.Position{Partition: 2, Offset: 4}, Time: time.UnixMilli(1500)}})), `{"op":"ack","id":"7","partition":2,"offset":4,"time":"1970-01-01T00:00:01.500Z"}`},
		{"ack without position", string(AppendOutcome(nil, ports.Outcome{Ack: domain.Ack{Time: time.UnixMilli(0)}})), `{"op":"ack","time":"1970-01-01T00:00:00.000Z"}`},
		{"bare ack", string(AppendOutcome(nil, ports.Outcome{ID: "\n"})), `{"op":"ack","id":"\n"}`},
		{"err", string(AppendOutcome(nil, ports.Outcome{ID: "7", Err: domain.Errorf(domain.Timeout, "late")})), `{"op":"err","id":"7","code":"timeout","detail":"late","retryable":true}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.got != c.want {
				t.Errorf("got  %s\nwant %s", c.got, c.want)
			}
		})
	}
}

// Whatever a message holds, the envelope gives it back byte for byte (but for line ends in JSON).
func FuzzEnvelope(f *testing.F) {
	f.Add([]byte("k"), "n", []byte("v"), []byte(`{"a":1}`))
	f.Add([]byte{0xff}, "\xff", []byte{0xfe}, []byte{0xc3})
	f.Add([]byte("\u2028\x7f"), "", []byte("\r"), []byte("null"))
	f.Fuzz(func(t *testing.T, key []byte, name string, value, payload []byte) {
		if !utf8.ValidString(name) {
			t.Skip("names of headers are text")
		}
		m := &domain.Message{Key: key, Payload: payload, Headers: []domain.Header{{Name: name, Value: value}}}
		got := AppendEventBody([]byte("{"), domain.Event{Topic: "t", Message: m, Cursor: "c"})
		var e struct {
			Key     *string         `json:"key"`
			Key64   *string         `json:"key64"`
			Headers [][]*string     `json:"headers"`
			Payload json.RawMessage `json:"payload"`
			Text    *string         `json:"text"`
			Base64  *string         `json:"base64"`
		}
		if err := json.Unmarshal(got, &e); err != nil {
			t.Fatalf("%v in %s", err, got)
		}
		if !bytes.Equal(either(t, e.Key, e.Key64), key) {
			t.Fatalf("key %q in %s", key, got)
		}
		h := e.Headers[0]
		if len(h) == 2 && *h[1] != string(value) || len(h) == 3 && !bytes.Equal(either(t, h[1], h[2]), value) || *h[0] != name {
			t.Fatalf("header %q: %q in %s", name, value, got)
		}
		back := []byte(e.Payload)
		if e.Payload == nil {
			back = either(t, e.Text, e.Base64)
		}
		if want := flat(payload); !bytes.Equal(flat(back), bytes.TrimSpace(want)) && !bytes.Equal(back, payload) {
			t.Fatalf("payload %q became %q", payload, back)
		}
	})
}

func either(t *testing.T, text, coded *string) []byte {
	t.Helper()
	switch {
	case text != nil:
		return []byte(*text)
	case coded == nil:
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(*coded)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// flat is b with spaces for line ends.
func flat(b []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r"), []byte(" ")), []byte("\n"), []byte(" "))
}
