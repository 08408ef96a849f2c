package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"culvert/tests/bridge"
	"culvert/tests/client"
)

// configured makes a configuration file, and gives the environment that names it.
func configured(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "culvert.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "CULVERT_CONFIG=" + path
}

// postTo injects one text at a URL.
func postTo(ctx context.Context, t *testing.T, url, text string, header map[string]string) {
	t.Helper()
	wantStatus(ctx, t, request{method: http.MethodPost, url: url, body: text, header: header}, http.StatusOK, "")
}

func openSSE(ctx context.Context, t *testing.T, url string) *client.SSE {
	t.Helper()
	s, err := client.OpenSSE(ctx, url, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	wantEvent(t, s, "ready", "")
	return s
}

func openWS(ctx context.Context, t *testing.T, url, subprotocol string) *client.WS {
	t.Helper()
	w, err := client.OpenWS(ctx, url, subprotocol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// wantEvent reads the next event but marks, which must be of this type, and hold data where that is not empty.
func wantEvent(t *testing.T, s *client.SSE, eventType, data string) client.Event {
	t.Helper()
	for {
		e, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == "mark" {
			continue
		}
		if e.Type != eventType || data != "" && e.Data != data {
			t.Fatalf("%s %q came, want %s %q", e.Type, e.Data, eventType, data)
		}
		return e
	}
}

func wantText(ctx context.Context, t *testing.T, w *client.WS, want string) {
	t.Helper()
	if got, err := w.Text(ctx); err != nil || got != want {
		t.Fatalf("%q, %v; want %q", got, err, want)
	}
}

// wantFrame reads up to the next frame of an op.
func wantFrame(ctx context.Context, t *testing.T, w *client.WS, op string) client.Frame {
	t.Helper()
	f, err := w.Until(ctx, op)
	if err != nil {
		t.Fatalf("no %s: %v", op, err)
	}
	return f
}

// wantClose wants the server to close the socket, and to say nothing before.
func wantClose(ctx context.Context, t *testing.T, w *client.WS, code websocket.StatusCode, reason string) {
	t.Helper()
	text, err := w.Text(ctx)
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != code || closed.Reason != reason {
		t.Errorf("%q, %v; want a close with %d %s", text, err, code, reason)
	}
}

func sendFrame(ctx context.Context, t *testing.T, w *client.WS, f client.Frame) {
	t.Helper()
	if err := w.Send(ctx, f); err != nil {
		t.Fatal(err)
	}
}

// A path of the operator's own is a topic, or a key of it, for every kind of client; and an older client's URL is a queue.
func TestRoutes(t *testing.T) {
	everyBroker(t, func(t *testing.T, s subject) {
		ctx := deadline(t)
		topic := s.topic(t)
		b := s.start(t, configured(t, fmt.Sprintf(`
routes:
  - {path: "/stock-prices", topic: %[1]s}
  - {path: "/stock-prices/{key}", topic: %[1]s, key: "{key}"}
  - {path: /alerts, topic: %[1]s, headers: ["type:alert"]}
  - path: /sse
    parameters:
      - {name: topicName, as: topic}
      - {name: queueName, as: queue}
      - {name: lastId, as: lastEventId}
`, topic)))
		t.Run("keys", func(t *testing.T) { viewKeys(ctx, t, b) })
		t.Run("headers", func(t *testing.T) { viewAlerts(ctx, t, b) })
		t.Run("an older client", func(t *testing.T) { joinAsBefore(ctx, t, b, topic) })
	})
}

func viewKeys(ctx context.Context, t *testing.T, b *bridge.Bridge) {
	prices := b.URL + "/stock-prices"
	sse := openSSE(ctx, t, prices+"/GOOG")
	raw := openWS(ctx, t, prices+"/GOOG?mode=view", "culvert.v1.raw")
	socket := openWS(ctx, t, prices+"/GOOG", "culvert.v1.json")
	sendFrame(ctx, t, socket, client.Frame{Op: "sub", Sub: "a"})
	wantFrame(ctx, t, socket, "ready")

	postTo(ctx, t, prices+"/AAPL", "another's", nil)
	postTo(ctx, t, prices+"/GOOG", "by POST", map[string]string{"Culvert-Key": "GOOG"})
	wantStatus(ctx, t, request{method: http.MethodPost, url: prices + "/GOOG", body: "x", header: map[string]string{"Culvert-Key": "AAPL"}}, http.StatusBadRequest, "invalid-request")
	writer := openWS(ctx, t, prices+"/GOOG?confirm=1", "culvert.v1.raw")
	if err := writer.Conn.Write(ctx, websocket.MessageText, []byte("by raw")); err != nil {
		t.Fatal(err)
	}
	wantText(ctx, t, writer, "+1")
	text := "by json"
	sendFrame(ctx, t, socket, client.Frame{Op: "pub", ID: "1", Text: &text})

	for _, want := range []string{"by POST", "by raw", "by json"} {
		wantEvent(t, sse, "message", want)
		wantText(ctx, t, raw, want)
		if f := wantFrame(ctx, t, socket, "msg"); f.Text == nil || *f.Text != want || f.Key != "GOOG" {
			t.Fatalf("%+v came, want %s", f, want)
		}
	}
	sendFrame(ctx, t, socket, client.Frame{Op: "pub", ID: "2", Key: "AAPL", Text: &text})
	if f := wantFrame(ctx, t, socket, "err"); f.ID != "2" || f.Code != "invalid-request" {
		t.Errorf("another key: %+v", f)
	}

	// All of them, and one that came by the topic's own URL, are there without a key.
	all := openSSE(ctx, t, prices+"?envelope=1")
	postTo(ctx, t, prices, "without a key", nil)
	if e := wantEvent(t, all, "message", ""); !strings.Contains(e.Data, `"text":"without a key"`) {
		t.Errorf("%+v", e)
	}
	wantStatus(ctx, t, request{url: prices + "/GOOG?key=AAPL"}, http.StatusBadRequest, "invalid-request")
	wantStatus(ctx, t, request{method: http.MethodPut, url: prices + "/GOOG"}, http.StatusMethodNotAllowed, "method-not-allowed")
}

func viewAlerts(ctx context.Context, t *testing.T, b *bridge.Bridge) {
	alerts := openSSE(ctx, t, b.URL+"/alerts")
	postTo(ctx, t, b.URL+"/stock-prices", "calm", map[string]string{"Culvert-Header": "type: news"})
	postTo(ctx, t, b.URL+"/stock-prices", "fire", map[string]string{"Culvert-Header": "type: alert"})
	wantEvent(t, alerts, "message", "fire")
}

func joinAsBefore(ctx context.Context, t *testing.T, b *bridge.Bridge, topic string) {
	own := b.URL + "/sse?topicName=" + topic
	viewer := openSSE(ctx, t, own)
	first := openSSE(ctx, t, own+"&queueName=workers&ack=manual")
	postTo(ctx, t, own, "a job", nil)
	seen := wantEvent(t, viewer, "message", "a job")
	wantEvent(t, first, "message", "a job")
	first.Close() // without having settled it

	second := openWS(ctx, t, own+"&queueName=workers", "culvert.v1.raw")
	wantText(ctx, t, second, "a job")

	postTo(ctx, t, own, "later", nil)
	resumed := openSSE(ctx, t, own+"&lastId="+seen.ID)
	// Where ids are thinned, what came after the last one comes again.
	if e := wantEvent(t, resumed, "message", ""); e.Data != "later" {
		wantEvent(t, resumed, "message", "later")
	}
	wantStatus(ctx, t, request{url: b.URL + "/sse"}, http.StatusBadRequest, "invalid-request")
	wantClose(ctx, t, openWS(ctx, t, b.URL+"/sse", "culvert.v1.raw"), 4501, "invalid-request: say which topic: the parameter topicName is missing or empty")
}

// What is hidden is to strangers as what nobody may use, on every edge, but by the route that names it; operators have it as any other.
func TestHiddenTopics(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	b := bridge.Start(t, configured(t, `
topics:
  - {name: internal, hidden: true}
  - {name: nobodys, allow: false}
routes:
  - {path: /out, topic: internal}
  - {path: "/out/{key}", topic: internal, key: "{key}"}
  - {path: "/named/{topic}", topic: "{topic}"}
  - path: /sse
    parameters: [{name: topicName, as: topic}]
`))
	postTo(ctx, t, b.URL+"/out/k", "one", nil)
	for _, topic := range []string{"internal", "nobodys"} {
		refusedOverHTTP(ctx, t, b, topic)
		refusedOverWS(ctx, t, b, topic)
	}
	if a := send(ctx, t, request{url: b.URL + "/v1/topics"}); strings.Contains(a.body, "internal") {
		t.Errorf("strangers are told of %s", a.body)
	}

	sse := openSSE(ctx, t, b.URL+"/out/k?from=earliest")
	wantEvent(t, sse, "message", "one")
	socket := openWS(ctx, t, b.URL+"/out", "culvert.v1.json")
	sendFrame(ctx, t, socket, client.Frame{Op: "sub", Sub: "a", Topic: "internal"})
	wantFrame(ctx, t, socket, "ready")
	text := "two"
	sendFrame(ctx, t, socket, client.Frame{Op: "pub", ID: "1", Key: "k", Text: &text})
	if f := wantFrame(ctx, t, socket, "msg"); f.Topic != "internal" || *f.Text != text {
		t.Errorf("%+v", f)
	}
	wantEvent(t, sse, "message", "two")

	if a := wantStatus(ctx, t, request{url: b.Admin + "/v1/topics"}, http.StatusOK, ""); !strings.Contains(a.body, `"internal"`) {
		t.Errorf("operators are not told: %s", a.body)
	}
	wantStatus(ctx, t, request{url: b.Admin + "/v1/topics/internal"}, http.StatusOK, "")
	postTo(ctx, t, b.Admin+"/v1/topics/internal/messages", "three", map[string]string{"Culvert-Key": "k"})
	wantEvent(t, sse, "message", "three")
	console := openWS(ctx, t, b.Admin+"/v1/ws", "culvert.v1.json")
	sendFrame(ctx, t, console, client.Frame{Op: "sub", Sub: "a", Topic: "internal", From: "earliest"})
	if f := wantFrame(ctx, t, console, "msg"); *f.Text != "one" {
		t.Errorf("%+v", f)
	}
	wantStatus(ctx, t, request{url: b.Admin + "/v1/topics/nobodys"}, http.StatusForbidden, "not-allowed")
}

// refusedOverHTTP wants the same answer to all that a stranger can ask of a topic.
func refusedOverHTTP(ctx context.Context, t *testing.T, b *bridge.Bridge, topic string) {
	t.Helper()
	at := b.URL + "/v1/topics/" + topic
	for _, r := range []request{
		{url: at},
		{url: at + "/events"},
		{url: at + "/events?from=earliest"},
		{url: at + "/events?strict=1&from=-5"},
		{url: b.URL + "/v1/events?topic=" + topic},
		{url: at + "/queues"},
		{url: at + "/queues/q/events"},
		{method: http.MethodPost, url: at + "/messages", body: "x"},
		{url: b.URL + "/named/" + topic},
		{url: b.URL + "/sse?topicName=" + topic},
		{method: http.MethodPost, url: b.URL + "/sse?topicName=" + topic, body: "x"},
	} {
		a := wantStatus(ctx, t, r, http.StatusForbidden, "not-allowed")
		if want := fmt.Sprintf(`"detail":"topic \"%s\" is not open to you"`, topic); !strings.Contains(a.body, want) {
			t.Errorf("%s %s: %s", r.method, r.url, a.body)
		}
	}
	a := wantStatus(ctx, t, request{
		method: http.MethodPost, url: at + "/messages", body: `{"messages":[{"text":"x"}]}`, header: map[string]string{"Content-Type": "application/vnd.culvert.batch+json"},
	}, http.StatusOK, "")
	if !strings.Contains(a.body, `"code":"not-allowed"`) {
		t.Errorf("a batch: %s", a.body)
	}
}

// refusedOverWS is the same of what a stranger can ask over WebSockets.
func refusedOverWS(ctx context.Context, t *testing.T, b *bridge.Bridge, topic string) {
	t.Helper()
	at := b.URL + "/v1/topics/" + topic
	reason := fmt.Sprintf(`not-allowed: topic %q is not open to you`, topic)
	for _, url := range []string{at + "/ws?mode=view", at + "/queues/q/ws", b.URL + "/named/" + topic + "?mode=view"} {
		wantClose(ctx, t, openWS(ctx, t, url, "culvert.v1.raw"), 4505, reason)
	}
	raw := openWS(ctx, t, at+"/ws", "culvert.v1.raw")
	if err := raw.Conn.Write(ctx, websocket.MessageText, []byte("x")); err != nil {
		t.Fatal(err)
	}
	wantText(ctx, t, raw, "-1 "+strings.Replace(reason, ":", "", 1))
	socket := openWS(ctx, t, b.URL+"/v1/ws", "culvert.v1.json")
	text := "x"
	for _, f := range []client.Frame{
		{Op: "sub", ID: "1", Sub: "a", Topic: topic},
		{Op: "sub", ID: "2", Sub: "b", Topic: topic, From: "earliest"},
		{Op: "sub", ID: "3", Sub: "c", Topic: topic, Queue: "q"},
		{Op: "pub", ID: "4", Topic: topic, Text: &text},
	} {
		sendFrame(ctx, t, socket, f)
		if got := wantFrame(ctx, t, socket, "err"); got.ID != f.ID || got.Code != "not-allowed" || "not-allowed: "+got.Detail != reason {
			t.Errorf("%+v is answered with %+v", f, got)
		}
	}
}
