package amqp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/adapters/broker"
)

// secure is how connections are secured: nil where they are plain. What a URL says of it (RabbitMQ's URI query parameters) counts where the settings say nothing.
func (c Config) secure() (*tls.Config, error) {
	uri, err := amqp091.ParseURI(c.URL)
	if err != nil || c.TLS.Enabled || uri.Scheme != "amqps" {
		return c.TLS.Load()
	}
	return broker.TLS{Enabled: true, CAFile: uri.CACertFile, CertFile: uri.CertFile, KeyFile: uri.KeyFile, ServerName: uri.ServerName}.Load()
}

// dial makes a connection, until ctx ends.
func (l *link) dial(ctx context.Context) (*amqp091.Connection, error) {
	properties := amqp091.NewConnectionProperties()
	properties.SetClientConnectionName("culvert " + l.purpose)
	var way *sieve
	cfg := amqp091.Config{
		Heartbeat:  l.cfg.Heartbeat,
		Properties: properties,
		Dial: func(network, addr string) (net.Conn, error) {
			conn, err := l.reach(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			way = newSieve(conn, func() {
				l.log.Warn("somebody has published a message with more headers, or deeper ones, than can be read: what cannot be read of them is left out", "purpose", l.purpose)
			})
			return way, nil
		},
	}
	if l.cfg.Username != "" {
		cfg.SASL = []amqp091.Authentication{&amqp091.PlainAuth{Username: l.cfg.Username, Password: l.cfg.Password}}
	}
	stop := context.AfterFunc(ctx, l.hangUp) // the server may never answer
	began := time.Now()
	conn, err := amqp091.DialConfig(plain(l.cfg.URL), cfg)
	stop()
	if err != nil && time.Since(began) >= l.cfg.DialTimeout {
		// The driver takes whatever goes wrong after it has said who it is for a refusal of that.
		err = fmt.Errorf("%w (dial_timeout is %s): %w", errSlow, l.cfg.DialTimeout, err)
	}
	if err != nil {
		if way != nil {
			_ = way.Close() // which the driver does not always do; what was wrong is said by err
		}
		if way != nil && !way.met.Load() && !strings.Contains(err.Error(), "i/o timeout") {
			err = fmt.Errorf("%w: %w", errMute, err)
		}
		return nil, err // the driver may give something that is no connection yet
	}
	way.longest.Store(int64(conn.Config.FrameSize))
	return conn, nil
}

// errSlow says that there was no time to find out what else may be wrong.
var errSlow = errors.New("connecting and logging in took too long")

// errMute says that whoever was connected to has hung up, or said something that is not AMQP.
var errMute = errors.New("it does not answer as AMQP does")

// plain is a URL as the driver is given it: TLS is ours, since what is sifted is what TLS carries.
func plain(amqps string) string {
	u, err := url.Parse(amqps)
	if err != nil || u.Scheme != "amqps" {
		return amqps
	}
	u.Scheme = "amqp"
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "5671")
	}
	return u.String()
}

// reach connects to the server, over TLS where that is to be.
func (l *link) reach(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: l.cfg.DialTimeout}
	wire, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l.hold(wire)
	// The driver takes it away again once it has logged in.
	if err := wire.SetDeadline(time.Now().Add(l.cfg.DialTimeout)); err != nil || l.tls == nil {
		return wire, err
	}
	secure := l.tls.Clone()
	if secure.ServerName == "" {
		if secure.ServerName, _, err = net.SplitHostPort(addr); err != nil {
			return wire, err
		}
	}
	client := tls.Client(wire, secure)
	if err := client.HandshakeContext(ctx); err != nil {
		_ = wire.Close() // what was wrong is said by err
		return nil, err
	}
	return client, nil
}

// hold keeps the connection that hangUp cuts.
func (l *link) hold(wire net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wire = wire
}

// hint says what an operator can do about an error that the driver explains badly.
func (l *link) hint(err error) error {
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.Is(err, errSlow):
	case errors.Is(err, amqp091.ErrCredentials):
		return fmt.Errorf("the server refused the user or the password (url, username, password): %w", err)
	case errors.Is(err, amqp091.ErrVhost), code(err) == amqp091.NotAllowed:
		return fmt.Errorf("the server refused the virtual host, which is the path of url: it does not exist, or the user may not use it: %w", err)
	case errors.Is(err, amqp091.ErrSASL):
		return fmt.Errorf("the server does not let a user log in by password: %w", err)
	case errors.As(err, &record):
		return fmt.Errorf("this is no port for TLS: mostly 5671 is, and 5672 is for amqp://: %w", err)
	case errors.As(err, &authority):
		return fmt.Errorf("nobody who is trusted has signed the server's certificate (tls.ca_file): %w", err)
	case errors.As(err, &name):
		return fmt.Errorf("the server's certificate is for another name (tls.server_name): %w", err)
	case errors.Is(err, errMute) && l.tls != nil:
		return fmt.Errorf("the server hung up, as one does that wants a certificate of ours which it knows (tls.cert_file, tls.key_file): %w", err)
	case errors.Is(err, errMute):
		return fmt.Errorf("the server hung up, as one does whose port is for TLS (url then begins with amqps://): %w", err)
	}
	return err
}
