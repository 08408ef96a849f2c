package ws

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert/domain"
	"culvert/ports"
)

func TestAPanicEndsItsSocketAlone(t *testing.T) {
	b := &broker{
		view:   func(context.Context, ports.View) (*stream, error) { panic("view") },
		reject: func(*domain.Message) error { panic("put") },
	}
	h := serve(t, b)
	other := dialGorilla(t, h.url("/v1/ws"))
	for _, frame := range []string{`{"op":"sub","sub":"a","topic":"t"}`, `{"op":"pub","topic":"t","text":"x"}`} {
		c := dialGorilla(t, h.url("/v1/ws"))
		say(t, c, frame)
		expectClose(t, c, 1011, "internal: ")
	}
	say(t, other, `{"op":"hello"}`)
	expectPrefix(t, other, `{"op":"err"`)
}

// A client that takes nothing holds up its own socket, and neither another one nor, for longer than its time, anybody's memory.
func TestANeverReadingClientOverTCP(t *testing.T) {
	b, streams, _ := viewing()
	cfg := quickConfig()
	cfg.WriteTimeout, cfg.CloseTimeout = 300*time.Millisecond, 100*time.Millisecond
	h := serveWith(t, b, cfg, domain.DefaultLimits())
	conn, _ := h.bareHandshake(t, "/v1/topics/orders/ws?mode=view")
	stuck := await(t, streams, "a view")
	c := dialCoder(t, h.url("/v1/topics/orders/ws?mode=view"))
	reading := await(t, streams, "a view")
	r := runOf(0, payloads(strings.Repeat("x", 1_000_000))...)
	for range 40 { // more than the kernel's buffers hold
		stuck.feed <- batchOf(r)
		reading.feed <- batchOf(r)
	}
	for range 40 {
		if _, p, err := c.read(); err != nil || len(p) != 1_000_000 {
			t.Fatalf("the client that reads got %d bytes, %v", len(p), err)
		}
	}
	deadline := time.After(patience)
	for h.live() > 1 {
		select {
		case <-deadline:
			t.Fatal("the socket of the client that does not read is still there")
		case <-time.After(10 * time.Millisecond):
		}
	}
	// Closed in order, the system would keep for minutes what the client does not take.
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ended with %v, and its memory is still held", err)
	}
	conn.Close()
}
