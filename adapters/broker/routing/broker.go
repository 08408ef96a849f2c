// Package routing sends each topic to the broker that the configuration names for it, under the name that it has there.
package routing

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"

	"culvert/domain"
	"culvert/ports"
)

// Broker is all configured brokers as one. A topic is the business of the first route that matches it, else of the default broker; where
// that route does not allow it, it is NotAllowed for every method. Besides a ports.Broker it is ports.Topics: the topics of all brokers, by the names that
// they have here.
type Broker struct {
	routes   []Route
	brokers  map[string]ports.Broker
	fallback string
	used     used
	closing  sync.Once
}

var (
	_ ports.Broker         = (*Broker)(nil)
	_ ports.Catalogue      = (*Broker)(nil)
	_ ports.QueueCatalogue = (*Broker)(nil)
	_ ports.QueueKeeper    = (*Broker)(nil)
	_ ports.QueueMover     = (*Broker)(nil)
	_ ports.QueueCreator   = (*Broker)(nil)
	_ ports.Creator        = (*Broker)(nil)
	_ ports.Topics         = (*Broker)(nil)
)

// New makes one broker of the brokers, by their configured names; fallback is the default one's. They are its own from then
// on: Close closes them.
func New(routes []Route, brokers map[string]ports.Broker, fallback string) (*Broker, error) {
	if brokers[fallback] == nil {
		return nil, fmt.Errorf("routing: there is no broker %q to be the default one", fallback)
	}
	for i, r := range routes {
		if err := r.Validate(); err != nil {
			return nil, fmt.Errorf("routing: topics[%d].%w", i, err)
		}
		if r.Broker != "" && brokers[r.Broker] == nil {
			return nil, fmt.Errorf("routing: topics[%d].broker: there is no broker %q", i, r.Broker)
		}
	}
	return &Broker{routes: routes, brokers: brokers, fallback: fallback}, nil
}

// target is where a topic is.
type target struct {
	topic    domain.Topic // as it is called here
	broker   string
	physical domain.Topic // as it is called there
}

// route is the one whose business topic is; nil where there is none.
func (b *Broker) route(topic domain.Topic) *Route {
	for i := range b.routes {
		if b.routes[i].matches(topic) {
			return &b.routes[i]
		}
	}
	return nil
}

// Closed is nil for a topic that anybody may name. For one that is hidden, and for one that nobody may use, it is the same NotAllowed error, so that a stranger cannot tell
// which it is. The other methods know hidden topics like any others: who asks them has seen to it that the topic may be named. It does not block.
func (b *Broker) Closed(topic domain.Topic) error {
	if r := b.route(topic); r != nil && (r.Hidden || !r.Allow) {
		return notOpen(topic)
	}
	return nil
}

func notOpen(topic domain.Topic) error {
	return domain.Errorf(domain.NotAllowed, "topic %q is not open to you", topic)
}

// resolve finds where topic is. It is NotAllowed where no one may know.
func (b *Broker) resolve(topic domain.Topic) (target, error) {
	if r := b.route(topic); r != nil {
		if !r.Allow {
			return target{}, notOpen(topic)
		}
		name := r.Broker
		if name == "" {
			name = b.fallback
		}
		physical, err := r.physical(topic)
		return target{topic, name, physical}, err
	}
	return target{topic, b.fallback, topic}, nil
}

// plain hides from strangers what a topic is called in its broker: where a detail names that, alone or before a colon as in the name of its queue, it names the topic instead.
func (t target) plain(err error) error {
	if err == nil || t.topic == t.physical {
		return err
	}
	e := domain.AsError(err)
	detail := strings.NewReplacer(
		fmt.Sprintf("%q", t.physical), fmt.Sprintf("%q", t.topic),
		fmt.Sprintf("\"%s:", t.physical), fmt.Sprintf("\"%s:", t.topic),
	).Replace(e.Detail)
	if detail == e.Detail {
		return err
	}
	return (&domain.Error{Code: e.Code, Detail: detail}).Because(err)
}

// Publish implements ports.Publisher.
func (b *Broker) Publish(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(i int, ack domain.Ack, err error)) {
	t, err := b.resolve(topic)
	if err != nil {
		for i := range batch {
			done(i, domain.Ack{}, err)
		}
		return
	}
	var known atomic.Bool // that the topic is used: once for the batch is enough
	b.brokers[t.broker].Publish(ctx, t.physical, batch, func(i int, ack domain.Ack, err error) {
		if err == nil && !known.Load() {
			b.used.add(topic)
			known.Store(true)
		}
		done(i, ack, t.plain(err))
	})
}

// Tail implements ports.Tailer.
func (b *Broker) Tail(ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
	t, err := b.resolve(topic)
	if err != nil {
		return domain.Opening{}, nil, err
	}
	opening, chunks, err := b.brokers[t.broker].Tail(ctx, t.physical, from)
	if err != nil {
		return domain.Opening{}, nil, t.plain(err)
	}
	b.used.add(topic)
	return opening, func(yield func(domain.Chunk, error) bool) {
		for chunk, err := range chunks {
			if !yield(chunk, t.plain(err)) {
				return
			}
		}
	}, nil
}

// Join implements ports.Joiner.
func (b *Broker) Join(ctx context.Context, topic domain.Topic, queue domain.Queue, terms domain.Terms) iter.Seq2[domain.LaneEvent, error] {
	return func(yield func(domain.LaneEvent, error) bool) {
		t, err := b.resolve(topic)
		if err != nil {
			yield(domain.LaneEvent{}, err)
			return
		}
		for event, err := range b.brokers[t.broker].Join(ctx, t.physical, queue, terms) {
			if err == nil {
				b.used.add(topic)
			}
			if !yield(event, t.plain(err)) {
				return
			}
		}
	}
}

// Describe implements ports.Describer and ports.Topics.
func (b *Broker) Describe(ctx context.Context, topic domain.Topic) (domain.TopicInfo, error) {
	t, err := b.resolve(topic)
	if err != nil {
		return domain.TopicInfo{}, err
	}
	info, err := b.brokers[t.broker].Describe(ctx, t.physical)
	if err != nil {
		return domain.TopicInfo{}, t.plain(err)
	}
	info.Topic, info.Broker = topic, t.broker
	return info, nil
}

// Capabilities implements ports.Describer. There are none where a topic is not allowed.
func (b *Broker) Capabilities(topic domain.Topic) domain.Capabilities {
	t, err := b.resolve(topic)
	if err != nil {
		return nil
	}
	return b.brokers[t.broker].Capabilities(t.physical)
}

// Ensure implements ports.Creator. On a broker that cannot make topics it tells whether there is one.
func (b *Broker) Ensure(ctx context.Context, topic domain.Topic) error {
	t, err := b.resolve(topic)
	if err != nil {
		return err
	}
	if creator, ok := b.brokers[t.broker].(ports.Creator); ok {
		err = creator.Ensure(ctx, t.physical)
	} else {
		_, err = b.brokers[t.broker].Describe(ctx, t.physical)
	}
	if err != nil {
		return t.plain(err)
	}
	b.used.add(topic)
	return nil
}

// Close implements ports.Lifecycle. It closes all brokers at once. Further calls do nothing.
func (b *Broker) Close(ctx context.Context) (err error) {
	b.closing.Do(func() {
		var all []error
		for name, e := range b.each(func(_ string, broker ports.Broker) error { return broker.Close(ctx) }) {
			if e != nil {
				all = append(all, fmt.Errorf("broker %s: %w", name, e))
			}
		}
		err = errors.Join(all...)
	})
	return err
}

// each calls f for all brokers at once and gives what it returned, by the brokers' names.
func (b *Broker) each(f func(name string, broker ports.Broker) error) map[string]error {
	results := make(map[string]error, len(b.brokers))
	var mu sync.Mutex // guards results
	var all sync.WaitGroup
	for name, broker := range b.brokers {
		all.Go(func() { // ends with f
			err := f(name, broker)
			mu.Lock()
			defer mu.Unlock()
			results[name] = err
		})
	}
	all.Wait()
	return results
}
