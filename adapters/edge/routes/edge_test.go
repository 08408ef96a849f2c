package routes

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"culvert/adapters/edge"
	"culvert/domain"
)

// behind stands for the edges behind the routes: it answers with what it was asked.
type behind struct{}

func (behind) Register(e *echo.Echo) {
	for _, path := range []string{"events", "ws"} {
		e.GET("/v1/topics/:topic/"+path, edge.Handle(told))
		e.GET("/v1/topics/:topic/queues/:queue/"+path, edge.Handle(told))
	}
	e.POST("/v1/topics/:topic/messages", edge.Handle(told))
}

func told(w http.ResponseWriter, r *http.Request) error {
	_, err := io.WriteString(w, tell(r))
	return err
}

// tell is what a request asks, in one line.
func tell(r *http.Request) string {
	f := edge.FixedIn(r.Context())
	segments := strings.Split(r.URL.Path, "/")
	said := fmt.Sprintf("%s %s topic=%s", r.Method, segments[len(segments)-1], r.PathValue("topic"))
	if strings.Contains(r.URL.EscapedPath(), "/queues/") {
		said += " queue=" + r.PathValue("queue")
	}
	if r.URL.RawQuery != "" {
		said += " ?" + r.URL.RawQuery
	}
	if f.Key != nil {
		said += " key=" + string(f.Key)
	}
	for _, h := range f.Headers {
		said += " header=" + h.Name + ":" + string(h.Value)
	}
	if f.Refusal != nil {
		said += " refused: " + f.Refusal.Error()
	}
	if edge.Reaches(r.Context(), "internal") {
		said += " reaches internal"
	}
	return said
}

var routes = []Route{
	{Path: "/stock-prices/{key}", Topic: "stock-prices", Key: "{key}"},
	{Path: "/stock-prices/all", Topic: "stock-prices"},
	{Path: "/alerts/{region}", Topic: "notices", Headers: []string{"type:alert", "region: {region}"}},
	{Path: "/orders", Topic: "orders", Queue: "billing"},
	{Path: "/of/{team}/{queue}", Topic: "{team}.orders", Queue: "{queue}"},
	{Path: "/sse", Parameters: []Parameter{{"topicName", "topic"}, {"queueName", "queue"}, {"lastId", "lastEventId"}}},
	{Path: "/look", Topic: "orders", Parameters: []Parameter{{"in", "queue"}, {"how", "mode"}}},
	{Path: "/inside", Topic: "internal"},
	{Path: "/inside/at/desk", Topic: "internal", Queue: "billing"},
	{Path: "/inside/{name}", Topic: "{name}"},
	{Path: "/{topic}", Topic: "{topic}"},
}

func newServer(t testing.TB, all []Route) http.Handler {
	t.Helper()
	e, err := New(all, domain.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	server, err := edge.New(edge.DefaultConfig(), domain.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(behind{}, e)
	return server.Handler()
}

func ask(t testing.TB, h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	r.Host = "localhost"
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWhatRequestsStandFor(t *testing.T) {
	h := newServer(t, routes)
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "h2c, WebSocket"}
	for _, c := range []struct {
		method, target string
		header         []string
		want           string
	}{
		{"GET", "/stock-prices/GOOG", nil, "GET events topic=stock-prices key=GOOG"},
		{"GET", "/stock-prices/GOOG?limit=3&from=-10", nil, "GET events topic=stock-prices ?limit=3&from=-10 key=GOOG"},
		{"GET", "/stock-prices/BRK%2FB%20%C3%B6", nil, "GET events topic=stock-prices key=BRK/B ö"},
		{"GET", "/stock-prices/all", nil, "GET events topic=stock-prices"},
		{"GET", "/stock-prices/GOOG", upgrade, "GET ws topic=stock-prices key=GOOG"},
		{"POST", "/stock-prices/GOOG?results=all", nil, "POST messages topic=stock-prices ?results=all key=GOOG"},
		{"POST", "/stock-prices/GOOG", upgrade, "POST messages topic=stock-prices key=GOOG"},
		{"GET", "/alerts/eu", nil, "GET events topic=notices header=type:alert header=region:eu"},
		{"GET", "/orders", nil, "GET events topic=orders queue=billing"},
		{"GET", "/orders?mode=both", upgrade, "GET ws topic=orders queue=billing ?mode=both"},
		{"GET", "/orders?mode=peek&to=latest", nil, "GET events topic=orders queue=billing ?mode=peek&to=latest"},
		{"GET", "/orders?mode=peek&to=latest", upgrade, "GET ws topic=orders queue=billing ?mode=peek&to=latest"},
		{"GET", "/look?in=audit&how=peek", nil, "GET events topic=orders queue=audit ?mode=peek"},
		{"GET", "/look?in=audit&how=peek", upgrade, "GET ws topic=orders queue=audit ?mode=peek"},
		{"GET", "/look?how=peek", nil, "GET events topic=orders ?mode=peek"}, // a topic has no mode: the edge refuses it
		{"GET", "/inside/at/desk?mode=peek", nil, "GET events topic=internal queue=billing ?mode=peek reaches internal"},
		{"POST", "/orders?mode=peek", nil, "POST messages topic=orders ?mode=peek"}, // as well
		{"POST", "/orders", nil, "POST messages topic=orders"},
		{"GET", "/of/emea/audit", nil, "GET events topic=emea.orders queue=audit"},
		{"GET", "/of/em%2Fea/a%25", nil, "GET events topic=em/ea.orders queue=a%"}, // names that cannot be are the edges' to refuse
		{"GET", "/of/../a", nil, "GET events topic=...orders queue=a"},
		{"GET", "/sse?topicName=orders&queueName=billing&ack=manual", nil, "GET events topic=orders queue=billing ?ack=manual"},
		{"GET", "/sse?topicName=orders&queueName=billing", upgrade, "GET ws topic=orders queue=billing"},
		{"GET", "/sse?topicName=orders", nil, "GET events topic=orders"},
		{"GET", "/sse?limit=1&lastId=a%2Bb&%74opicName=or%20ders&header=a:b", nil, "GET events topic=or ders ?limit=1&lastEventId=a%2Bb&header=a:b"},
		{"GET", "/sse?topicName=orders&queueName=", nil, "GET events topic=orders queue="},
		{"GET", "/sse?topicName=orders&lastEventId=c&lastId=d", nil, "GET events topic=orders ?lastEventId=c&lastEventId=d"},
		{"GET", "/sse?topicName=orders&a=%zz&b;c", nil, "GET events topic=orders ?a=%zz&b;c"},
		{"POST", "/sse?topicName=orders", nil, "POST messages topic=orders"},
		{"POST", "/sse?topicName=orders&queueName=billing", nil, "POST messages topic=orders ?queueName=billing"},
		{"GET", "/sse?limit=1", upgrade, "GET ws topic= ?limit=1 refused: invalid-request: say which topic: the parameter topicName is missing or empty"},
		{"GET", "/sse?topicName=a&topicName=b", upgrade, "GET ws topic=b refused: invalid-request: the parameter topicName is there more than once"},
		{"GET", "/stock-prices/%FF", upgrade, "GET ws topic=stock-prices refused: invalid-request: {key} of the path is not UTF-8"},
		{"GET", "/inside", nil, "GET events topic=internal reaches internal"},
		{"GET", "/inside", upgrade, "GET ws topic=internal reaches internal"},
		{"POST", "/inside", nil, "POST messages topic=internal reaches internal"},
		{"GET", "/inside/internal", nil, "GET events topic=internal"},        // named by the client
		{"GET", "/internal", nil, "GET events topic=internal"},               // as well
		{"GET", "/sse?topicName=internal", nil, "GET events topic=internal"}, // as well
		{"GET", "/v1/topics/internal/events", nil, "GET events topic=internal"},
		{"GET", "/v1/topics/orders/events?topicName=a", nil, "GET events topic=orders ?topicName=a"},
	} {
		w := ask(t, h, c.method, c.target, c.header...)
		if got := w.Body.String(); w.Code != 200 || got != c.want {
			t.Errorf("%s %s: %d\ngot  %s\nwant %s", c.method, c.target, w.Code, got, c.want)
		}
	}
}

func TestWhatRoutesRefuse(t *testing.T) {
	h := newServer(t, routes)
	for _, c := range []struct {
		method, target string
		status         int
		want           string
	}{
		{"GET", "/sse", 400, "say which topic: the parameter topicName is missing or empty"},
		{"GET", "/sse?topicName=", 400, "say which topic: the parameter topicName is missing or empty"},
		{"POST", "/sse", 400, "say which topic: the parameter topicName is missing or empty"},
		{"GET", "/sse?topicName=a&topicName=b", 400, "the parameter topicName is there more than once"},
		{"GET", "/sse?topicName=a&queueName=b&queueName=b", 400, "the parameter queueName is there more than once"},
		{"GET", "/stock-prices/%FF", 400, "{key} of the path is not UTF-8"},
		{"GET", "/stock-prices/" + strings.Repeat("k", 4097), 400, "the key has 4097 bytes; keys have at most 4096 (limits.key_bytes)"},
		{"PUT", "/stock-prices/GOOG", 405, "PUT is not possible here"},
		{"HEAD", "/stock-prices/GOOG", 405, "HEAD is not possible here"},
		{"DELETE", "/inside/at/desk", 405, "DELETE is not possible here"}, // a route is for the messages of a queue
		{"POST", "/inside/at/desk/redrive", 404, "there is no route /inside/at/desk/redrive; GET / lists those there are"},
		{"GET", "/stock-prices/GOOG/x", 404, "there is no route /stock-prices/GOOG/x; GET / lists those there are"},
		{"GET", "/v1", 404, "there is no route /v1; GET / lists those there are"},
		{"GET", "/culvert.js", 404, "there is no route /culvert.js; GET / lists those there are"},
		{"PUT", "/v1/topics/orders/events", 405, "PUT is not possible here"},
	} {
		w := ask(t, h, c.method, c.target)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %.40s: %d %s, want %d %s", c.method, c.target, w.Code, w.Body, c.status, c.want)
		}
	}
	w := ask(t, h, "PUT", "/sse")
	if w.Header().Get("Allow") != "OPTIONS, GET, POST" {
		t.Errorf("PUT is answered with %v", w.Header())
	}
	w = ask(t, h, "OPTIONS", "/sse")
	if w.Code != 204 || w.Header().Get("Allow") != "OPTIONS, GET, POST" {
		t.Errorf("OPTIONS is answered with %d %v", w.Code, w.Header())
	}
}

// The server looks at requests before the routes do.
func TestRoutesAreBehindTheServersGuard(t *testing.T) {
	h := newServer(t, routes)
	if w := ask(t, h, "GET", "/orders", "Origin", "https://evil.example"); w.Code != 403 {
		t.Errorf("a foreign page: %d", w.Code)
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/orders", nil)
	r.Host = "evil.example"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 421 {
		t.Errorf("a foreign host: %d", w.Code)
	}
}

func TestWithoutRoutesNothingChanges(t *testing.T) {
	h := newServer(t, nil)
	if w := ask(t, h, "GET", "/orders"); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
	if w := ask(t, h, "GET", "/v1/topics/orders/events?limit=1"); w.Body.String() != "GET events topic=orders ?limit=1" {
		t.Errorf("%s", w.Body)
	}
}

func TestRoutesThatAreWrongMakeNoEdge(t *testing.T) {
	if _, err := New([]Route{{Path: "/v1/x", Topic: "a"}}, domain.DefaultLimits()); err == nil {
		t.Error("no error")
	}
	if _, err := New(nil, domain.Limits{}); err == nil {
		t.Error("no error for limits that cannot be")
	}
}

// FuzzTranslate: whatever comes as a key arrives as that key, and what comes as a topic arrives as that topic, or is refused; nothing of it gets elsewhere.
func FuzzTranslate(f *testing.F) {
	h := newServer(f, []Route{
		{Path: "/k/{key}", Topic: "fixed", Key: "{key}"},
		{Path: "/q", Parameters: []Parameter{{"name", "topic"}}},
	})
	f.Add("GOOG", "orders")
	f.Add("a/b", "../v1")
	f.Add("%2F", "a/queues/b")
	f.Add("..", "a&name=b")
	f.Fuzz(func(t *testing.T, key, topic string) {
		if key != "" && len(key) < 1000 && utf8.ValidString(key) {
			w := ask(t, h, "GET", "/k/"+escape(key))
			if want := "GET events topic=fixed key=" + key; w.Code != 200 || w.Body.String() != want {
				t.Errorf("%d %s, want %s", w.Code, w.Body, want)
			}
		}
		if topic != "" && len(topic) < 1000 && utf8.ValidString(topic) {
			w := ask(t, h, "GET", "/q?name="+escape(topic))
			if want := "GET events topic=" + topic; w.Code != 200 || w.Body.String() != want {
				t.Errorf("%d %s, want %s", w.Code, w.Body, want)
			}
		}
	})
}

// escape writes every byte of s by its number.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}
