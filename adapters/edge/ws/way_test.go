package ws

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// again is a stream that gives the same batch for each of its turns.
type again struct {
	ports.Stream
	life    context.Context //nolint:containedctx // a stream's life
	batch   ports.Batch
	turns   chan struct{}
	written chan struct{}
}

func (a *again) Poll() (ports.Batch, bool, error) {
	select {
	case <-a.life.Done():
		return ports.Batch{}, false, context.Canceled
	case <-a.turns:
		return a.batch, false, nil
	default:
		return ports.Batch{}, false, nil
	}
}

func (a *again) Written() { a.written <- struct{}{} }

// connected is a socket over TCP whose client takes everything.
func connected(t *testing.T, e *Edge) (ctx context.Context, s *socket) {
	t.Helper()
	l, err := edge.Listen(t.Context(), "127.0.0.1:0", edge.DefaultSending(), edge.Unbounded())
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	s = newSocket(ctx, e, cancel)
	s.attach(conn)
	// Ends with the connection.
	go func() {
		for p := make([]byte, 64<<10); err == nil; {
			_, err = client.Read(p)
		}
		client.Close()
	}()
	t.Cleanup(func() {
		s.end()
		l.Close()
	})
	return ctx, s
}

func TestADeliveryAllocatesNothing(t *testing.T) {
	b, _, _ := viewing()
	e, _ := newHandler(t, b, quickConfig(), domain.DefaultLimits())
	some := payloads(strings.Repeat("x", 100), `{"a":1}`, strings.Repeat("y", 3000))
	for name, render := range map[string]func(s *socket) func(*edge.Parts, ports.Batch) error{
		"raw": func(s *socket) func(*edge.Parts, ports.Batch) error {
			return (&raw{socket: s, frames: e.frames}).render
		},
		"json": func(s *socket) func(*edge.Parts, ports.Batch) error {
			return newSubscription(&conversation{edge: e, socket: s}, "1", "a").render
		},
		"json, lines": func(s *socket) func(*edge.Parts, ports.Batch) error {
			return newSubscription(&conversation{edge: e, socket: s, lines: true}, "1", "a").render
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, s := connected(t, e)
			stream := &again{life: ctx, batch: batchOf(runOf(0, some...), runOf(3, payloads("z")...)), turns: make(chan struct{}, 1), written: make(chan struct{})}
			over := make(chan error, 1)
			way := s.newWay(0, render(s), func(err error) { over <- err })
			way.begin(stream)
			if n := testing.AllocsPerRun(200, func() {
				stream.turns <- struct{}{}
				way.viewing.Wake()
				<-stream.written
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
			s.cancel(errClosed)
			way.viewing.Wake() // as a stream does when its context ends
			if err := <-over; !errors.Is(err, context.Canceled) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}
