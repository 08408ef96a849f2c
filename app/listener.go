package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"

	"culvert/adapters/edge"
)

// listener is one address and the server on it.
type listener struct {
	what    string // for messages: the configuration's key
	address string
	sending edge.Sending
	sockets *edge.Sockets
	server  *http.Server
	secured bool
	bound   net.Listener // nil until it listens
}

// newListener makes one that shows certificate; nil: it is plain.
func newListener(what, address string, handler http.Handler, cfg Config, certificate *edge.Certificate, sockets *edge.Sockets, log *slog.Logger) *listener {
	l := &listener{what: what, address: address, sending: cfg.HTTP.Sending, sockets: sockets, secured: certificate != nil, server: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: cfg.HTTP.ReadHeaderTimeout,
		IdleTimeout:       cfg.HTTP.IdleTimeout,
		ConnContext:       edge.ConnContext,
		// On the connections that edge.Listen accepts this ends no stream: they bound writes by whether they get on. Their own time is gone with the first answer,
		// after which net/http takes a connection's write deadline away; this one is set for each request. Edges have times of their own besides.
		WriteTimeout:   cfg.HTTP.WriteTimeout,
		MaxHeaderBytes: cfg.HTTP.HeaderBytes + cfg.Limits.URLBytes,
		// What strangers do wrong below HTTP is not worth more.
		ErrorLog:  slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		Protocols: new(http.Protocols),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: cfg.HTTP.Streams,
			// One stream that is not read, since its messages are more than the broker takes, shall leave room for others.
			MaxReceiveBufferPerConnection: 1 << 20,
			MaxReceiveBufferPerStream:     1 << 18,
			// A client that went away without a word is found, whatever its streams are doing.
			SendPingTimeout: cfg.HTTP.PingInterval,
			PingTimeout:     cfg.HTTP.PingInterval,
			// What a whole connection may take nothing for.
			WriteByteTimeout: cfg.HTTP.WriteTimeout,
		},
	}}
	l.server.Protocols.SetHTTP1(true)
	if l.secured {
		l.server.Protocols.SetHTTP2(true)
		l.server.TLSConfig = certificate.Config()
	} else {
		l.server.Protocols.SetUnencryptedHTTP2(true)
	}
	return l
}

// listen binds the address.
func (l *listener) listen(ctx context.Context) error {
	bound, err := edge.Listen(ctx, l.address, l.sending, l.sockets)
	if err != nil {
		return fmt.Errorf("%s: %w", l.what, err)
	}
	l.bound = bound
	return nil
}

// serve answers requests until stop. A nil error says that it was stopped.
func (l *listener) serve() error {
	serve := l.server.Serve
	if l.secured {
		serve = func(on net.Listener) error { return l.server.ServeTLS(on, "", "") }
	}
	if err := serve(l.bound); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("%s: %w", l.what, err)
	}
	return nil
}

// stop stops listening and waits for the requests under way, at most until ctx ends; then it cuts them off.
func (l *listener) stop(ctx context.Context) error {
	err := l.server.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("requests were cut off: %w", err)
	}
	if l.bound != nil {
		l.bound.Close() // where it was bound and never served
	}
	return errors.Join(err, l.server.Close())
}

// url is how a program on this machine reaches the listener: an address that stands for all of them is reached as the loopback one.
func (l *listener) url() string {
	address := l.bound.Addr().(*net.TCPAddr)
	host := address.IP.String()
	if address.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http://"
	if l.secured {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, strconv.Itoa(address.Port))
}
