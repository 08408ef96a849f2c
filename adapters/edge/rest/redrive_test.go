package rest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
)

func TestDeadLettersAreSentBack(t *testing.T) {
	s := &services{sent: 17}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits()) + billing + "/redrive"
	for body, want := range map[string]string{"": "0", " \n": "0", "{}": "0", `{"limit":1}`: "1", ` { "limit" : 100000 } `: "100000"} {
		status, got := do(t, "POST", url, body)
		if asked := s.took(); status != 200 || got != `{"redriven":17}`+"\n" || !slices.Equal(asked, []string{"redrive orders/billing limit=" + want}) {
			t.Errorf("%q: %d %s, asked %q", body, status, got, asked)
		}
	}
	s.sent = 0
	if status, got := do(t, "POST", url, ""); status != 200 || got != `{"redriven":0}`+"\n" {
		t.Errorf("%d %s", status, got)
	}
	s.took()
	for _, body := range []string{`{"limit":0}`, `{"limit":-1}`, `{"limit":"5"}`, `{"limit":1.5}`, `{"limit":1e3}`, `{"limit":null}`, `{"limit":9223372036854775808}`, `{"limit":5,"to":"x"}`, `[]`, `5`, `{`} {
		if status, got := do(t, "POST", url, body); status != 400 || !strings.Contains(got, `"invalid-request"`) {
			t.Errorf("%s: %d %s", body, status, got)
		}
	}
	if status, got := do(t, "POST", url, strings.Repeat(" ", 64<<10+1)); status != 413 {
		t.Errorf("%d %s", status, got)
	}
	if asked := s.took(); len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
}

// Whoever is told only that a redrive failed does not know whether its letters are in the topic again.
func TestARedriveThatEndsEarlyTellsHowFarItCame(t *testing.T) {
	s := &services{}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits()) + billing + "/redrive"
	timeout := domain.Errorf(domain.Timeout, "the broker did not confirm").Because(io.ErrUnexpectedEOF)
	for _, c := range []struct {
		sent   int64
		err    error
		status int
		want   string
	}{
		{0, timeout, 504, `"detail":"the broker did not confirm","status":504,"retryable":true}`},
		{1, timeout, 504, `"detail":"1 dead letter was sent back before this: the broker did not confirm","status":504,"retryable":true}`},
		{17, timeout, 504, `"detail":"17 dead letters were sent back before this: the broker did not confirm","status":504,"retryable":true}`},
		{2, domain.Errorf(domain.TooLarge, ""), 413, `"detail":"2 dead letters were sent back before this: Too large","status":413,"retryable":false}`},
		{2, io.ErrUnexpectedEOF, 500, `"detail":"Internal error","status":500,"retryable":false}`}, // which a stranger is told nothing of
	} {
		s.sent, s.err = c.sent, c.err
		if status, got := do(t, "POST", url, ""); status != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%d, %v: %d %s", c.sent, c.err, status, got)
		}
	}
	if asked := s.took(); len(asked) != 5 {
		t.Errorf("asked %q", asked) // nobody may send letters back again on his own
	}
}

// Who leaves has no use for the rest of the letters; the next redrive finds them.
func TestARedriveEndsWithItsClient(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan error, 1)
	s := &services{wait: func(ctx context.Context) {
		close(begun)
		select {
		case <-ctx.Done():
		case <-t.Context().Done(): // the test has failed
		}
		ended <- ctx.Err()
	}}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "POST", url+billing+"/redrive", strings.NewReader(`{"limit":5}`))
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan struct{})
	// It ends with the request.
	go func() {
		defer close(left)
		if resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r); err == nil {
			resp.Body.Close()
			t.Errorf("answered with %d", resp.StatusCode)
		}
	}()
	<-begun
	leave()
	<-left
	select {
	case err := <-ended:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(20 * time.Second):
		t.Error("the redrive goes on")
	}
}

// A redrive of many letters takes longer than any deadline that a connection has for what is read or written.
func TestARedriveMayTakeItsTime(t *testing.T) {
	const deadline = 50 * time.Millisecond
	s := &services{sent: 100_000, wait: func(ctx context.Context) {
		select {
		case <-time.After(4 * deadline):
		case <-ctx.Done():
		}
	}}
	cfg := DefaultConfig()
	cfg.BodyTimeout = deadline
	e, err := New(s, s, queues{s}, admin{s}, cfg, domain.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	server, err := edge.New(edge.DefaultConfig(), domain.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(e)
	sending := edge.Sending{SendBuffer: 64 << 10, WriteTimeout: deadline}
	bound, err := edge.Listen(t.Context(), "127.0.0.1:0", sending, edge.Unbounded())
	if err != nil {
		t.Fatal(err)
	}
	listener := &httptest.Server{Listener: bound, Config: &http.Server{Handler: server.Handler(), ConnContext: edge.ConnContext, WriteTimeout: deadline, ReadHeaderTimeout: deadline, IdleTimeout: deadline}}
	listener.Start()
	defer listener.Close()
	for _, body := range []string{"", `{"limit":100000}`} {
		if status, got := do(t, "POST", listener.URL+billing+"/redrive", body); status != 200 || got != `{"redriven":100000}`+"\n" {
			t.Errorf("%q: %d %s", body, status, got)
		}
	}
}

// A redrive is a member of a queue for as long as it lasts, and strangers could begin any number of them.
func TestARedriveTakesThePlaceOfAStream(t *testing.T) {
	limits := domain.DefaultLimits()
	limits.Connections = 1
	s := &services{}
	url := serve(t, s, DefaultConfig(), limits) + billing + "/redrive"
	another := 0
	s.wait = func(context.Context) { another, _ = do(t, "POST", url, "") }
	if status, got := do(t, "POST", url, ""); status != 200 || another != 429 {
		t.Errorf("%d %s, another one %d", status, got, another)
	}
	s.wait = nil
	if status, got := do(t, "POST", url, ""); status != 200 {
		t.Errorf("after it: %d %s", status, got)
	}
}
