package ws

import (
	"io"
	"net"
	"testing"

	"culvert/domain"
)

// A subscription kept, for as long as it lived, as much memory as the most that it was ever sent at once: what thousands had lacked when they came back stayed with each of them.
func TestWhoWaitsHoldsNoMemoryForFrames(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	go func() { _, _ = io.Copy(io.Discard, there) }() // ends with the connection
	b, _, _ := viewing()
	e, _ := newHandler(t, b, quickConfig(), domain.DefaultLimits())
	c := &conversation{edge: e, socket: newSocket(t.Context(), e, func(error) {})}
	c.socket.attach(here)
	s := newSubscription(c, "1", "a")
	for range 3 {
		s.parcel.add(make([]byte, enough/2), nil)
		if s.parcel.empty() {
			t.Fatal("a frame is nothing")
		}
		if err := s.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.parcel.held != nil {
			t.Fatal("memory is held for what was written")
		}
	}
}
