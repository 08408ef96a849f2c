package client

import (
	"context"
	"net"
	"net/http"
	"time"
)

// addressKey is for the address in a context.
type addressKey struct{}

// From lets all requests with ctx come from an IP address of this machine (on Linux all of 127.0.0.0/8 are), so that whoever looks at addresses takes them for those of one client. They share no
// connections with others.
func From(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, addressKey{}, &net.TCPAddr{IP: net.ParseIP(address)})
}

// dial connects from the address in ctx, if there is one.
func dial(ctx context.Context, network, to string) (net.Conn, error) {
	d := net.Dialer{Timeout: 30 * time.Second}
	if own, ok := ctx.Value(addressKey{}).(*net.TCPAddr); ok {
		d.LocalAddr = own
	}
	return d.DialContext(ctx, network, to)
}

// requester is the client for short requests with ctx.
func requester(ctx context.Context) *http.Client {
	if ctx.Value(addressKey{}) == nil {
		return over(ctx, requests)
	}
	return apart
}

// apart is for those who come from an address of their own.
var apart = &http.Client{Transport: streams.Transport, Timeout: requests.Timeout}
