package amqp

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// Join implements ports.Joiner. Each call is one consumer, on a channel of its own. The queue is one partition, which with the order of keys is given to one member at a time: no
// server tells over AMQP 0-9-1 to whom, so that a member finds it out by asking how many there are, or by what is delivered.
//
// A quorum queue appends what comes back to what came back before and was not yet given again. So its order outlives members that end one soon after the other only where all
// nodes have the same prefetch: then what comes back from one is given to the next at once. A classic queue puts everything back where it was.
func (b *Broker) Join(ctx context.Context, topic domain.Topic, queue domain.Queue, terms domain.Terms) iter.Seq2[domain.LaneEvent, error] {
	return func(yield func(domain.LaneEvent, error) bool) {
		m := &membership{broker: b, topic: topic, name: queue, terms: terms, yield: yield, unbound: make(chan struct{}, 1)}
		m.terms.Order = cmp.Or(terms.Order, domain.OrderKey)
		defer b.bound.remove(m)
		if err := m.run(ctx); err != nil {
			yield(domain.LaneEvent{}, err)
		}
	}
}

// membership is one node's part in a queue. One goroutine uses it.
type membership struct {
	broker *Broker
	topic  domain.Topic
	name   domain.Queue
	terms  domain.Terms // From until the queue has begun; Order is what is wanted, and then what was promised
	yield  func(domain.LaneEvent, error) bool

	conn   *amqp091.Connection // of the last stay; nil where there was none
	layout layout              // as of the last stay
	stands bool                // the first event was told
	order  domain.Order        // what the first event has to say
	gap    *domain.Gap         // a hole that nobody was told of yet
	barred bool                // the server does not let this node bind the queue

	unbound chan struct{} // holds a token when this node has made the topic's exchange, which m had seen before, anew: without bindings
}

var (
	// errUnheard says that whoever ranges over the events has stopped.
	errUnheard = errors.New("nobody listens any more")
	// errAnew says that the queue is to be consumed anew, on another channel.
	errAnew = errors.New("what was delivered goes back")
)

// run takes part until ctx ends (nil) or something final happens, through as many stays as that takes.
func (m *membership) run(ctx context.Context) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 50*time.Millisecond, 5*time.Second
	const calm = time.Second
	complaint := ""
	for {
		came := time.Now()
		err := m.stay(ctx)
		switch {
		case errors.Is(err, errUnheard), m.stands && ctx.Err() != nil:
			return nil
		case !m.stands || !domain.CodeOf(err).Retryable():
			return err
		}
		if time.Since(came) > calm {
			pauses.Reset()
			complaint = ""
		}
		// That the connection broke is told once, where it did, and not by everybody who used it.
		if outage := m.conn == nil || m.conn.IsClosed(); !outage && err.Error() != complaint {
			complaint = err.Error()
			m.broker.log.Info("a queue's consumer has ended", "topic", m.topic, "queue", m.name, "cause", err)
		}
		m.broker.joining.rest(ctx, pauses.NextBackOff())
		if ctx.Err() != nil {
			return nil
		}
	}
}

// stay takes part for as long as one connection lasts.
func (m *membership) stay(ctx context.Context) error {
	connect := m.broker.joining.connection
	if m.stands {
		connect = m.broker.joining.await
	}
	conn, err := connect(ctx)
	m.conn = conn
	if err != nil {
		return err
	}
	l, err := m.broker.ensure(ctx, m.broker.joining, m.topic)
	if err != nil {
		return err
	}
	m.layout = l
	m.broker.bound.add(m)
	select {
	case <-m.unbound:
		if m.stands {
			m.lose()
		}
	default:
	}
	q, err := m.have(ctx, conn, l)
	if err != nil {
		return err
	}
	for {
		c, err := m.broker.consume(ctx, conn, q, m.gap)
		if err != nil {
			return translate(m.topic, err)
		}
		if err := m.follow(ctx, c); !errors.Is(err, errAnew) {
			return err
		}
	}
}

// have sees to it that the queue is there, and that it keeps what was promised.
func (m *membership) have(ctx context.Context, conn *amqp091.Connection, l layout) (queue, error) {
	q, err := m.broker.queue(ctx, conn, l, m.name, m.terms)
	if err != nil {
		return q, err
	}
	m.terms.From = nil // it has begun, as far as we have to do with it
	if q.created && m.stands {
		m.lose()
	}
	switch {
	case q.single || m.terms.Order == domain.OrderNone:
	case m.stands:
		return q, domain.Errorf(domain.Conflict, "queue %q of topic %q was made anew, and cannot keep the order of keys any more", m.name, m.topic)
	default:
		m.terms.Order, m.order = domain.OrderNone, domain.OrderNone
		m.broker.log.Warn("a queue counts as one without a single active consumer: it keeps no order of keys", "topic", m.topic, "queue", q.name)
	}
	return q, nil
}

// lose notes that nobody knows what the queue had.
func (m *membership) lose() {
	m.gap = &domain.Gap{Reason: domain.GapBroker, Lost: domain.LostUnknown}
}

// leaveWithin is how long the last acknowledgements and the farewell may take.
const leaveWithin = 5 * time.Second

// follow tells of a consumer, to its end. What was settled until then is acknowledged when it returns, and the rest has gone back to the queue.
func (m *membership) follow(ctx context.Context, c *consumer) error {
	err := m.attend(ctx, c)
	m.gap = c.claim.close()
	if c.cancelled() {
		m.lose()
	}
	if c.assigned && ctx.Err() == nil && !errors.Is(err, errUnheard) && !m.yield(domain.LaneEvent{Revoked: []domain.Claim{c.claim}}, nil) {
		err = errUnheard
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWithin)
	defer cancel()
	c.leave(ctx)
	return err
}

// attend tells of a consumer, and that it has become the active one, until it ends, ctx does, or what was delivered has to go back.
func (m *membership) attend(ctx context.Context, c *consumer) error {
	hold := time.NewTimer(m.broker.cfg.Hold())
	defer hold.Stop()
	look := time.NewTimer(c.patience())
	defer look.Stop()
	bind := time.NewTicker(bindEvery)
	defer bind.Stop()
	if c.assigned || !m.stands {
		if err := m.tell(c); err != nil {
			return err
		}
	}
	for {
		active := c.active
		if c.assigned {
			look.Stop()
			active = nil
		}
		select {
		case <-active:
			c.assigned = true
			if err := m.tell(c); err != nil {
				return err
			}
		case <-look.C:
			if err := c.look(ctx); err != nil {
				return err
			}
			look.Reset(c.patience())
		case <-hold.C:
			next, ok := c.left(m.broker.cfg.Hold())
			if !ok {
				return errAnew
			}
			hold.Reset(next)
		case <-m.unbound:
			signal(m.unbound) // the next stay sees to it
			return errAway(errUnbound)
		case <-bind.C:
			if err := m.rebind(ctx, c.queue); err != nil {
				return err
			}
		case <-c.ended:
			return c.cause()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tell tells of the claim, where the consumer has it; the first time that the membership stands.
func (m *membership) tell(c *consumer) error {
	event := domain.LaneEvent{Order: m.order}
	m.stands, m.order = true, ""
	if c.assigned {
		event.Assigned = []domain.Claim{c.claim}
	}
	if !m.yield(event, nil) {
		return errUnheard
	}
	return nil
}
