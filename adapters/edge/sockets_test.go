package edge

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"culvert/domain"
)

// crowd serves on a listener with few sockets. A request for /stream stays.
func crowd(t *testing.T, sockets *Sockets) (address string) {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0", DefaultSending(), sockets)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, DefaultConfig(), domain.DefaultLimits(), io.Discard, routes{
		"/fine": fine,
		"/stream": func(w http.ResponseWriter, r *http.Request) error {
			release, err := Admit(r.Context())
			if err != nil {
				return err
			}
			defer release()
			w.WriteHeader(http.StatusOK)
			if err := http.NewResponseController(Inner(w)).Flush(); err != nil {
				return err
			}
			<-r.Context().Done()
			return nil
		},
	})
	h := &http.Server{Handler: s.Handler(), ConnContext: ConnContext, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	served := later(func() error { return h.Serve(l) })
	t.Cleanup(func() {
		h.Close()
		<-served
	})
	return l.Addr().String()
}

// knock connects, and asks for a path where there is one. It gives the status and whether the connection ends with the answer.
func knock(t *testing.T, address, path string) (c net.Conn, status int, ends bool) {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if errors.Is(err, syscall.ECONNRESET) { // it was disconnected before the dialer had looked at it
		return nil, 0, true
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if path == "" {
		return c, 0, false
	}
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return c, 0, true
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return c, 0, true
	}
	return c, answer.StatusCode, answer.Close
}

// ended waits until the server ends c, and reports whether it did.
func ended(c net.Conn) bool {
	_, err := io.Copy(io.Discard, c)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// A flood of connections took the last descriptor, without which no broker could be reached and nobody be told anything.
func TestNobodyTakesTheLastDescriptor(t *testing.T) {
	var crowded atomic.Int32
	sockets := NewSockets(8, 1, func() { crowded.Add(1) })
	address := crowd(t, sockets)
	var inside []net.Conn
	for range 8 {
		c, status, _ := knock(t, address, "/stream")
		if status != http.StatusOK {
			t.Fatalf("status %d while there is room", status)
		}
		inside = append(inside, c)
	}
	if crowded.Load() != 0 || sockets.Refused() != 0 {
		t.Fatal("crowded while nobody was refused")
	}
	if c, status, ends := knock(t, address, "/stream"); status != http.StatusTooManyRequests || !ends || !ended(c) {
		t.Errorf("a visitor that wants to stay got status %d, connection ends: %t", status, ends)
	}
	await(t, func() bool { return sockets.Open() == 8 })
	if c, status, ends := knock(t, address, "/fine"); status != http.StatusOK || !ends || !ended(c) {
		t.Errorf("a visitor that does not stay got status %d, connection ends: %t", status, ends)
	}
	await(t, func() bool { return sockets.Open() == 8 })

	visitor, _, _ := knock(t, address, "") // says nothing
	await(t, func() bool { return sockets.Open() == 9 })
	if _, status, ends := knock(t, address, "/fine"); status != 0 || !ends {
		t.Errorf("there is no room for a second visitor, and it got status %d", status)
	}
	if !ended(visitor) {
		t.Error("a visitor that says nothing stays")
	}
	if n := crowded.Load(); n != 1 {
		t.Errorf("told %d times of one crowd", n)
	}
	if n := sockets.Refused(); n != 4 {
		t.Errorf("%d were refused of 4", n)
	}

	for _, c := range inside {
		c.Close()
	}
	await(t, func() bool { return sockets.Open() == 0 })
	if _, status, ends := knock(t, address, "/fine"); status != http.StatusOK || ends {
		t.Errorf("when all have left the next one got status %d, connection ends: %t", status, ends)
	}
}

// Connections without a request held the places of those that had one.
func TestWhereConnectionsAreScarceNoneIsKeptForLater(t *testing.T) {
	address := crowd(t, NewSockets(8, 1, func() {}))
	for i := range 8 {
		if _, status, ends := knock(t, address, "/fine"); status != http.StatusOK || ends != (i == 7) {
			t.Errorf("connection %d of 8 got status %d, ends: %t", i+1, status, ends)
		}
	}
}

func await(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("it has not come")
		}
		<-tick.C
	}
}
