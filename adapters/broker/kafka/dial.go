package kafka

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/IBM/sarama"
)

// dialer makes connections that end with a context. sarama knows no contexts: closing its connections is what ends its calls at once.
type dialer func(network, addr string) (net.Conn, error)

// Dial implements proxy.Dialer of golang.org/x/net.
func (d dialer) Dial(network, addr string) (net.Conn, error) { return d(network, addr) }

func dialUntil(ctx context.Context, timeout time.Duration) dialer {
	return func(network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &endingConn{Conn: conn, stop: context.AfterFunc(ctx, func() { _ = conn.Close() })}, nil
	}
}

// endingConn lets go of its context when it is closed earlier.
//
// Where nothing came in time it tells that it is closed. sarama takes such a connection for dead, and answers all that is asked on it later with the same time-out, but closes it only for errors of other
// kinds: nothing would ever be asked of that broker again.
type endingConn struct {
	net.Conn
	stop func() bool
}

func (c *endingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, overdue(err)
}

func (c *endingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, overdue(err)
}

func overdue(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &overdueError{err}
	}
	return err
}

// overdueError is a time-out, after which the connection is of no use.
type overdueError struct{ cause error }

func (e *overdueError) Error() string { return "no answer in time: " + e.cause.Error() }

func (e *overdueError) Unwrap() error { return e.cause }

// Is lets it be an error of a closed connection.
func (e *overdueError) Is(target error) bool { return target == net.ErrClosed }

func (c *endingConn) Close() error {
	c.stop()
	return c.Conn.Close()
}

// sarama makes the configuration of a client whose connections end with ctx.
func (b *Broker) sarama(ctx context.Context) *sarama.Config {
	c := *b.base
	c.Net.Proxy.Enable = true
	c.Net.Proxy.Dialer = dialUntil(ctx, b.cfg.DialTimeout)
	return &c
}

// baseConfig is what all our clients have in common. It reads the files that cfg names.
func baseConfig(cfg Config) (*sarama.Config, error) {
	version, err := sarama.ParseKafkaVersion(cfg.Version)
	if err != nil {
		return nil, err
	}
	c := sarama.NewConfig()
	c.ClientID = cfg.ClientID
	c.Version = version
	c.Net.DialTimeout = cfg.DialTimeout
	c.Net.ReadTimeout = cfg.RequestTimeout
	c.Net.WriteTimeout = cfg.RequestTimeout
	c.Metadata.AllowAutoTopicCreation = false
	c.Metadata.Full = false // a cluster may have many topics that are none of our business
	c.Metadata.Timeout = cfg.RequestTimeout
	c.Metadata.Retry.Max = 2
	c.Metadata.Retry.Backoff = 100 * time.Millisecond
	c.Admin.Timeout = cfg.RequestTimeout
	c.Admin.Retry.Max = 2
	c.Consumer.IsolationLevel = sarama.ReadCommitted
	return c, cfg.secure(c)
}
