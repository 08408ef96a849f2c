package browser

import (
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// A page that has nothing but the browser's own EventSource is shown messages, tombstones and bytes as such, each with the cursor behind it.
func TestEventSourceShowsEachKindOfMessage(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS="+p.origin)
	topic := brokers.Topic(t)
	page := p.tab("eventsource.html", "url", b.URL+"/v1/topics/"+topic+"/events?from=earliest")
	page.until("is ready", "count('ready') === 1")

	inject(t, b, topic, `{"messages":[
		{"key":"GOOG","payload":{"price": 187.2}},
		{"text":"two\nlines"},
		{"key":"GOOG","payload":null},
		{"base64":"/wA="},
		{"key64":"/w==","payload":null}]}`)
	page.until("has seen all", "shown.length === 6")
	want := []line{
		{Event: "message", Data: `{"price": 187.2}`},
		{Event: "message", Data: "two\nlines"},
		{Event: "delete", Data: "GOOG"},
		{Event: "binary", Data: "/wA="},
		{Event: "binary-delete", Data: "/w=="},
	}
	cursors := map[string]bool{}
	for i, got := range page.shown()[1:] {
		if got.Event != want[i].Event || got.Data != want[i].Data {
			t.Errorf("the page was shown %+v, want %+v", got, want[i])
		}
		if got.Cursor == "" || cursors[got.Cursor] {
			t.Errorf("%+v has not a cursor of its own", got)
		}
		cursors[got.Cursor] = true
	}
}

// An EventSource comes back after whatever ended its stream, unless a status tells it not to: this one would go round for ever.
func TestEventSourceStopsAtTheEnd(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS="+p.origin, "CULVERT_SSE_RETRY=100ms")
	topic := brokers.Topic(t)
	inject(t, b, topic, `{"messages":[{"text":"one"},{"text":"two"}]}`)

	page := p.tab("eventsource.html", "url", b.URL+"/v1/topics/"+topic+"/events?from=earliest&to=latest")
	page.until("does not come back", "source.readyState === EventSource.CLOSED")
	got := page.shown()
	if len(got) != 4 || got[0].Event != "ready" || got[1].Data != "one" || got[2].Data != "two" || got[3].Event != "bye" {
		t.Errorf("the page was shown %+v", got)
	}
}

// inject publishes a batch, all of which must be confirmed.
func inject(t *testing.T, b *bridge.Bridge, topic, batch string) {
	t.Helper()
	injectAt(t, b.URL, topic, batch)
}

func injectAt(t *testing.T, base, topic, batch string) {
	t.Helper()
	var answer struct {
		Results []client.Frame `json:"results"`
	}
	if err := client.Post(t.Context(), base+"/v1/topics/"+topic+"/messages", "application/vnd.culvert.batch+json", []byte(batch), &answer); err != nil {
		t.Fatal(err)
	}
	for _, r := range answer.Results {
		if r.Op != "ack" {
			t.Fatalf("a message was not taken: %+v", r)
		}
	}
}
