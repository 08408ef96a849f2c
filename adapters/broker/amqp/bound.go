package amqp

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// An exchange takes its bindings with it when it is deleted, and tells nobody: a queue that was bound to it is given nothing any more, though whoever publishes next makes the exchange anew, with the
// topic's log. So who makes an exchange tells those memberships of this node that had seen the old one: they bind their queues again, and tell of a gap. What other nodes do is not heard of: queues are bound
// again from time to time, without a word where the exchange is there, since the server does not tell whether they were.

// bindEvery is how often a membership binds its queue again.
const bindEvery = 5 * time.Second

// errUnbound says that the topic's exchange was made anew.
var errUnbound = errors.New("the exchange was made anew")

// bound are the memberships of this node whose queues hang on exchanges, or are about to: those that have seen the topic's exchange.
type bound struct {
	mu sync.Mutex // guards by
	by map[domain.Topic]map[*membership]struct{}
}

// add enters a membership that has seen its topic's exchange. It may be called again.
func (b *bound) add(m *membership) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.by == nil {
		b.by = map[domain.Topic]map[*membership]struct{}{}
	}
	if b.by[m.topic] == nil {
		b.by[m.topic] = map[*membership]struct{}{}
	}
	b.by[m.topic][m] = struct{}{}
}

// remove is for a membership that ends, whether it was added or not.
func (b *bound) remove(m *membership) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.by[m.topic], m)
	if len(b.by[m.topic]) == 0 {
		delete(b.by, m.topic)
	}
}

// to gives the memberships that have seen a topic's exchange. Where it is not there when somebody looks after that, they have lost it.
func (b *bound) to(topic domain.Topic) []*membership {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Keys(b.by[topic]))
}

// rebind binds the queue again. An error says that the exchange, or the queue, is not there. Whatever else is in the way is no reason to give back what was delivered.
func (m *membership) rebind(ctx context.Context, q queue) error {
	if !m.broker.makes(m.layout) || m.layout.exchange == "" || m.barred {
		return nil
	}
	d := declarer{link: m.broker.joining, conn: m.conn}
	defer d.close()
	err := d.ask(ctx, func(ch *amqp091.Channel) error {
		return ch.QueueBind(q.name, m.layout.bindingKey, m.layout.exchange, false, nil)
	})
	switch code(err) {
	case amqp091.NotFound:
		return errAway(err) // what is not there is made anew, or refused, by the next stay
	case amqp091.AccessRefused:
		m.barred = true // each attempt would be an error in the server's log
	}
	return nil
}
