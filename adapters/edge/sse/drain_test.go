package sse

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// serveEdge is serve for who ends the edge itself.
func serveEdge(t *testing.T, s *services) (*Edge, string) {
	t.Helper()
	e, handler := handlerOf(t, s, DefaultConfig(), domain.DefaultLimits())
	return e, listen(t, handler, edge.DefaultSending())
}

func TestDrainWaitsUntilEachViewWasToldBye(t *testing.T) {
	s := newStream()
	each := make(chan *stream, 1)
	each <- s
	e, url := serveEdge(t, &services{open: func(ctx context.Context, v ports.View) (ports.Stream, error) {
		one := newStream()
		select {
		case one = <-each:
		default:
		}
		one.open(ctx, v)
		return one, nil
	}})
	c := get(t, url+"/v1/topics/orders/events")
	c.block(t)
	drained := make(chan error)
	go func() { drained <- e.Drain(t.Context()) }() // ends with the view
	// While it waits, others are sent away.
	if got := awaitRefusal(t, url); !strings.Contains(got, `"reason":"shutdown","reconnect":true`) || !strings.Contains(got, "id: ") {
		t.Errorf("who comes during the drain is told %q", got)
	}
	select {
	case err := <-drained:
		t.Fatalf("drained with %v while a view goes on", err)
	default:
	}
	s.send(ports.Batch{}, &domain.Bye{Reason: domain.ByeShutdown, Reconnect: true})
	if got := c.rest(t); !strings.Contains(got, `"reason":"shutdown"`) {
		t.Errorf("it was told %q", got)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if err := e.Drain(t.Context()); err != nil {
		t.Errorf("drained again: %v", err)
	}
	await(t, s.gone, "the end of the view")
}

// awaitRefusal opens views until one is refused: the drain begins when it does.
func awaitRefusal(t *testing.T, url string) string {
	t.Helper()
	for {
		c := get(t, url+"/v1/topics/orders/events")
		if got := c.block(t); strings.Contains(got, "event: bye") {
			return got
		}
		c.stop()
	}
}

func TestDrainCutsWhoDoesNotRead(t *testing.T) {
	s := newStream()
	e, url := serveEdge(t, viewing(s, nil))
	c := get(t, url+"/v1/topics/orders/events")
	c.block(t)
	s.send(ports.Batch{Spans: []domain.Span{whole(runOf(strings.Repeat("x", 16<<20)))}}, nil)
	s.send(ports.Batch{}, &domain.Bye{Reason: domain.ByeShutdown, Reconnect: true})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := e.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("drained with %v", err)
	}
	await(t, s.gone, "the end of the view")
	if err := e.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, c.r); err == nil {
		t.Error("an answer that was cut short looks whole")
	}
}

// What fails in the middle is the end of one view: its client is told, its place is free again.
func TestAViewThatPanicsIsToldAnError(t *testing.T) {
	eachWay(t, func(t *testing.T, serve func(*testing.T, *services, Config, domain.Limits) string) {
		limits := domain.DefaultLimits()
		limits.Connections = 1
		s := newStream()
		services := viewing(s, nil)
		url := serve(t, services, DefaultConfig(), limits)
		c := get(t, url+"/v1/topics/orders/events")
		c.block(t)
		s.send(ports.Batch{Spans: []domain.Span{{}}}, nil) // of no run
		if got := c.rest(t); !strings.Contains(got, `"reason":"internal"`) || strings.Contains(got, "nil") {
			t.Errorf("it was told %q", got)
		}
		await(t, s.gone, "the end of the view")
		again := newStream()
		services.open = viewing(again, nil).open
		for !strings.Contains(get(t, url+"/v1/topics/orders/events").block(t), "event: ready") {
			continue // its place is given back after its last word
		}
	})
}

func TestAPlaceIsGivenBackWhateverHappens(t *testing.T) {
	limits := domain.DefaultLimits()
	limits.Connections = 1
	s := &services{open: func(context.Context, ports.View) (ports.Stream, error) { panic("by chance") }}
	url := serve(t, s, DefaultConfig(), limits)
	for range 2 {
		if c := get(t, url+"/v1/topics/orders/events"); c.StatusCode != http.StatusInternalServerError {
			t.Errorf("%d", c.StatusCode)
		}
	}
}

// steady is a stream that gives the same batch whenever it is asked to.
type steady struct {
	ports.Stream
	batch   ports.Batch
	waker   ports.Waker
	gone    <-chan struct{}
	asked   chan struct{}
	written chan struct{}
}

func (s *steady) Ready() ports.Ready    { return ports.Ready{Topics: []domain.Topic{"orders"}} }
func (s *steady) Cursor() domain.Cursor { return domain.Cursor{} }
func (s *steady) Written()              { s.written <- struct{}{} }

func (s *steady) Poll() (ports.Batch, bool, error) {
	select {
	case <-s.gone:
		return ports.Batch{}, false, context.Canceled
	case <-s.asked:
		return s.batch, false, nil
	default:
		return ports.Batch{}, false, nil
	}
}

func TestADeliveryAllocatesNothing(t *testing.T) {
	s := &steady{batch: ports.Batch{Spans: []domain.Span{whole(runOf("a", "b")), whole(runOf("c"))}}, asked: make(chan struct{}, 1), written: make(chan struct{}, 1)}
	url := serve(t, &services{open: func(ctx context.Context, v ports.View) (ports.Stream, error) {
		s.waker, s.gone = v.Waker, ctx.Done()
		return s, nil
	}}, DefaultConfig(), domain.DefaultLimits())
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v1/topics/orders/events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	if _, err := conn.Read(buf); err != nil {
		t.Fatal(err)
	}
	allocs := testing.AllocsPerRun(100, func() {
		s.asked <- struct{}{}
		s.waker.Wake()
		<-s.written
		_, _ = conn.Read(buf)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
