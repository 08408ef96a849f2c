package clients

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// relay passes connections on to a bridge, and cuts them when it is told to.
type relay struct {
	URL string // in the place of the bridge's

	listener net.Listener
	to       string // the bridge's address
	passing  sync.WaitGroup

	mu    sync.Mutex // guards conns
	conns map[net.Conn]bool
}

// pass starts a relay to the bridge at url. It ends with the test.
func pass(t *testing.T, url string) *relay {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{URL: "http://" + listener.Addr().String(), listener: listener, to: strings.TrimPrefix(url, "http://"), conns: map[net.Conn]bool{}}
	// Ends when the listener is closed.
	r.passing.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			// Ends with either connection.
			r.passing.Go(func() { r.serve(client) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		r.cut()
		r.passing.Wait()
	})
	return r
}

// serve passes one connection on. Where the bridge is not there, it is closed.
func (r *relay) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer server.Close()
	r.hold(client, true)
	defer r.hold(client, false)
	// Ends with either connection, both of which it closes.
	r.passing.Go(func() {
		defer client.Close()
		defer server.Close()
		_, _ = io.Copy(server, client) // that it was cut is no news
	})
	_, _ = io.Copy(client, server)
}

func (r *relay) hold(client net.Conn, held bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if held {
		r.conns[client] = true
	} else {
		delete(r.conns, client)
	}
}

// cut breaks all connections that there are.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for client := range r.conns {
		client.Close()
	}
}
