package sse

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// serveNarrow serves the edge on connections of which the system holds little.
func serveNarrow(t *testing.T, s *services, cfg Config) string {
	t.Helper()
	return serveOn(t, s, cfg, domain.DefaultLimits(), edge.Sending{SendBuffer: 4 << 10, WriteTimeout: time.Minute})
}

// A batch was written in pieces of 256 KiB with a deadline each: who read more slowly than a piece in that time was cut off, though it read all the time.
func TestAClientThatReadsSlowlyGetsAll(t *testing.T) {
	// More than both sides' systems hold, so that most of it waits in one write.
	const size, pieces = 8 << 20, 40
	for _, accept := range []string{typeSSE, typeNDJSON} {
		t.Run(accept, func(t *testing.T) {
			t.Parallel()
			s := newStream()
			cfg := DefaultConfig()
			cfg.WriteTimeout = 500 * time.Millisecond
			c := get(t, serveNarrow(t, viewing(s, nil), cfg)+"/v1/topics/orders/events", "Accept", accept)
			c.line(t)
			s.send(ports.Batch{Spans: []domain.Span{whole(runOf(strings.Repeat("x", size)))}}, nil)
			s.send(ports.Batch{}, &domain.Bye{Reason: domain.ByeEnd})
			begun, all := time.Now(), []byte{}
			pause := time.NewTicker(cfg.WriteTimeout / 10)
			defer pause.Stop()
			for range pieces {
				<-pause.C
				p := make([]byte, size/pieces)
				if _, err := io.ReadFull(c.r, p); err != nil {
					t.Fatalf("after %d bytes and %s: %v", len(all), time.Since(begun), err)
				}
				all = append(all, p...)
			}
			if all = append(all, c.rest(t)...); bytes.Count(all, []byte("x")) < size || !bytes.Contains(all, []byte(`"reason":"end"`)) {
				t.Errorf("the stream ended after %d bytes", len(all))
			}
			if took := time.Since(begun); took < 2*cfg.WriteTimeout {
				t.Errorf("it took %s: the client was not slow", took)
			}
		})
	}
}

// The request of a client that takes nothing ends with the reason, which metrics ask for.
func TestAClientThatTakesNothingIsSlow(t *testing.T) {
	s, ended := newStream(), make(chan error, 1)
	services := &services{open: func(ctx context.Context, v ports.View) (ports.Stream, error) {
		s.open(ctx, v)
		context.AfterFunc(ctx, func() { ended <- context.Cause(ctx) })
		return s, nil
	}}
	cfg := DefaultConfig()
	cfg.WriteTimeout = 50 * time.Millisecond
	c := get(t, serveNarrow(t, services, cfg)+"/v1/topics/orders/events")
	c.block(t)
	s.send(ports.Batch{Spans: []domain.Span{whole(runOf(strings.Repeat("x", 16<<20)))}}, nil)
	select {
	case cause := <-ended:
		if domain.ByeFor(cause).Reason != domain.ByeSlow {
			t.Errorf("the view ended for %v", cause)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the view of a client that takes nothing goes on")
	}
}
