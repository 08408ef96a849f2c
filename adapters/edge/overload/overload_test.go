package overload

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
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

// asks is an edge that asks for room with each request.
type asks func(context.Context)

func (a asks) Register(e *echo.Echo) {
	e.GET("/", edge.Handle(func(_ http.ResponseWriter, r *http.Request) error { a(r.Context()); return nil }))
}

// service tells what it was given.
type service struct{ taken, rejected int }

func (s *service) Open(context.Context, func([]ports.Outcome)) ports.Injection { return s }
func (s *service) Send()                                                       {}
func (s *service) Flush(context.Context) error                                 { return nil }

func (s *service) Put(context.Context, domain.Topic, *domain.Message, string) (uint64, error) {
	s.taken++
	return 1, nil
}

func (s *service) Reject(_ context.Context, _ string, err error) (uint64, error) {
	if domain.CodeOf(err) == domain.Unavailable {
		s.rejected++
	}
	return 1, nil
}

// There was nothing between a bridge short of memory and its end.
func TestNewWorkIsRefusedFirst(t *testing.T) {
	var short shortness
	var stream, subscription, body error
	s, err := edge.New(edge.DefaultConfig(), domain.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.Heed(short.guard())
	s.Mount(asks(func(ctx context.Context) {
		var release func()
		if release, stream = edge.Admit(ctx); stream == nil {
			release()
		}
		subscription, body = edge.AdmitMore(ctx), edge.AdmitBody(ctx)
	}))
	behind := &service{}
	injected := short.guard().Injector(behind).Open(t.Context(), nil)
	for _, short = range []shortness{{}, {streams: true}, {streams: true, messages: true}} {
		*behind = service{}
		refused := s.Refused()
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Host = "localhost"
		s.Handler().ServeHTTP(httptest.NewRecorder(), r)
		if _, err := injected.Put(t.Context(), "orders", &domain.Message{}, "1"); err != nil {
			t.Error(err)
		}
		if (stream != nil) != short.streams || (subscription != nil) != short.streams || (body != nil) != short.messages || (behind.rejected == 1) != short.messages || behind.taken+behind.rejected != 1 {
			t.Errorf("%+v: a stream got %v, a subscription %v, a body %v; of messages %+v", short, stream, subscription, body, *behind)
		}
		told := int64(0)
		for _, err := range []error{stream, subscription, body} {
			if err != nil {
				told++
			}
		}
		if counted := s.Refused() - refused; counted != told || s.Connections() != 0 {
			t.Errorf("%+v: %d refusals are counted of %d, and %d places are taken", short, counted, told, s.Connections())
		}
	}
	if bye := domain.ByeFor(stream); domain.CodeOf(stream) != domain.Unavailable || bye.Reason != domain.ByeOverload || !bye.Reconnect {
		t.Errorf("a stream is told %v, or %v", domain.CodeOf(stream), bye)
	}
}
