package amqp

import (
	"context"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// channel is a channel of the server's whose calls end with a context: the driver's wait for an answer as long as the connection lasts.
//
// What is sent on a channel while it is being closed costs the whole connection: the server answers the close, forgets the channel, and takes the rest for a fault of ours. The driver does
// not see to that, so that a channel is closed when nobody uses it.
type channel struct {
	*amqp091.Channel
	timeout time.Duration

	mu      sync.Mutex // guards what follows
	users   int        // who may be sending
	closing bool
}

// channel opens a channel. It fails as connection does.
func (l *link) channel(ctx context.Context) (*channel, error) {
	conn, err := l.connection(ctx)
	if err != nil {
		return nil, err
	}
	return l.channelOf(ctx, conn)
}

// channelOf opens a channel on a connection of the link's.
func (l *link) channelOf(ctx context.Context, conn *amqp091.Connection) (*channel, error) {
	ch := &channel{timeout: l.cfg.RequestTimeout}
	opened := make(chan *amqp091.Channel, 1)
	err := ch.within(ctx, func() error {
		raw, err := conn.Channel()
		opened <- raw
		return err
	}, func() {
		if raw := <-opened; raw != nil {
			_ = raw.Close() // nobody is left who could be told
		}
	})
	if err != nil {
		return nil, err
	}
	ch.Channel = <-opened
	return ch, nil
}

// call runs f, which asks the server for something. Where the server does not answer in time the channel is of no use any more. f may still be running then, so that
// what it sets is read only where there is no error.
func (c *channel) call(ctx context.Context, f func(*amqp091.Channel) error) error {
	return c.within(ctx, func() error { return c.use(f) }, c.close)
}

// use runs f, which may send on the channel. Where that is being closed it fails.
func (c *channel) use(f func(*amqp091.Channel) error) error {
	c.mu.Lock()
	closing := c.closing
	if !closing {
		c.users++
	}
	c.mu.Unlock()
	if closing {
		return amqp091.ErrClosed
	}
	defer func() {
		c.mu.Lock()
		c.users--
		last := c.closing && c.users == 0
		c.mu.Unlock()
		if last {
			c.end()
		}
	}()
	return f(c.Channel)
}

// within runs f until ctx ends, or the server has had its time. What comes of f after that is undone by undo.
func (c *channel) within(ctx context.Context, f func() error, undo func()) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return err
	}
	result := make(chan error, 1)
	undone := context.AfterFunc(ctx, func() { result <- ctx.Err() })
	// Ends with the server's answer, or with the connection, which heartbeats watch.
	go func() {
		err := f()
		if undone() {
			result <- err
		} else {
			undo()
		}
	}()
	return <-result
}

// close closes the channel as soon as nobody uses it, without waiting for that or the server. It may be called more than once.
func (c *channel) close() {
	c.mu.Lock()
	unused := !c.closing && c.users == 0
	c.closing = true
	c.mu.Unlock()
	if unused {
		c.end()
	}
}

func (c *channel) end() {
	go func() { _ = c.Close() }() // ends with the server's answer, or with the connection; what is wrong with the channel is over with it
}
