package kafka

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"sync/atomic"
	"time"
)

// promptConn waits for an answer no longer than limit, but for those that the cluster holds back until a rebalance is over. sarama has one read time-out for a client, which must
// be longer than a rebalance in a group's; a member whose connections the network has forgotten would then hear nothing for as long. sarama asks one thing at a time on such a connection.
type promptConn struct {
	net.Conn
	limit time.Duration
	held  atomic.Bool // what was asked last is answered after a rebalance
}

// The kinds of request that are answered after a rebalance (Kafka's protocol guide, "API keys").
const (
	joinGroup = 11
	syncGroup = 14
)

// Write implements net.Conn. sarama writes a request at once: its length, its kind, and the rest.
func (c *promptConn) Write(b []byte) (int, error) {
	kind := int16(-1)
	if len(b) >= 6 {
		kind = int16(binary.BigEndian.Uint16(b[4:]))
	}
	c.held.Store(kind == joinGroup || kind == syncGroup)
	return c.Conn.Write(b)
}

// SetReadDeadline implements net.Conn. sarama calls it each time it begins to wait.
func (c *promptConn) SetReadDeadline(t time.Time) error {
	if soon := time.Now().Add(c.limit); !c.held.Load() && soon.Before(t) {
		t = soon
	}
	return c.Conn.SetReadDeadline(t)
}

// prompt makes connections that wait for most answers only so long.
func (d dialer) prompt(limit time.Duration) dialer {
	return func(network, addr string) (net.Conn, error) {
		conn, err := d(network, addr)
		if err != nil {
			return nil, err
		}
		return &promptConn{Conn: conn, limit: limit}, nil
	}
}

// secured makes connections over TLS. The handshake takes at most limit.
func (d dialer) secured(ctx context.Context, config *tls.Config, limit time.Duration) dialer {
	return func(network, addr string) (net.Conn, error) {
		conn, err := d(network, addr)
		if err != nil {
			return nil, err
		}
		named := config.Clone()
		if named.ServerName == "" {
			if named.ServerName, _, err = net.SplitHostPort(addr); err != nil {
				_ = conn.Close() // nothing was said on it
				return nil, err
			}
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		secure := tls.Client(conn, named)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close() // what was wrong is said by err
			return nil, err
		}
		return secure, nil
	}
}
