package amqp

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// relay stands between a client and a server, and carries nothing while it is stalled.
type relay struct {
	url    string // the server's, through the relay
	target string

	mu    sync.Mutex // guards what follows
	flows *sync.Cond
	stuck bool
	over  bool
	conns map[net.Conn]bool
	hear  func(said []byte) // what a server says, before it is carried on; nil where nobody listens
}

// relayTo starts a relay to the server at an amqp:// URL. It ends with the test.
func relayTo(t *testing.T, server string) *relay {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{target: u.Host, conns: map[net.Conn]bool{}}
	r.flows = sync.NewCond(&r.mu)
	u.Host = listener.Addr().String()
	r.url = u.String()
	var running sync.WaitGroup
	running.Go(func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { r.carry(conn) }) // ends with the connections
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		r.mu.Lock()
		r.over = true
		r.mu.Unlock()
		r.flows.Broadcast()
		r.cut()
		running.Wait()
	})
	return r
}

func (r *relay) carry(client net.Conn) {
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", r.target)
	if err != nil {
		_ = client.Close()
		return
	}
	r.mu.Lock()
	r.conns[client], r.conns[server] = true, true
	over := r.over
	r.mu.Unlock()
	if over {
		r.cut()
	}
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			_, _ = io.Copy(gate{r, way[0], way[0] == client}, way[1])
			_ = way[0].Close()
			_ = way[1].Close()
		})
	}
	both.Wait()
	r.mu.Lock()
	delete(r.conns, client)
	delete(r.conns, server)
	r.mu.Unlock()
}

// gate writes to conn while the relay is not stalled.
type gate struct {
	r      *relay
	conn   net.Conn
	client bool // that is where conn leads
}

func (g gate) Write(b []byte) (int, error) {
	g.r.mu.Lock()
	for g.r.stuck && !g.r.over {
		g.r.flows.Wait()
	}
	hear := g.r.hear
	g.r.mu.Unlock()
	if hear != nil && g.client {
		hear(b)
	}
	return g.conn.Write(b)
}

func (r *relay) stall(stuck bool) {
	r.mu.Lock()
	r.stuck = stuck
	r.mu.Unlock()
	r.flows.Broadcast()
}

// listen calls hear with all that servers say from now on, before it is carried on. More than one goroutine may call it.
func (r *relay) listen(hear func(said []byte)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hear = hear
}

// cut breaks all connections that there are.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.conns {
		_ = conn.Close()
	}
}
