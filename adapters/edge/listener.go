package edge

import (
	"context"
	"net"
)

// Listen binds a TCP address. What it accepts is bounded as s says, and its write deadlines are about progress: see patient.
func Listen(ctx context.Context, address string, s Sending) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &listener{l.(*net.TCPListener), s}, nil
}

type listener struct {
	*net.TCPListener
	sending Sending
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	if n := l.sending.SendBuffer; n > 0 && limitUnsent(c, n) != nil {
		// One that takes no setting has ended already, as its first read will tell.
		_ = c.SetWriteBuffer(n)
	}
	return newPatient(c, l.sending.WriteTimeout), nil
}

// ConnContext is that of an http.Server on a Listen: the contexts of a connection's requests end with Slow for their cause
// where a write found that the client takes nothing.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	p, ok := c.(*patient)
	if !ok {
		return ctx
	}
	ctx, p.stalled = context.WithCancelCause(ctx)
	return ctx
}
