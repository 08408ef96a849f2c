package chaos

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

// The ways of a network.
const (
	told    = iota // to the broker
	answers        // from it
)

// relay carries connections, and does to them what toxiproxy cannot: bytes that are held back come later, as after a retransmission, and connections may be forgotten, so that neither end hears of
// the other again. Its address stays the same, whatever happens to it.
type relay struct {
	t      *testing.T
	listen string
	target string

	mu       sync.Mutex // guards what follows
	flows    *sync.Cond // something of it has changed
	listener net.Listener
	held     [2]bool // by way
	calls    map[*call]bool
	running  sync.WaitGroup
}

// call is one connection through a relay.
type call struct {
	client, server net.Conn
	forgotten      bool // guarded by relay.mu
}

func newRelay(t *testing.T, listen string) *relay {
	r := &relay{t: t, listen: listen, calls: map[*call]bool{}}
	r.flows = sync.NewCond(&r.mu)
	return r
}

// up takes connections. It does nothing where that is so already.
func (r *relay) up() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listener != nil {
		return
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", r.listen)
	if err != nil {
		r.t.Fatalf("the network does not come up: %v", err)
	}
	r.listener = listener
	r.running.Go(func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r.running.Go(func() { r.carry(listener, conn) }) // ends with the connection
		}
	})
}

// down takes no connections any more, and cuts those that there are.
func (r *relay) down() {
	r.mu.Lock()
	if r.listener != nil {
		_ = r.listener.Close()
		r.listener = nil
	}
	r.mu.Unlock()
	r.cut()
}

// close ends all.
func (r *relay) close() {
	r.down()
	r.mu.Lock()
	for c := range r.calls {
		c.end()
	}
	r.mu.Unlock()
	r.release()
	r.running.Wait()
}

// cut ends all connections, and what is held back of them is lost.
func (r *relay) cut() { r.each((*call).end) }

// reset ends all connections without a farewell: both ends are told by a RST.
func (r *relay) reset() { r.each((*call).reset) }

// forget carries nothing any more of the connections that there are, though both ends keep them. New ones are carried.
func (r *relay) forget() { r.each(func(c *call) { c.forgotten = true }) }

// each does something to all connections that are not forgotten.
func (r *relay) each(do func(*call)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.calls {
		if !c.forgotten {
			do(c)
		}
	}
	r.flows.Broadcast()
}

// hold carries nothing of some ways until release, on no connection.
func (r *relay) hold(ways ...int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for way := range r.held {
		r.held[way] = r.held[way] || slices.Contains(ways, way)
	}
}

func (r *relay) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = [2]bool{}
	r.flows.Broadcast()
}

// carry carries a connection that listener took.
func (r *relay) carry(listener net.Listener, client net.Conn) {
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", r.target)
	if err != nil {
		_ = client.Close()
		return
	}
	c := &call{client: client, server: server}
	r.mu.Lock()
	r.calls[c] = true
	if r.listener != listener { // it was cut in the meantime
		c.end()
	}
	r.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { r.copy(c, told, server, client) })
	both.Go(func() { r.copy(c, answers, client, server) })
	both.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.calls, c)
	c.end()
}

// end closes both ends.
func (c *call) end() {
	_ = c.client.Close()
	_ = c.server.Close()
}

// reset is end without a farewell.
func (c *call) reset() {
	for _, conn := range []net.Conn{c.client, c.server} {
		_ = conn.(*net.TCPConn).SetLinger(0)
	}
	c.end()
}

// copy carries one way of a connection until an end of it is closed.
func (r *relay) copy(c *call, way int, to io.WriteCloser, from io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if r.forgot(c, way) {
			_, _ = io.Copy(io.Discard, from)
			return
		}
		if n > 0 {
			_, lost := to.Write(buffer[:n])
			if lost != nil && err == nil {
				err = lost
			}
		}
		if err != nil {
			c.end()
			return
		}
	}
}

// forgot waits while a way is held, and reports whether the connection is forgotten.
func (r *relay) forgot(c *call, way int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.held[way] && !c.forgotten {
		r.flows.Wait()
	}
	return c.forgotten
}
