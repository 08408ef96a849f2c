package overload

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// shortness is a guard that a test sets.
type shortness struct{ streams, messages bool }

func (s *shortness) guard() Guard {
	return Guard{Streams: func() bool { return s.streams }, Messages: func() bool { return s.messages }}
}

type services struct {
	ports.Queues
	taken, rejected int
}

func (s *services) View(context.Context, ports.View) (ports.Stream, error) {
	s.taken++
	return nil, nil
}

func (s *services) Join(context.Context, ports.Join) (ports.Member, error) {
	s.taken++
	return nil, nil
}
func (s *services) Open(context.Context, func([]ports.Outcome)) ports.Injection { return s }
func (s *services) Flush(context.Context) error                                 { return nil }

func (s *services) Put(context.Context, domain.Topic, *domain.Message, string) (uint64, error) {
	s.taken++
	return 1, nil
}

func (s *services) Reject(_ context.Context, _ string, err error) (uint64, error) {
	if domain.CodeOf(err) == domain.Unavailable {
		s.rejected++
	}
	return 1, nil
}

// There was nothing between a bridge short of memory and its end.
func TestNewWorkIsRefusedFirst(t *testing.T) {
	var short shortness
	s := &services{}
	viewer, queues, injection := short.guard().Viewer(s), short.guard().Queues(s), short.guard().Injector(s).Open(t.Context(), nil)
	for _, c := range []struct {
		shortness
		taken, rejected int
	}{
		{shortness{}, 3, 0},
		{shortness{streams: true}, 1, 0},
		{shortness{streams: true, messages: true}, 0, 1},
	} {
		short, *s = c.shortness, services{}
		_, viewed := viewer.View(t.Context(), ports.View{})
		_, joined := queues.Join(t.Context(), ports.Join{})
		if _, err := injection.Put(t.Context(), "orders", &domain.Message{}, "1"); err != nil {
			t.Error(err)
		}
		for _, err := range []error{viewed, joined} {
			if (err != nil) != c.streams {
				t.Errorf("%+v: a stream got %v", c, err)
			}
			if bye := domain.ByeFor(err); err != nil && (domain.CodeOf(err) != domain.Unavailable || bye.Reason != domain.ByeOverload || !bye.Reconnect) {
				t.Errorf("a stream is told %v, or %v", domain.CodeOf(err), bye)
			}
		}
		if s.taken != c.taken || s.rejected != c.rejected {
			t.Errorf("%+v: %d taken, %d rejected", c, s.taken, s.rejected)
		}
	}
}

// asked is a request with a body of so many bytes.
func asked(path string, length int64, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(""))
	r.Host, r.ContentLength = "localhost", length
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

type anything struct{}

func (anything) Register(e *echo.Echo) {
	e.POST("/*", edge.Handle(func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(http.StatusOK); return nil }))
}

// Each body was read before its message was refused, and all of them together were what there was no room for.
func TestWhatCostsMemoryIsRefusedByItsHead(t *testing.T) {
	var short shortness
	s, err := edge.New(edge.DefaultConfig(), domain.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.Mount(anything{}, short.guard())
	for _, c := range []struct {
		name    string
		r       func() *http.Request
		refused bool
	}{
		{"a large body", func() *http.Request { return asked("/v1/topics/a/messages", 1<<20) }, true},
		{"a body of any length", func() *http.Request { return asked("/v1/topics/a/messages", -1) }, true},
		{"a WebSocket", func() *http.Request { return asked("/v1/ws", 0, "Sec-WebSocket-Key", "x") }, true},
		{"a small body", func() *http.Request { return asked("/v1/topics/a/messages", 100) }, false},
		{"leases that are settled", func() *http.Request { return asked("/v1/streams/s/done", -1) }, false},
	} {
		for _, load := range []shortness{{}, {streams: true}, {streams: true, messages: true}} {
			short = load
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, c.r())
			refused := w.Code == http.StatusServiceUnavailable && w.Header().Get("Retry-After") != "" && strings.Contains(w.Body.String(), "limits.memory_bytes")
			if refused != (c.refused && load.messages) {
				t.Errorf("%s, %+v: status %d %s", c.name, load, w.Code, w.Body)
			}
		}
	}
}
