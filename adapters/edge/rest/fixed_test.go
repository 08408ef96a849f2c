package rest

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"culvert/adapters/edge"
	"culvert/domain"
)

// serveFixed is serve behind a route that fixes the key GOOG.
func serveFixed(t *testing.T, s *services) string {
	t.Helper()
	e, err := New(s, s, queues{s}, admin{s}, DefaultConfig(), domain.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	server, err := edge.New(edge.DefaultConfig(), domain.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(e)
	fixed := edge.Fixed{Key: []byte("GOOG"), Headers: []domain.Header{{Name: "type", Value: []byte("alert")}}}
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.Handler().ServeHTTP(w, r.WithContext(edge.WithFixed(r.Context(), fixed)))
	}))
	t.Cleanup(listener.Close)
	return listener.URL
}

func TestInjectionByARoute(t *testing.T) {
	s := &services{}
	url := serveFixed(t, s) + target
	for _, header := range [][]string{nil, {"Culvert-Key", "GOOG"}, {"Culvert-Tombstone", "1"}} {
		body := "x"
		if len(header) > 0 && header[0] == "Culvert-Tombstone" {
			body = ""
		}
		if status, got := do(t, "POST", url, body, header...); status != 200 {
			t.Errorf("%v: %d %s", header, status, got)
		}
	}
	const another = `the key is \"GOOG\" on this URL, not \"AAPL\"; it may be left out`
	if status, got := do(t, "POST", url, "x", "Culvert-Key", "AAPL"); status != 400 || !strings.Contains(got, another) {
		t.Errorf("another key: %d %s", status, got)
	}
	status, got := do(t, "POST", url, `{"messages":[{"text":"a"},{"id":"2","key":"AAPL","text":"a"},{"key":"GOOG","text":"a"}]}`, "Content-Type", batchType)
	if status != 200 || strings.Count(got, `"op":"ack"`) != 2 || !strings.Contains(got, `{"op":"err","id":"2","code":"invalid-request","detail":"`+another+`","retryable":false}`) {
		t.Errorf("a batch: %d %s", status, got)
	}
	status, got = do(t, "POST", url, "{\"text\":\"a\"}\n{\"id\":\"2\",\"key\":\"AAPL\",\"text\":\"a\"}\n", "Content-Type", typeLines)
	if status != 200 || strings.Count(got, `"op":"ack"`) != 1 || !strings.Contains(got, another) {
		t.Errorf("a stream: %d %s", status, got)
	}
	ms := s.messages()
	if len(ms) != 6 || !ms[2].Tombstone() {
		t.Errorf("%d messages were put", len(ms))
	}
	for i, m := range ms {
		// What a route filters by is not what it injects.
		if string(m.Key) != "GOOG" || m.Headers != nil {
			t.Errorf("%d: %+v", i, m)
		}
	}
}
