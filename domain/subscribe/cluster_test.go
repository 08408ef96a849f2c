package subscribe

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"culvert/domain"
)

// fakeCluster is a broker of several topics, each a fakeBroker with capabilities of its own.
type fakeCluster struct {
	mu     sync.Mutex // guards what follows
	topics map[domain.Topic]*fakeBroker
	epochs domain.Epoch                 // that were given to topics
	former map[domain.Topic]*fakeBroker // the last of each name, of which the next one remembers what was taken out of it
}

func newFakeCluster() *fakeCluster {
	return &fakeCluster{topics: map[domain.Topic]*fakeBroker{}, former: map[domain.Topic]*fakeBroker{}}
}

// create makes a topic, in an epoch that none was ever in. Those whose names end in 2 have marks among their messages.
func (c *fakeCluster) create(topic domain.Topic, partitions int) *fakeBroker {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epochs += 1000 // those in between are for topics that are made anew under their readers
	b := newFakeBroker(partitions)
	b.epoch = c.epochs
	b.marked = topic[len(topic)-1] == '2'
	if had := c.former[topic]; had != nil {
		b.compacted, b.trimmed = had.compacted, had.trimmed
	}
	c.former[topic] = b
	c.topics[topic] = b
	return b
}

// remove deletes a topic.
func (c *fakeCluster) remove(topic domain.Topic) {
	c.mu.Lock()
	b := c.topics[topic]
	delete(c.topics, topic)
	c.mu.Unlock()
	b.remove()
}

// topic is nil where there is none of this name.
func (c *fakeCluster) topic(name domain.Topic) *fakeBroker {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.topics[name]
}

// names are those of the topics that there are, sorted.
func (c *fakeCluster) names() []domain.Topic {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.topics))
}

func (c *fakeCluster) readers() (n int) {
	for _, name := range c.names() {
		n += c.topic(name).readers()
	}
	return n
}

func (c *fakeCluster) Topics(context.Context) ([]domain.Topic, error) { return c.names(), nil }

func (c *fakeCluster) Capabilities(topic domain.Topic) domain.Capabilities {
	if b := c.topic(topic); b != nil {
		return b.Capabilities(topic)
	}
	return domain.Capabilities{domain.History, domain.SeekTime}
}

func (c *fakeCluster) Describe(ctx context.Context, topic domain.Topic) (domain.TopicInfo, error) {
	if b := c.topic(topic); b != nil {
		return b.Describe(ctx, topic)
	}
	return domain.TopicInfo{}, domain.Errorf(domain.UnknownTopic, "there is no topic %q", topic)
}

func (c *fakeCluster) Tail(ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
	if b := c.topic(topic); b != nil {
		return b.Tail(ctx, topic, from)
	}
	return domain.Opening{}, nil, domain.Errorf(domain.UnknownTopic, "there is no topic %q", topic)
}
