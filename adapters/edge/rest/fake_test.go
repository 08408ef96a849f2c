package rest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// services are what the edge asks, played by the test.
type services struct {
	// outcome says what becomes of a message; nil: it is acked with its number as its offset.
	outcome func(n uint64, m *domain.Message) (domain.Ack, error)
	// backwards answers only when somebody flushes, the last message first.
	backwards bool
	// refuseAfter is how many messages are taken before the service drains; 0: all.
	refuseAfter uint64

	topics   []ports.TopicEntry
	complete bool
	info     domain.TopicInfo
	queues   []ports.QueueEntry
	err      error

	state ports.QueueState
	sent  int64                 // what a redrive has sent back
	wait  func(context.Context) // what holds up a change of a queue; nil: nothing

	mu  sync.Mutex // guards what is below
	put []*domain.Message
	// injections are the lifetimes of those that were opened.
	injections []context.Context
	settled    []string
	asked      []string     // what was asked of a ports.QueueAdmin, but for lists
	to         domain.Start // where the last reset led
}

func (s *services) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, fmt.Sprintf(format, args...))
}

// took gives what was asked of a ports.QueueAdmin since the last time.
func (s *services) took() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func (s *services) messages() []*domain.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*domain.Message{}, s.put...)
}

func (s *services) Open(ctx context.Context, answer func([]ports.Outcome)) ports.Injection {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.injections = append(s.injections, ctx)
	return &injection{s: s, answer: answer}
}

type injection struct {
	s       *services
	answer  func([]ports.Outcome)
	n       uint64
	held    []ports.Outcome // until Send
	pending []ports.Outcome // until Flush
}

func (i *injection) Put(ctx context.Context, _ domain.Topic, m *domain.Message, id string) (uint64, error) {
	if err := i.refused(ctx); err != nil {
		return 0, err
	}
	i.s.mu.Lock()
	i.s.put = append(i.s.put, m)
	i.s.mu.Unlock()
	i.n++
	o := ports.Outcome{N: i.n, ID: id, Ack: domain.Ack{Position: &domain.Position{Partition: 2, Offset: int64(i.n)}, Time: time.UnixMilli(0)}}
	if i.s.outcome != nil {
		o.Ack, o.Err = i.s.outcome(i.n, m)
	}
	i.tell(o)
	return i.n, nil
}

func (i *injection) Reject(ctx context.Context, id string, err error) (uint64, error) {
	if refused := i.refused(ctx); refused != nil {
		return 0, refused
	}
	i.n++
	i.tell(ports.Outcome{N: i.n, ID: id, Err: err})
	return i.n, nil
}

func (i *injection) refused(ctx context.Context) error {
	if ctx.Err() != nil || i.s.refuseAfter > 0 && i.n >= i.s.refuseAfter {
		return domain.Errorf(domain.Unavailable, "this server is shutting down")
	}
	return nil
}

func (i *injection) tell(o ports.Outcome) {
	if i.s.backwards {
		i.pending = append([]ports.Outcome{o}, i.pending...)
		return
	}
	i.held = append(i.held, o)
}

func (i *injection) Send() {
	for _, o := range i.held {
		i.answer([]ports.Outcome{o})
	}
	i.held = nil
}

func (i *injection) Flush(context.Context) error {
	i.Send()
	if len(i.pending) > 0 {
		i.answer(i.pending)
		clear(i.pending)
		i.pending = nil
	}
	return nil
}

func (s *services) List(context.Context) ([]ports.TopicEntry, bool, error) {
	return s.topics, s.complete, s.err
}

func (s *services) Describe(_ context.Context, topic domain.Topic) (domain.TopicInfo, error) {
	if topic != s.info.Topic {
		return domain.TopicInfo{}, domain.Errorf(domain.UnknownTopic, "there is no topic %s", topic)
	}
	return s.info, s.err
}

// queues are the services as a ports.Queues.
type queues struct{ *services }

func (q queues) Join(context.Context, ports.Join) (ports.Member, error) { panic("not asked for") }

func (q queues) Settler(stream string) (ports.Settler, error) { return q.settler(stream) }

func (q queues) Peek(context.Context, domain.Topic, domain.Queue) (domain.Start, error) {
	panic("not asked for")
}

// admin are the services as a ports.QueueAdmin.
type admin struct{ *services }

func (a admin) List(_ context.Context, topic domain.Topic) ([]ports.QueueEntry, bool, error) {
	if topic != a.info.Topic {
		return nil, false, domain.Errorf(domain.UnknownTopic, "there is no topic %s", topic)
	}
	return a.queues, a.complete, a.err
}

func (a admin) Inspect(_ context.Context, topic domain.Topic, queue domain.Queue) (ports.QueueState, error) {
	a.note("inspect %s/%s", topic, queue)
	return a.state, a.err
}

func (a admin) Reset(ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
	a.note("reset %s/%s", topic, queue)
	a.to = to
	if a.wait != nil {
		a.wait(ctx)
	}
	return a.state.Partitions, cmp.Or(a.err, ctx.Err())
}

func (a admin) Delete(ctx context.Context, topic domain.Topic, queue domain.Queue) error {
	a.note("delete %s/%s", topic, queue)
	if a.wait != nil {
		a.wait(ctx)
	}
	return cmp.Or(a.err, ctx.Err())
}

func (a admin) Redrive(ctx context.Context, topic domain.Topic, queue domain.Queue, limit int64) (int64, error) {
	a.note("redrive %s/%s limit=%d", topic, queue, limit)
	if a.wait != nil {
		a.wait(ctx)
	}
	return a.sent, cmp.Or(a.err, ctx.Err())
}

func (s *services) settler(stream string) (ports.Settler, error) {
	if stream != "s_1" {
		return nil, domain.Errorf(domain.UnknownStream, "there is no stream %s here", stream)
	}
	return s, nil
}

func (s *services) settle(what ...string) domain.Settlement {
	s.settled = append(s.settled, strings.Join(what, " "))
	return domain.Settlement{Settled: len(what) - 1, Unknown: []string{"r9"}}
}

func (s *services) Done(receipts ...string) domain.Settlement {
	return s.settle(append([]string{"done"}, receipts...)...)
}
func (s *services) DoneUpTo(receipt string) domain.Settlement { return s.settle("upto", receipt) }
func (s *services) Touch(receipts ...string) domain.Settlement {
	return s.settle(append([]string{"touch"}, receipts...)...)
}

func (s *services) Nack(delay time.Duration, receipts ...string) domain.Settlement {
	return s.settle(append([]string{"nack " + delay.String()}, receipts...)...)
}

// serve serves the edge over s on a real address.
func serve(t *testing.T, s *services, cfg Config, limits domain.Limits) string {
	t.Helper()
	url, _ := serveEdge(t, s, cfg, limits)
	return url
}

func serveEdge(t *testing.T, s *services, cfg Config, limits domain.Limits) (url string, _ *Edge) {
	t.Helper()
	e, err := New(s, s, queues{s}, admin{s}, cfg, limits)
	if err != nil {
		t.Fatal(err)
	}
	server, err := edge.New(edge.DefaultConfig(), limits, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(e)
	listener := httptest.NewServer(server.Handler())
	t.Cleanup(listener.Close)
	return listener.URL, e
}

// send makes a request whose answer the caller reads.
func send(t *testing.T, method, url string, body io.Reader, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	transport := &http.Transport{}
	resp, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		resp.Body.Close()
		transport.CloseIdleConnections()
	})
	return resp
}

// do makes a request and reads its answer.
func do(t *testing.T, method, url, body string, header ...string) (status int, answer string) {
	t.Helper()
	resp := send(t, method, url, strings.NewReader(body), header...)
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(all)
}
