package ws

import (
	"log/slog"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"culvert/adapters/edge"
	"culvert/domain"
)

// memory is that of a node, which may be short.
type memory struct{ short *atomic.Bool }

func (m memory) Stream() error {
	if m.short.Load() {
		return &domain.Bye{Reason: domain.ByeOverload, Reconnect: true, Cause: domain.Errorf(domain.Unavailable, "no memory for more")}
	}
	return nil
}

func (m memory) Message() error { return m.Stream() }

// A socket for which there was no memory got a plain 503, of which a browser tells its page nothing, and a view was closed as if its client had asked too often.
func TestAnOverloadedNodeClosesHandshakesAsUnavailable(t *testing.T) {
	var short atomic.Bool
	server, err := edge.New(edge.DefaultConfig(), domain.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	e, err := New(&broker{}, &broker{}, &broker{}, edge.NewWriters(log), quickConfig(), domain.DefaultLimits(), log)
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(e)
	server.Heed(memory{&short})
	h := &host{e, httptest.NewServer(server.Handler())}
	defer h.http.Close()
	eachClient(t, func(t *testing.T, d dial) {
		short.Store(false)
		open := d(t, h.url("/v1/ws"))
		defer open.cut()
		say(t, open, `{"op":"nonsense"}`)
		expectPrefix(t, open, `{"op":"err"`)

		short.Store(true)
		for _, path := range []string{"/v1/ws", "/v1/topics/a/ws", "/v1/topics/a/ws?mode=view", "/v1/topics/a/queues/q/ws"} {
			expectClose(t, d(t, h.url(path)), 4001, "unavailable: no memory for more")
		}
		say(t, open, `{"op":"sub","id":"1","sub":"s","topic":"a"}`)
		expectPrefix(t, open, `{"op":"err","id":"1","code":"unavailable","detail":"no memory for more"`)
	})
}
