package client

import (
	"context"
	"net/http"
)

// overKey is for the client in a context.
type overKey struct{}

// Over lets all requests with ctx, streams too, go over the connections of c.
func Over(ctx context.Context, c *http.Client) context.Context {
	return context.WithValue(ctx, overKey{}, c)
}

// over is what Over says, else the other client.
func over(ctx context.Context, other *http.Client) *http.Client {
	if c, ok := ctx.Value(overKey{}).(*http.Client); ok {
		return c
	}
	return other
}
