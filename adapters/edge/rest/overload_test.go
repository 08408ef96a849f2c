package rest

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"culvert/adapters/edge"
	"culvert/domain"
)

// unread is a body that nobody is to read.
type unread struct{ read bool }

func (u *unread) Read([]byte) (int, error) {
	u.read = true
	return 0, io.EOF
}

// full is a node without memory.
type full struct{}

func (full) Stream() error  { return domain.Errorf(domain.Unavailable, "no memory for more") }
func (full) Message() error { return full{}.Stream() }

// Each body was read before its message was refused, and all of them together were what there was no room for.
func TestAnOverloadedNodeReadsNoMessages(t *testing.T) {
	s := &services{}
	e, err := New(s, s, queues{s}, admin{s}, DefaultConfig(), domain.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	server, err := edge.New(edge.DefaultConfig(), domain.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(e)
	server.Heed(full{})
	for _, contentType := range []string{"text/plain", typeBatch, typeLines} {
		body := &unread{}
		r := httptest.NewRequest(http.MethodPost, "/v1/topics/a/messages", body)
		r.Host = "localhost"
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "no memory for more") || body.read {
			t.Errorf("%s: status %d %s; the body was read: %t", contentType, w.Code, w.Body, body.read)
		}
	}
}
