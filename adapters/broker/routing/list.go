package routing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// listTimeout is how long one broker may take to list its topics: one that is away does not hide what the others have.
const listTimeout = 5 * time.Second

// List implements ports.Topics: by topic, each with its broker's configured name, the hidden ones too. Where a broker cannot list, or cannot be reached, the
// topics are told that were used here so far, and the list is not complete. It is Unavailable when no broker that can list could be reached.
func (b *Broker) List(ctx context.Context) (entries []ports.TopicEntry, complete bool, err error) {
	entries, complete, failures := b.list(ctx)
	if len(failures) == len(b.brokers) {
		return nil, false, domain.Errorf(domain.Unavailable, "no broker could list its topics").Because(errors.Join(failures...))
	}
	return entries, complete, nil
}

// Topics implements ports.Catalogue, for patterns: the topics of List but the hidden ones. It is Unavailable when any broker that can list could not be reached: nobody
// knows then which topics a pattern names.
func (b *Broker) Topics(ctx context.Context) ([]domain.Topic, error) {
	entries, _, failures := b.list(ctx)
	if len(failures) > 0 {
		return nil, domain.Errorf(domain.Unavailable, "a broker could not list its topics, so it is not known which ones a pattern names").Because(errors.Join(failures...))
	}
	topics := make([]domain.Topic, 0, len(entries))
	for _, e := range entries {
		if !e.Hidden {
			topics = append(topics, e.Topic)
		}
	}
	return topics, nil
}

// list asks all brokers for their topics. failures are of those that can list and could not be reached.
func (b *Broker) list(ctx context.Context) (entries []ports.TopicEntry, complete bool, failures []error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	var mu sync.Mutex // guards found
	found := map[domain.Topic]string{}
	results := b.each(func(name string, broker ports.Broker) error {
		topics, err := catalogue(ctx, broker)
		mu.Lock()
		defer mu.Unlock()
		for _, physical := range topics {
			for _, topic := range b.logical(name, physical) {
				found[topic] = name
			}
		}
		return err
	})

	complete = true
	for name, err := range results {
		if err == nil {
			continue
		}
		complete = false
		if !errors.Is(err, errNoCatalogue) {
			failures = append(failures, fmt.Errorf("%s: %w", name, err))
		}
		for _, topic := range b.used.list() {
			if t, err := b.resolve(topic); err == nil && t.broker == name {
				found[topic] = name
			}
		}
	}
	entries = make([]ports.TopicEntry, 0, len(found))
	for topic, name := range found {
		r := b.route(topic)
		entries = append(entries, ports.TopicEntry{Topic: topic, Broker: name, Hidden: r != nil && r.Hidden})
	}
	slices.SortFunc(entries, func(a, b ports.TopicEntry) int { return cmp.Compare(a.Topic, b.Topic) })
	return entries, complete, failures
}

var errNoCatalogue = errors.New("the broker has no catalogue")

// catalogue lists the broker's topics, or fails with errNoCatalogue.
func catalogue(ctx context.Context, broker ports.Broker) ([]domain.Topic, error) {
	c, ok := broker.(ports.Catalogue)
	if !ok {
		return nil, errNoCatalogue
	}
	topics, err := c.Topics(ctx)
	if err != nil && domain.CodeOf(err) == domain.Unsupported {
		return nil, errNoCatalogue
	}
	return topics, err
}

// logical are the topics that are physical in the broker of that name.
func (b *Broker) logical(broker string, physical domain.Topic) (topics []domain.Topic) {
	candidates := []domain.Topic{physical}
	for _, r := range b.routes {
		if topic, ok := r.logical(physical); ok && !slices.Contains(candidates, topic) {
			candidates = append(candidates, topic)
		}
	}
	for _, topic := range candidates {
		// An earlier route may send a candidate elsewhere, or not allow it.
		if t, err := b.resolve(topic); err == nil && t.broker == broker && t.physical == physical {
			topics = append(topics, topic)
		}
	}
	return topics
}
