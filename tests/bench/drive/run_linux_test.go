package drive

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"
)

// hall is a server whose viewers are shown what is published, unless something meddles with it.
type hall struct {
	listener net.Listener
	meddle   func([]Message) []Message

	mu      sync.Mutex // guards viewers
	viewers []net.Conn
}

func newHall(t *testing.T) *hall {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hall{listener: l, meddle: func(m []Message) []Message { return m }}
	var ended sync.WaitGroup
	ended.Go(h.admit) // ends with the listener
	t.Cleanup(func() {
		l.Close()
		ended.Wait()
		for _, v := range h.viewers {
			v.Close()
		}
	})
	return h
}

func (h *hall) admit() {
	for {
		conn, err := h.listener.Accept()
		if err != nil {
			return
		}
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			conn.Close()
			continue
		}
		h.mu.Lock()
		h.viewers = append(h.viewers, conn)
		h.mu.Unlock()
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\nevent: ready\ndata: {}\n\n")
	}
}

// Publish is the hall's, which shows everything at once.
func (h *hall) Publish(messages []Message) error {
	var text []byte
	for _, m := range h.meddle(messages) {
		text = Event(3)(text, m.Payload)
	}
	return h.write(text)
}

func (h *hall) write(text []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range h.viewers {
		if _, err := v.Write(text); err != nil {
			return err
		}
	}
	return nil
}

// open seats viewers in the hall.
func (h *hall) open(t *testing.T, viewers, streams int) (*Crowd, *Source) {
	t.Helper()
	source, err := NewSource(h, streams, 100)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(t.Context(), h.listener.Addr().String(), SSE("/"), Audience{Viewers: viewers, Streams: streams, Seen: source.Sent()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, source
}

func TestLoadsAreCounted(t *testing.T) {
	c, source := newHall(t).open(t, 7, 3)
	for name, load := range map[string]Load{
		"closed loop": {Window: 10, For: 50 * time.Millisecond, Timed: true},
		"at a rate":   {Rate: 2000, For: 50 * time.Millisecond, Timed: true},
	} {
		got, err := c.Run(t.Context(), source, load)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Messages == 0 || got.Deliveries != 7*got.Messages || got.Latency.Total() != got.Deliveries || got.Reads == 0 || got.Bytes <= 100*got.Deliveries {
			t.Errorf("%s: %+v", name, got)
		}
		if load.Rate != 0 && got.Messages != 100 {
			t.Errorf("%d messages in 50 ms at 2000 a second", got.Messages)
		}
	}
}

func TestARunWithAWrongDeliveryFails(t *testing.T) {
	for name, meddle := range map[string]func([]Message) []Message{
		"doubled": func(m []Message) []Message { return append(m, m[len(m)-1]) },
		"lost":    func(m []Message) []Message { return m[1:] },
		"swapped": func(m []Message) []Message { m[0], m[1] = m[1], m[0]; return m },
	} {
		h := newHall(t)
		h.meddle = meddle
		c, source := h.open(t, 2, 1)
		if _, err := c.Run(t.Context(), source, Load{Window: 4, For: 50 * time.Millisecond}); err == nil {
			t.Errorf("nobody noticed what was %s", name)
		}
	}
}

// A server that is silent about the last message would be waited for in vain.
func TestARunEndsWithItsContext(t *testing.T) {
	h := newHall(t)
	h.meddle = func([]Message) []Message { return nil }
	c, source := h.open(t, 1, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Run(ctx, source, Load{Window: 4, For: time.Minute}); err == nil {
		t.Error("it went well")
	}
}

func TestIdleViewersAreShownNothing(t *testing.T) {
	h := newHall(t)
	c, source := h.open(t, 3, 1)
	if err := h.write([]byte(":\n\n")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Idle(t.Context(), 50*time.Millisecond); n != 3 || err != nil {
		t.Errorf("%d heartbeats, %v", n, err)
	}
	if err := source.publish(1); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Idle(t.Context(), 50*time.Millisecond); err == nil {
		t.Error("nobody noticed a message that was not due")
	}
}

func TestCostsOfProcesses(t *testing.T) {
	before, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
		padding(1000)
	}
	if after, err := CPU(os.Getpid()); err != nil || after <= before {
		t.Errorf("%s after %s, %v", after, before, err)
	}
	if memory, err := Memory(os.Getpid()); err != nil || memory < 1<<20 {
		t.Errorf("%d bytes, %v", memory, err)
	}
	if _, err := CPU(1 << 23); err == nil {
		t.Error("a process that is not there has a clock")
	}
}
