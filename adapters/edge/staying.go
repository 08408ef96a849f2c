package edge

import (
	"context"
	"net/http"
)

// Staying is a context for a socket, which outlives the request of ctx that began it: of that it has what its frames are held to, and holds on to nothing else.
func Staying(ctx context.Context) context.Context {
	staying := context.WithValue(Lasting(ctx), roomKey{}, roomOf(ctx))
	return context.WithValue(staying, clientKey{}, Client(ctx))
}

// Taken says that a socket has taken the connection of ctx's request: it looks after what it writes itself, and the contexts of the connection, which are told of nothing any more, need not stay as long as it does.
func Taken(ctx context.Context) {
	if p := patientOf(ctx); p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.stalled = nil
	}
}

// Stays says that the answer to r, which h heads, is a stream. Over HTTP/2 others may be beside it on its connection, also where connections are scarce: who could not begin them there would open another one.
func Stays(h http.Header, r *http.Request) {
	if r.ProtoMajor > 1 {
		h.Del("Connection")
	}
}
