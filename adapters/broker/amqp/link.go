package amqp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// link is one connection to the server, for one purpose. It is made when it is first needed, and made anew for ever after that.
type link struct {
	cfg     Config
	purpose string
	tls     *tls.Config
	log     *slog.Logger

	keep  func() // what keeps the connection, until the link ends
	end   context.CancelFunc
	ended <-chan struct{}
	done  sync.WaitGroup
	wake  chan struct{} // asks for an attempt now

	mu      sync.Mutex // guards what follows
	started bool
	conn    *amqp091.Connection // nil while there is none
	changed chan struct{}       // closed at each change of what is here
	failed  error               // of the last attempt; nil while there is a connection
	failing time.Time           // when that was
	wire    net.Conn            // what the connection runs over
	blocked string              // why the server does not take what is published; empty where it does
}

// retryAtOnce is how old the last failure is before somebody who asks is worth another attempt.
const retryAtOnce = 200 * time.Millisecond

// newLink makes a link for a purpose that the server's operators can read.
func newLink(cfg Config, purpose string, secure *tls.Config, log *slog.Logger) *link {
	ctx, end := context.WithCancel(context.Background())
	l := &link{
		cfg: cfg, purpose: purpose, tls: secure, log: log,
		end: end, ended: ctx.Done(),
		wake: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	l.keep = func() { l.run(ctx) }
	return l
}

// connection gives the connection. Where there is none it waits for one attempt, at most until ctx ends: Unavailable where that fails.
func (l *link) connection(ctx context.Context) (*amqp091.Connection, error) {
	l.start()
	conn, changed, failed := l.state()
	if conn == nil && failed != nil {
		return nil, errAway(failed)
	}
	for conn == nil {
		select {
		case l.wake <- struct{}{}:
		default:
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, domain.Errorf(domain.Unavailable, "the broker did not answer in time").Because(context.Cause(ctx))
		case <-l.ended:
			return nil, errClosed()
		}
		conn, changed, failed = l.state()
		if conn == nil && failed != nil {
			return nil, errAway(failed)
		}
	}
	return conn, nil
}

// await gives the connection, however many attempts that takes, at most until ctx ends.
func (l *link) await(ctx context.Context) (*amqp091.Connection, error) {
	l.start()
	for {
		conn, changed, _ := l.state()
		if conn != nil {
			return conn, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, domain.Errorf(domain.Unavailable, "the broker did not answer in time").Because(context.Cause(ctx))
		case <-l.ended:
			return nil, errClosed()
		}
	}
}

// rest waits before another attempt at something that failed on the connection. It ends with that: the next one is worth an attempt at once, and comes no sooner than the link thinks right.
// Else those who had failed often while the network came and went would begin long after it stayed.
func (l *link) rest(ctx context.Context, d time.Duration) {
	over := time.After(d)
	conn, changed, _ := l.state()
	for now := conn; now != nil && now == conn; now, changed, _ = l.state() {
		select {
		case <-changed:
		case <-over:
			return
		case <-ctx.Done():
			return
		}
	}
}

// state is what there is now: a connection, or why there is none, as far as that was found out just now.
func (l *link) state() (conn *amqp091.Connection, changed <-chan struct{}, failed error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil && time.Since(l.failing) < retryAtOnce {
		failed = l.failed
	}
	if l.conn != nil && l.conn.IsClosed() { // which watch is about to notice
		return nil, l.changed, failed
	}
	return l.conn, l.changed, failed
}

// alarm says why the server does not take what is published now; empty where it does.
func (l *link) alarm() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.blocked
}

// close ends the connection and everything that waits for one. The server is told, if that can be done before ctx ends.
func (l *link) close(ctx context.Context) {
	l.end()
	defer context.AfterFunc(ctx, l.hangUp)()
	l.done.Wait()
}

// hangUp cuts the connection. The driver alone would wait for whoever is writing, and who writes to a server that does not read waits for ever.
func (l *link) hangUp() {
	l.mu.Lock()
	wire := l.wire
	l.mu.Unlock()
	if wire != nil {
		_ = wire.Close() // it is over either way
	}
}

func (l *link) start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.started {
		l.started = true
		l.done.Go(l.keep) // ends with the link
	}
}

// run keeps the connection until the link ends.
func (l *link) run(ctx context.Context) {
	retry := newBackOff()
	complaint := "" // the kind of error that the log tells of the outage that there is
	for ctx.Err() == nil {
		conn, err := l.dial(ctx)
		l.set(conn, err, "")
		wake := l.wake
		if err == nil {
			if complaint != "" {
				l.log.Info("the broker can be reached again", "purpose", l.purpose)
				complaint = ""
			}
			began := time.Now()
			l.watch(ctx, conn)
			if time.Since(began) > time.Second {
				retry.Reset()
			} else { // it may be one that breaks again and again
				wake = nil
			}
		} else if ctx.Err() == nil && kind(err) != complaint {
			complaint = kind(err)
			l.log.Warn("the broker cannot be reached; it is tried again and again", "purpose", l.purpose, "error", l.hint(err))
		}
		select {
		case <-time.After(retry.NextBackOff()):
		case <-wake:
		case <-ctx.Done():
		}
	}
	l.set(nil, errClosed(), "")
}

// newBackOff says how long to wait between attempts: longer and longer, and never exactly as long as other nodes do.
func newBackOff() *backoff.ExponentialBackOff {
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval, retry.MaxInterval = 100*time.Millisecond, 3*time.Second
	return retry
}

// kind is what is the same of errors of one cause. Their texts tell the port of each attempt.
func kind(err error) string {
	var reply *amqp091.Error
	if errors.As(err, &reply) {
		return strconv.Itoa(reply.Code)
	}
	return fmt.Sprintf("%T", err)
}

// goodbye is how long the server has to answer when we leave.
const goodbye = time.Second

// watch follows a connection to its end, and ends it with the link.
func (l *link) watch(ctx context.Context, conn *amqp091.Connection) {
	defer l.hangUp()
	closed := conn.NotifyClose(make(chan *amqp091.Error, 1))
	alarms := conn.NotifyBlocked(make(chan amqp091.Blocking, 1))
	for {
		select {
		case alarm, ok := <-alarms:
			if !ok {
				alarms = nil
				continue
			}
			reason := ""
			if alarm.Active {
				reason = cmp.Or(alarm.Reason, "of unknown reason")
				l.log.Warn("the broker has an alarm, and takes nothing for now", "reason", reason)
			} else {
				l.log.Info("the broker takes messages again")
			}
			l.set(conn, nil, reason)
		case err := <-closed:
			l.set(nil, nil, "")
			if err != nil {
				l.log.Warn("the connection to the broker broke", "purpose", l.purpose, "error", err)
			}
			return
		case <-ctx.Done():
			l.set(nil, errClosed(), "")
			_ = conn.CloseDeadline(time.Now().Add(goodbye)) // it is over either way
			return
		}
	}
}

// set tells everybody how things are.
func (l *link) set(conn *amqp091.Connection, failed error, blocked string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn, l.failed, l.failing, l.blocked = conn, failed, time.Now(), blocked
	close(l.changed)
	l.changed = make(chan struct{})
}
