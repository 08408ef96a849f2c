package sse

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// serveFixed is serve behind a route that fixes f.
func serveFixed(t *testing.T, s *services, f edge.Fixed) string {
	t.Helper()
	e, err := newEdge(s, DefaultConfig(), domain.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	server, err := edge.New(edge.DefaultConfig(), domain.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(e)
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.Handler().ServeHTTP(w, r.WithContext(edge.WithFixed(r.Context(), f)))
	}))
	t.Cleanup(listener.Close)
	return listener.URL
}

func TestAViewByARoute(t *testing.T) {
	s, seen := newStream(), ports.View{}
	url := serveFixed(t, viewing(s, &seen), edge.Fixed{Key: []byte("GOOG"), Headers: []domain.Header{{Name: "type", Value: []byte("alert")}}})
	if c := get(t, url+"/v1/topics/orders/events?header=a:b"); c.StatusCode != 200 {
		t.Fatalf("%d", c.StatusCode)
	}
	if len(seen.Keys) != 1 || string(seen.Keys[0]) != "GOOG" || len(seen.Headers) != 2 || string(seen.Headers[0].Value) != "alert" {
		t.Errorf("asked for %+v", seen)
	}
	if c := get(t, url+"/v1/topics/orders/events?key=AAPL"); c.StatusCode != 400 {
		t.Errorf("another key is answered with %d", c.StatusCode)
	}
}
