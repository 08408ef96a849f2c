package sse

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// services are both services that the edge asks, played by the test.
type services struct {
	open func(ctx context.Context, v ports.View) (ports.Stream, error)
	join func(ctx context.Context, j ports.Join) (ports.Member, error)
	peek func(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Start, error)
}

func (s *services) View(ctx context.Context, v ports.View) (ports.Stream, error) {
	return s.open(ctx, v)
}

func (s *services) Join(ctx context.Context, j ports.Join) (ports.Member, error) {
	return s.join(ctx, j)
}

func (s *services) Settler(string) (ports.Settler, error) {
	return nil, domain.Errorf(domain.UnknownStream, "none")
}

func (s *services) Peek(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Start, error) {
	return s.peek(ctx, topic, queue)
}

// step is what a Next gives.
type step[T any] struct {
	give T
	err  error
}

// stream is a view whose batches the test sends.
type stream struct {
	ports.Stream
	ready   ports.Ready
	cursor  domain.Cursor
	gone    chan struct{} // closed when the view has ended
	written chan struct{} // has a value for each batch that was written

	mu    sync.Mutex // guards what follows
	waker ports.Waker
	life  context.Context //nolint:containedctx // as the service keeps it
	steps []step[ports.Batch]
	mark  string
}

func newStream() *stream {
	c := domain.CursorOf("orders", domain.NewVector(9, domain.Place{Next: 5}))
	return &stream{
		ready: ports.Ready{Stream: "s_1", Topics: []domain.Topic{"orders"}, Cursor: c}, cursor: c,
		gone: make(chan struct{}), written: make(chan struct{}, 100),
	}
}

// open is what the service does.
func (s *stream) open(ctx context.Context, v ports.View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waker, s.life = v.Waker, ctx
	context.AfterFunc(ctx, func() { close(s.gone) })
}

func (s *stream) Ready() ports.Ready    { return s.ready }
func (s *stream) Cursor() domain.Cursor { return s.cursor }
func (s *stream) Written()              { s.written <- struct{}{} }

func (s *stream) Silence() ports.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ports.Batch{Mark: s.mark}
}

func (s *stream) Poll() (ports.Batch, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil {
		return ports.Batch{}, false, context.Canceled
	}
	if len(s.steps) == 0 {
		return ports.Batch{}, false, nil
	}
	one := s.steps[0]
	s.steps = s.steps[1:]
	return one.give, true, one.err
}

// send lets the stream give b, or end with err.
func (s *stream) send(b ports.Batch, err error) {
	s.mu.Lock()
	s.steps = append(s.steps, step[ports.Batch]{b, err})
	s.mu.Unlock()
	s.waker.Wake()
}

// member is a membership whose events the test sends.
type member struct {
	steps chan step[[]domain.Event]
	gone  chan struct{}
	mu    sync.Mutex
	upto  []string
}

func newMember() *member {
	return &member{steps: make(chan step[[]domain.Event]), gone: make(chan struct{})}
}

func (m *member) Ready() domain.Membership {
	return domain.Membership{Stream: "s_2", Topic: "orders", Queue: "billing", Order: domain.OrderKey, MaxInFlight: 16, Lease: 30 * time.Second, MaxAttempts: 5, Assigned: 3}
}

func (m *member) Next(ctx context.Context, _ int) ([]domain.Event, error) {
	select {
	case one := <-m.steps:
		return one.give, one.err
	case <-ctx.Done():
		close(m.gone)
		return nil, ctx.Err()
	}
}

func (m *member) DoneUpTo(receipt string) domain.Settlement {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.upto = append(m.upto, receipt)
	return domain.Settlement{Settled: 1}
}
func (m *member) Done(...string) domain.Settlement                { panic("not asked for") }
func (m *member) Nack(time.Duration, ...string) domain.Settlement { panic("not asked for") }
func (m *member) Touch(...string) domain.Settlement               { panic("not asked for") }

func (m *member) settled() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string{}, m.upto...)
}

func push[T any](t *testing.T, c chan<- T, v T) {
	t.Helper()
	select {
	case c <- v:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody asks for the next batch")
	}
}

func await(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s did not happen", what)
	}
}

func newEdge(s *services, cfg Config, limits domain.Limits) (*Edge, error) {
	log := slog.New(slog.DiscardHandler)
	return New(s, s, edge.NewWriters(log), cfg, limits, log)
}

// serve serves the edge over s on a real address, as a bridge does.
func serve(t *testing.T, s *services, cfg Config, limits domain.Limits) string {
	t.Helper()
	return serveOn(t, s, cfg, limits, edge.DefaultSending())
}

// serveOn is serve with other connections. In the end it waits for all views to be over.
func serveOn(t *testing.T, s *services, cfg Config, limits domain.Limits, sending edge.Sending) string {
	t.Helper()
	e, handler := handlerOf(t, s, cfg, limits)
	t.Cleanup(func() { allOver(t, e) })
	return listen(t, handler, sending)
}

// listen serves handler as a bridge does.
func listen(t *testing.T, handler http.Handler, sending edge.Sending) string {
	t.Helper()
	l, err := edge.Listen(t.Context(), "127.0.0.1:0", sending, edge.Unbounded())
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ConnContext: edge.ConnContext}
	served := make(chan struct{})
	go func() { // ends with the server
		_ = h.Serve(l)
		close(served)
	}()
	t.Cleanup(func() {
		h.Close()
		<-served
	})
	return "http://" + l.Addr().String()
}

// serveByNetHTTP is serve where connections cannot be taken over.
func serveByNetHTTP(t *testing.T, s *services, cfg Config, limits domain.Limits) string {
	t.Helper()
	e, handler := handlerOf(t, s, cfg, limits)
	listener := httptest.NewServer(handler)
	t.Cleanup(func() {
		listener.Close()
		allOver(t, e)
	})
	return listener.URL
}

// eachWay runs a test over each way to a client.
func eachWay(t *testing.T, test func(t *testing.T, serve func(*testing.T, *services, Config, domain.Limits) string)) {
	t.Helper()
	t.Run("direct", func(t *testing.T) { test(t, serve) })
	t.Run("by net/http", func(t *testing.T) { test(t, serveByNetHTTP) })
}

func handlerOf(t *testing.T, s *services, cfg Config, limits domain.Limits) (*Edge, http.Handler) {
	t.Helper()
	e, err := newEdge(s, cfg, limits)
	if err != nil {
		t.Fatal(err)
	}
	server, err := edge.New(edge.DefaultConfig(), limits, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(e)
	return e, server.Handler()
}

// allOver waits until the views have ended of which the clients are gone.
func allOver(t *testing.T, e *Edge) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := e.Drain(ctx); err != nil {
		t.Errorf("views go on without their clients: %v", err)
	}
}

// client reads an answer while it comes.
type client struct {
	*http.Response
	r    *bufio.Reader
	stop context.CancelFunc
}

func get(t *testing.T, url string, header ...string) *client {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	transport := &http.Transport{}
	resp, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		resp.Body.Close()
		transport.CloseIdleConnections()
	})
	return &client{resp, bufio.NewReader(resp.Body), stop}
}

// block reads up to and with the next blank line.
func (c *client) block(t *testing.T) string {
	t.Helper()
	all := ""
	for {
		line, err := c.r.ReadString('\n')
		all += line
		if err != nil {
			t.Fatalf("%v after %q", err, all)
		}
		if line == "\n" {
			return all
		}
	}
}

func (c *client) line(t *testing.T) string {
	t.Helper()
	line, err := c.r.ReadString('\n')
	if err != nil {
		t.Fatalf("%v after %q", err, line)
	}
	return line
}

func (c *client) rest(t *testing.T) string {
	t.Helper()
	all, err := io.ReadAll(c.r)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}
