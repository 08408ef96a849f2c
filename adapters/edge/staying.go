package edge

import "context"

// Staying is a context for a socket, which outlives the request of ctx that began it: of that it has what its frames are held to, and holds on to nothing else.
func Staying(ctx context.Context) context.Context {
	staying := context.WithValue(Lasting(ctx), roomKey{}, roomOf(ctx))
	return context.WithValue(staying, clientKey{}, Client(ctx))
}
