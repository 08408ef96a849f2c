package edge

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"culvert/domain"
)

func TestPubsThatAreTaken(t *testing.T) {
	for _, c := range []struct {
		name, frame string
		want        domain.Message
		id          string
		topic       domain.Topic
	}{
		{
			"payload as it is", `{"op":"pub","id":"7","topic":"orders","key":"AAPL","headers":[["h","v"],["h","w"]],"payload": {"b": 1.0, "a":"\u00e9"} }`,
			domain.Message{Key: []byte("AAPL"), Headers: []domain.Header{{Name: "h", Value: []byte("v")}, {Name: "h", Value: []byte("w")}}, Payload: []byte(`{"b": 1.0, "a":"\u00e9"}`)},
			"7", "orders",
		},
		{"number", "{\"payload\":\t12345678901234567890.50\n}", domain.Message{Payload: []byte("12345678901234567890.50")}, "", ""},
		{"string keeps its quotes", `{"payload":"x"}`, domain.Message{Payload: []byte(`"x"`)}, "", ""},
		{"line ends between tokens", "{\"payload\":[1,\r\n2]}", domain.Message{Payload: []byte("[1,\r\n2]")}, "", ""},
		{"text", `{"text":"a\u00e9\n\ud83d\ude42\/\\\"\t\b\f\r"}`, domain.Message{Payload: []byte("aé\n🙂/\\\"\t\b\f\r")}, "", ""},
		{"empty text", `{"text":""}`, domain.Message{Payload: []byte{}}, "", ""},
		{"base64", `{"base64":"AP8="}`, domain.Message{Payload: []byte{0, 255}}, "", ""},
		{"empty base64", `{"base64":""}`, domain.Message{Payload: []byte{}}, "", ""},
		{"tombstone", `{"key":"k","payload":null}`, domain.Message{Key: []byte("k")}, "", ""},
		{"tombstone of an empty key", `{"key":"","payload":null}`, domain.Message{Key: []byte{}}, "", ""},
		{"key64", `{"key64":"/w==","text":"x"}`, domain.Message{Key: []byte{255}, Payload: []byte("x")}, "", ""},
		{"null key", `{"key":null,"headers":[],"text":"x"}`, domain.Message{Payload: []byte("x")}, "", ""},
		{"null key beside key64", `{"key":null,"key64":"/w==","text":"x"}`, domain.Message{Key: []byte{255}, Payload: []byte("x")}, "", ""},
		{"binary header", `{"headers":[["n",null,"/w=="]],"text":"x"}`, domain.Message{Headers: []domain.Header{{Name: "n", Value: []byte{255}}}, Payload: []byte("x")}, "", ""},
		{"escaped name", `{"t\u0065xt":"x"}`, domain.Message{Payload: []byte("x")}, "", ""},
		{"brackets in strings", `{"payload":{"a":"]}\"{"},"key":"}"}`, domain.Message{Key: []byte("}"), Payload: []byte(`{"a":"]}\"{"}`)}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			frame := []byte(c.frame)
			var o Object
			if err := o.Parse(frame); err != nil {
				t.Fatal(err)
			}
			p, err := DecodePub(&o, Fixed{})
			if err != nil {
				t.Fatal(err)
			}
			clear(frame) // the message owns its memory
			if p.ID != c.id || p.Topic != c.topic {
				t.Errorf("id %q, topic %q", p.ID, p.Topic)
			}
			sameMessage(t, p.Message, &c.want)
		})
	}
}

func sameMessage(t *testing.T, got, want *domain.Message) {
	t.Helper()
	if !bytes.Equal(got.Key, want.Key) || (got.Key == nil) != (want.Key == nil) {
		t.Errorf("key %q, want %q", got.Key, want.Key)
	}
	if !bytes.Equal(got.Payload, want.Payload) || got.Tombstone() != want.Tombstone() {
		t.Errorf("payload %q, want %q", got.Payload, want.Payload)
	}
	if len(got.Headers) != len(want.Headers) {
		t.Fatalf("headers %v, want %v", got.Headers, want.Headers)
	}
	for i, h := range got.Headers {
		if h.Name != want.Headers[i].Name || !bytes.Equal(h.Value, want.Headers[i].Value) {
			t.Errorf("header %d is %v, want %v", i, h, want.Headers[i])
		}
	}
}

func TestPubsThatAreRefused(t *testing.T) {
	for _, c := range []struct{ frame, id, says string }{
		{`{"id":"1","payload":1,"text":"x"}`, "1", "exactly one of payload, text and base64"},
		{`{"id":"1","key":"k"}`, "1", "exactly one"},
		{`{"id":"1","payload":null}`, "1", "needs a key"},
		{`{"id":"1","key":null,"payload":null}`, "1", "needs a key"},
		{`{"id":"1","text":null,"key":"k"}`, "1", "text: this must be a string"},
		{`{"id":"1","text":7}`, "1", "text: this must be a string"},
		{`{"id":"1","base64":"AP8"}`, "1", "base64"},
		{`{"id":"1","base64":"!"}`, "1", "base64"},
		{`{"id":"1","txt":"x"}`, "1", `"txt" is unknown here; known are op, id, topic, key, key64, headers, payload, text, base64`},
		{`{"id":"1","text":"x","key":"a","key64":"YQ=="}`, "1", "not both"},
		{`{"id":"1","text":"x","key":5}`, "1", "key: this must be a string"},
		{`{"id":"1","text":"x","key":"\ud800"}`, "1", "half a surrogate pair"},
		{`{"id":"1","text":"\ude42\ud83d"}`, "1", "half a surrogate pair"},
		{`{"id":"1","text":"\ud83dx"}`, "1", "half a surrogate pair"},
		{`{"id":"1","text":"x","headers":{"a":"b"}}`, "1", "headers must be a list"},
		{`{"id":"1","text":"x","headers":[["a"]]}`, "1", "each of headers"},
		{`{"id":"1","text":"x","headers":[["a","b","c"]]}`, "1", "each of headers"},
		{`{"id":"1","text":"x","headers":[["a",1]]}`, "1", "value of a header"},
		{`{"id":"1","text":"x","headers":[["","b"]]}`, "1", "name of a header is empty"},
		{`{"id":"1","text":"x","topic":"a/b"}`, "1", "topic name"},
		{`{"id":"1","text":"x","topic":7}`, "1", "topic: this must be a string"},
		{`{"id":7,"text":"x"}`, "", "id: this must be a string"},
		{`{"id":"","text":"x"}`, "", "id must have"},
		{`{"id":"1","op":"sub","text":"x"}`, "1", "op must be"},
		{`{"id":"1","id":"2","text":"x"}`, "", "twice"},
		{`{"id":"1","text":"x"`, "", "not JSON"},
		{`{"id":"1","text":"x"} {}`, "", "not JSON"},
		{"{\"text\":\"\xff\"}", "", "not UTF-8"},
		{`[1]`, "", "not a JSON object"},
		{`null`, "", "not a JSON object"},
		{``, "", "not JSON"},
	} {
		t.Run(c.frame, func(t *testing.T) {
			var o Object
			p, err := Pub{}, o.Parse([]byte(c.frame))
			if err == nil {
				p, err = DecodePub(&o, Fixed{})
			}
			if err == nil || domain.CodeOf(err) != domain.InvalidRequest || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want invalid-request that says %q", err, c.says)
			}
			if p.ID != c.id {
				t.Errorf("id %q, want %q", p.ID, c.id)
			}
		})
	}
}

// What DecodePub takes is what encoding/json, which shares no code with it, reads in the same frame.
func FuzzPub(f *testing.F) {
	for _, s := range []string{
		`{"op":"pub","id":"7","topic":"orders","key":"AAPL","headers":[["h","v"],["b",null,"/w=="]],"payload":{"a":[1,"]"]}}`,
		`{"key":"k","payload":null}`, `{"text":"\ud83d\ude42\u0000"}`, `{"base64":"AP8="}`, `{"text":"\ud83d"}`, "{\"payload\":\xff}",
		`{"payload":1}{`, ` { "payload" : -1e5 } `, `{"key64":"YQ==","text":""}`, `{"headers":[[]],"text":""}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		var o Object
		if err := o.Parse(frame); err != nil {
			mustBe(t, err, domain.InvalidRequest)
			return
		}
		p, err := DecodePub(&o, Fixed{})
		if err != nil {
			mustBe(t, err, domain.InvalidRequest)
			return
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(frame, &fields); err != nil {
			t.Fatalf("taken, but encoding/json says %v", err)
		}
		var want struct {
			ID     *string `json:"id"`
			Key    *string `json:"key"`
			Key64  []byte  `json:"key64"`
			Text   *string `json:"text"`
			Base64 []byte  `json:"base64"`
		}
		if err := json.Unmarshal(frame, &want); err != nil {
			t.Fatalf("taken, but encoding/json says %v", err)
		}
		switch {
		case want.Text != nil && string(p.Message.Payload) != *want.Text,
			want.Base64 != nil && !bytes.Equal(p.Message.Payload, want.Base64),
			want.Key != nil && string(p.Message.Key) != *want.Key,
			want.Key64 != nil && !bytes.Equal(p.Message.Key, want.Key64),
			want.ID != nil && p.ID != *want.ID:
			t.Fatalf("%q gave %+v", frame, p.Message)
		}
		if raw, ok := fields["payload"]; ok && string(raw) != "null" && !bytes.Equal(raw, p.Message.Payload) {
			t.Fatalf("payload %q, want %q", p.Message.Payload, raw)
		}
	})
}

func mustBe(t *testing.T, err error, code domain.Code) {
	t.Helper()
	if domain.CodeOf(err) != code {
		t.Fatalf("%v is not %s", err, code)
	}
}

func TestDecodingAPubCopiesOnce(t *testing.T) {
	frame := []byte(`{"op":"pub","id":"7","topic":"orders","key":"AAPL","payload":{"price":1}}`)
	var o Object
	allocs := testing.AllocsPerRun(100, func() {
		if err := o.Parse(frame); err != nil {
			t.Fatal(err)
		}
		if _, err := DecodePub(&o, Fixed{}); err != nil {
			t.Fatal(err)
		}
	})
	// The id, the topic, the key, the payload and the message.
	if allocs > 5 {
		t.Errorf("%v allocations", allocs)
	}
}
