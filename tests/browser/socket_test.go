package browser

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// A page that has nothing but the browser's own WebSocket injects and views over one, in JSON.
func TestWebSocketInJSON(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS="+p.origin)
	topic := brokers.Topic(t)
	page := p.tab("socket.html", "url", webSocket(b)+"/v1/ws", "protocol", "culvert.v1.json")
	page.until("is open", "socket.readyState === WebSocket.OPEN")

	evaluate[bool](page, fmt.Sprintf(`socket.send(JSON.stringify({op: 'sub', id: '1', sub: 'a', topic: %q})), true`, topic))
	page.until("views", "shown.length === 2")
	evaluate[bool](page, fmt.Sprintf(`socket.send(JSON.stringify({op: 'pub', id: '2', topic: %q, key: 'GOOG', payload: {price: 187.2}})), true`, topic))
	page.until("has its answer and the message", "shown.length === 4")
	evaluate[bool](page, `socket.close(1000), true`)
	page.until("is closed", "count('close') === 1")

	var ops []string
	for _, l := range page.shown() {
		switch l.Event {
		case "text":
			var f client.Frame
			if err := json.Unmarshal([]byte(l.Data), &f); err != nil {
				t.Fatal(err)
			}
			ops = append(ops, f.Op)
			if f.Op == "msg" && (f.Key != "GOOG" || string(f.Payload) != `{"price":187.2}`) {
				t.Errorf("the page was shown %s", l.Data)
			}
		default:
			ops = append(ops, l.Event+" "+l.Data)
		}
	}
	// The message and its ack come in either order.
	slices.Sort(ops[2:4])
	if got := strings.Join(ops, ", "); got != "open culvert.v1.json, ready, ack, msg, close 1000 " {
		t.Errorf("the page saw %s", got)
	}
}

// Where every frame is one message, text stays text and bytes stay bytes.
func TestWebSocketRaw(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS="+p.origin)
	page := p.tab("socket.html", "url", webSocket(b)+"/v1/topics/"+brokers.Topic(t)+"/ws?mode=both&confirm=1")
	page.until("is open", "socket.readyState === WebSocket.OPEN")

	evaluate[bool](page, `socket.send('Grüße'), socket.send(new Uint8Array([255, 0])), true`)
	page.until("has both and their answers", "shown.length === 5")
	got := map[line]bool{}
	for _, l := range page.shown() {
		got[l] = true
	}
	for _, want := range []line{
		{Event: "open"},
		{Event: "text", Data: "+1"},
		{Event: "text", Data: "+2"},
		{Event: "text", Data: "Grüße"},
		{Event: "binary", Data: "255,0"},
	} {
		if !got[want] {
			t.Errorf("the page was not shown %+v, but %v", want, got)
		}
	}
}

// A page whose origin is not let in can neither read nor write, by whatever means it has.
func TestAForeignPageIsRefused(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.foreign = true
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS=http://127.0.0.1:1")
	topic := brokers.Topic(t)
	inject(t, b, topic, `{"messages":[{"text":"secret"}]}`)
	messages := b.URL + "/v1/topics/" + topic + "/messages"

	page := p.tab("eventsource.html", "url", b.URL+"/v1/topics/"+topic+"/events?from=earliest")
	page.until("gives up", "source.readyState === EventSource.CLOSED")
	if got := page.shown(); len(got) != 0 {
		t.Errorf("the page was shown %+v", got)
	}
	page = p.tab("socket.html", "url", webSocket(b)+"/v1/topics/"+topic+"/ws?mode=view&from=earliest")
	page.until("is refused", "count('close') === 1")
	if got := page.shown(); len(got) != 1 || !strings.HasPrefix(got[0].Data, "1006") {
		t.Errorf("the page was shown %+v", got)
	}
	// For these a browser asks nobody before; it only hides the answer.
	for _, mode := range []string{"cors", "no-cors"} {
		evaluate[string](page, fmt.Sprintf(`fetch(%q, {method: 'POST', mode: %q, body: 'forged'}).then(r => r.type, e => e.name)`, messages, mode))
	}
	var answer struct {
		Partitions []struct{ End int }
	}
	if err := client.Get(t.Context(), b.URL+"/v1/topics/"+topic, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Partitions[0].End != 1 {
		t.Errorf("the topic has %d messages: the page injected some of them", answer.Partitions[0].End)
	}
}

// webSocket is the URL of b's sockets.
func webSocket(b *bridge.Bridge) string { return strings.Replace(b.URL, "http", "ws", 1) }
