package sse

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"culvert/domain"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it anew); got\n%s", path, got)
	}
}

// frames are one event of each kind.
func frames() []domain.Event {
	assigned := 2
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var events []domain.Event
	for i, m := range []domain.Message{
		{Key: []byte("AAPL"), Payload: []byte(`{"price":1}`), Headers: []domain.Header{{Name: "type", Value: []byte("trade")}}, Time: at},
		{Payload: []byte("one\ntwo\r\nthree\rfour\n")},
		{Payload: []byte{}},
		{Payload: []byte(" leading: space")},
		{Payload: []byte{0xff, 0x00}, Headers: []domain.Header{{Name: "type", Value: []byte("trade")}}},
		{Key: []byte("AAPL"), Headers: []domain.Header{{Name: "type", Value: []byte("trade")}}},
		{Key: []byte("a\nb")},
		{Key: []byte{0xff}},
		{},
		{Payload: []byte("null")},
		{Payload: []byte("{\n\"a\": 1\n}"), Headers: []domain.Header{{Name: "type", Value: []byte("ready")}}},
		{Payload: []byte("x"), Headers: []domain.Header{{Name: "type", Value: []byte("a\nid: evil")}}},
	} {
		m.Offset = int64(i)
		events = append(events, domain.Event{Topic: "orders", Message: &m, Cursor: fmt.Sprintf("c%d", i+1)})
	}
	queued := events[0]
	queued.Cursor, queued.Receipt, queued.Attempt = "", "r1", 2
	unplaced := queued
	message := *queued.Message
	message.Position = domain.Position{Partition: domain.NoPartition, Offset: 17}
	unplaced.Message, unplaced.Receipt = &message, "r2"
	thinned := events[0]
	thinned.Cursor = ""
	return append(events, queued, unplaced, thinned,
		domain.Event{Topic: "orders", Gap: &domain.Gap{Reason: domain.GapOverflow, Partition: 3, Lost: 7}, Cursor: "c9"},
		domain.Event{Topic: "orders", Gap: &domain.Gap{Reason: domain.GapEpoch, Lost: domain.LostUnknown}},
		domain.Event{Topic: "orders", Assigned: &assigned},
		domain.Event{Cursor: "c10"},
	)
}

func TestFramesAreGolden(t *testing.T) {
	for name, format := range map[string]func([]byte, domain.Event) []byte{
		"plain.sse":          style{}.append,
		"named.sse":          style{naming: "type"}.append,
		"envelope.sse":       style{envelope: true}.append,
		"named-envelope.sse": style{envelope: true, naming: "type"}.append,
		"lines.ndjson":       appendLine,
	} {
		t.Run(name, func(t *testing.T) {
			var got []byte
			for _, e := range frames() {
				got = format(got, e)
			}
			golden(t, name, got)
		})
	}
}

// lines are what a page makes of line ends.
var pageLines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// Whatever a message holds, a page sees one event, and in it the same bytes.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("k"), []byte("payload"), []byte("trade"), "cursor", false, false)
	f.Add([]byte("a\rb"), []byte("a\r\n\r\n\nb\r"), []byte("x\nid: evil"), "c\nevent: evil", false, false)
	f.Add([]byte{0xff}, []byte("\ufeff: data: x\x00"), []byte("ready"), "c\x00", true, false)
	f.Add([]byte{}, []byte{0xc3}, []byte("\xff"), "", false, true)
	f.Fuzz(func(t *testing.T, key, payload, name []byte, cursor string, tombstone, envelope bool) {
		m := &domain.Message{Key: key, Payload: payload, Headers: []domain.Header{{Name: "n", Value: name}}}
		if tombstone {
			m.Payload = nil
		}
		const before, after = "before", "after"
		s := style{envelope: envelope, naming: "n"}
		stream := append([]byte("id: "+before+"\ndata:\n\n"), s.append(nil, domain.Event{Topic: "t", Message: m, Cursor: cursor})...)
		stream = append(stream, "id: "+after+"\ndata:\n\n"...)
		var page source
		page.read(string(stream))
		if len(page.events) != 3 || page.events[2].ID != after || len(page.retries) != 0 {
			t.Fatalf("%q is %q", stream, page.events)
		}
		got := page.events[1]
		if want := wantID(cursor, before); got.ID != want {
			t.Fatalf("id %q, want %q", got.ID, want)
		}
		if envelope {
			if !strings.HasPrefix(got.Data, `{"topic":"t",`) || strings.Contains(got.Data, "\n") {
				t.Fatalf("data %q", got.Data)
			}
			if strings.Contains(got.Data, `,"cursor":`) && cursor == "" && !bytes.Contains(payload, []byte(`,"cursor":`)) {
				t.Fatalf("a cursor in %q", got.Data)
			}
			if got.Type != "message" && (reserved(got.Type) || got.Type != string(name)) {
				t.Fatalf("a name %q of %q", got.Type, name)
			}
			return
		}
		kind, data := wantBare(m)
		if got.Data != data || got.Type != kind && (kind != "message" || reserved(got.Type) || got.Type != string(name)) {
			t.Fatalf("%q, want %s %q", got, kind, data)
		}
	})
}

// The names of PROTOCOL §3, and those that browsers dispatch events of their own under, are never a message's.
func TestNamesThatAreReserved(t *testing.T) {
	named := func(value string, envelope bool) string {
		m := &domain.Message{Payload: []byte("x"), Headers: []domain.Header{{Name: "type", Value: []byte(value)}, {Name: "type", Value: []byte("second")}}}
		var page source
		page.read(string(style{envelope: envelope, naming: "type"}.append(nil, domain.Event{Topic: "t", Message: m, Cursor: "c"})))
		if len(page.events) != 1 || page.events[0].ID != "c" {
			t.Fatalf("%q became %+v", value, page)
		}
		return page.events[0].Type
	}
	for _, envelope := range []bool{false, true} {
		for _, value := range []string{
			"ready", "gap", "mark", "assign", "bye", "challenge", "delete", "binary", "binary-delete", "open", "error",
			"", "a\rb", "a\nb", "a\x00b", "a\r\nid: evil", "\n", "\xff",
		} {
			if got := named(value, envelope); got != "message" {
				t.Errorf("%q names an event %q", value, got)
			}
		}
		for _, value := range []string{"trade", "Ready", "ready ", " gap", "é", "a: b", "message", "opened"} {
			if got := named(value, envelope); got != value {
				t.Errorf("%q names an event %q", value, got)
			}
		}
	}
}

func wantID(cursor, before string) string {
	if cursor == "" || strings.ContainsAny(cursor, "\r\n\x00") {
		return before
	}
	return cursor
}

func wantBare(m *domain.Message) (kind, data string) {
	switch {
	case m.Payload == nil && utf8.Valid(m.Key) && !bytes.ContainsAny(m.Key, "\r\n"):
		return "delete", string(m.Key)
	case m.Payload == nil:
		return "binary-delete", base64.StdEncoding.EncodeToString(m.Key)
	case !utf8.Valid(m.Payload):
		return "binary", base64.StdEncoding.EncodeToString(m.Payload)
	}
	return "message", pageLines.Replace(string(m.Payload))
}
