package ws

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/gorilla/websocket"

	"culvert/domain"
)

// bubble is a server inside a synctest bubble, on connections that hold nothing: a write waits for its reader.
type bubble struct {
	edge     *Edge
	server   *http.Server
	listener pipeListener
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l pipeListener) Close() error {
	close(l.done)
	return nil
}

func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// newBubble is called inside the bubble, as is all that makes b.
func newBubble(t *testing.T, b *broker) *bubble {
	t.Helper()
	e, handler := newHandler(t, b, DefaultConfig(), domain.DefaultLimits())
	h := &bubble{e, &http.Server{Handler: handler}, pipeListener{make(chan net.Conn), make(chan struct{})}}
	go func() { _ = h.server.Serve(h.listener) }()
	return h
}

// end ends the server; the bubble sees that nothing is left of it.
func (h *bubble) end(t *testing.T) {
	t.Helper()
	if err := h.edge.Drain(t.Context()); err != nil {
		t.Errorf("drain: %v", err)
	}
	h.server.Close()
}

// dial connects a client of culvert.v1.json of which nothing but what the test does reads.
func (h *bubble) dial(t *testing.T, path string) *gorillaClient {
	t.Helper()
	return h.dialAs(t, path, protocolJSON)
}

func (h *bubble) dialAs(t *testing.T, path, subprotocol string) *gorillaClient {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{subprotocol}, NetDialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		h.listener.conns <- theirs
		return ours, nil
	}}
	conn, _, err := d.Dial("ws://localhost"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &gorillaClient{conn}
}

// dialReading connects a client that reads all the time, and gives what it reads; the close comes as its code and reason. It answers pings if
// pongs is set. Its reading ends when the socket does.
func (h *bubble) dialReading(t *testing.T, path string, pongs bool) (*gorillaClient, <-chan string) {
	t.Helper()
	c := h.dial(t, path)
	if !pongs {
		c.conn.SetPingHandler(func(string) error { return nil })
	}
	return c, reading(c)
}

// dialRaw is dialReading for a client of culvert.v1.raw.
func (h *bubble) dialRaw(t *testing.T, path string) (*gorillaClient, <-chan string) {
	t.Helper()
	c := h.dialAs(t, path, protocolRaw)
	return c, reading(c)
}

func reading(c *gorillaClient) <-chan string {
	read := make(chan string, 1000)
	go func() {
		defer close(read)
		for {
			_, p, err := c.conn.ReadMessage()
			if err != nil {
				code, reason := closeOf(err)
				if code != 0 {
					read <- fmt.Sprintf("%d %s", code, reason)
				}
				c.conn.Close()
				return
			}
			read <- string(p)
		}
	}()
	return read
}

func (h *bubble) live() int {
	h.edge.mu.Lock()
	defer h.edge.mu.Unlock()
	return len(h.edge.sockets)
}
