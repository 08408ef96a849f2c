package edge

import (
	"context"
	"crypto/tls"
	"net"
)

// Listen binds a TCP address. What it accepts is bounded as s says, and counted among sockets; its write deadlines are about progress: see patient.
func Listen(ctx context.Context, address string, s Sending, sockets *Sockets) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &listener{l.(*net.TCPListener), s, sockets}, nil
}

type listener struct {
	*net.TCPListener
	sending Sending
	sockets *Sockets
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return nil, err
		}
		p := newPatient(c, l.sending.WriteTimeout)
		if l.sockets.take(c, &p.seat) {
			l.furnish(c)
			return p, nil
		}
	}
}

// furnish bounds what the system holds of c.
func (l *listener) furnish(c *net.TCPConn) {
	if n := l.sending.SendBuffer; n > 0 && limitUnsent(c, n) != nil {
		// One that takes no setting has ended already, as its first read will tell.
		_ = c.SetWriteBuffer(n)
	}
}

// ConnContext is that of an http.Server on a Listen: the contexts of a connection's requests end with Slow for their cause
// where a write found that the client takes nothing, and know the connection.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	p, ok := c.(*patient)
	if !ok {
		return ctx
	}
	ctx, p.stalled = context.WithCancelCause(ctx)
	return context.WithValue(ctx, patientKey{}, p)
}

type patientKey struct{}

// patientOf is the connection on which the request of ctx came; nil where Listen has not accepted it.
func patientOf(ctx context.Context) *patient {
	p, _ := ctx.Value(patientKey{}).(*patient)
	return p
}
