package admin

import (
	"context"
	"sync"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// TopicList is what there is to view.
type TopicList struct {
	Topics []Topic `json:"topics"`
	// Complete is false where a broker cannot list its topics, or cannot be reached: then those are there of it which this node knows.
	Complete    bool          `json:"complete"`
	Unreachable []Unreachable `json:"unreachable"`
}

// Topic is one line of it. What its broker does not tell, or not in time, is nil.
type Topic struct {
	Topic      domain.Topic `json:"topic"`
	Broker     string       `json:"broker"`
	Kind       string       `json:"kind"`
	Partitions *int         `json:"partitions"`
	// Messages is the number of offsets that there are, of all partitions.
	Messages *int64 `json:"messages"`
	// Rate is how many messages come a second, as far as this node reads the topic; nil where it does not.
	Rate    *float64 `json:"rate"`
	Viewers int      `json:"viewers"` // of this node
	Queues  *int     `json:"queues"`
}

// Unreachable is a broker that is not there.
type Unreachable struct {
	Broker string `json:"broker"`
	Detail string `json:"detail"`
}

const (
	// patience is how long brokers may take to tell of their topics. What is not known then is left open.
	patience = 3 * time.Second
	// asking is how many topics are asked for at a time.
	asking = 8
)

// topics lists the topics that the caller may know of.
func (e *Edge) topics(ctx context.Context) TopicList {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list := TopicList{Topics: []Topic{}, Unreachable: []Unreachable{}}
	var (
		entries  []ports.TopicEntry
		err      error
		complete bool
		listing  sync.WaitGroup
	)
	listing.Go(func() { entries, complete, err = e.Topics.List(ctx) }) // ends with ctx at the latest
	kinds := make(map[string]string)
	away := make(map[string]bool)
	for _, b := range e.Node.Brokers(ctx) {
		kinds[b.Name] = b.Kind.Kind
		if !b.Reachable {
			away[b.Name] = true
			list.Unreachable = append(list.Unreachable, Unreachable{b.Name, *b.Detail})
		}
	}
	listing.Wait()
	list.Complete = complete && err == nil // where no broker could list anything, that is what there is to tell
	feeds := make(map[domain.Topic]ports.FeedStats)
	for _, f := range e.Feeds.Feeds() {
		feeds[f.Topic] = f
	}
	for _, entry := range entries {
		t := Topic{Topic: entry.Topic, Broker: entry.Broker, Kind: kinds[entry.Broker]}
		if feed, read := feeds[entry.Topic]; read {
			t.Viewers, t.Rate = feed.Viewers, &feed.Rate
		}
		list.Topics = append(list.Topics, t)
	}
	next := make(chan *Topic)
	var workers sync.WaitGroup
	for range min(asking, len(list.Topics)) {
		workers.Go(func() { // ends when all were asked for
			for t := range next {
				e.ask(ctx, t)
			}
		})
	}
	for i := range list.Topics {
		if t := &list.Topics[i]; !away[t.Broker] {
			next <- t
		}
	}
	close(next)
	workers.Wait()
	return list
}

// ask adds to t what its broker tells before ctx ends.
func (e *Edge) ask(ctx context.Context, t *Topic) {
	if ctx.Err() != nil {
		return
	}
	if info, err := e.Topics.Describe(ctx, t.Topic); err == nil {
		partitions, messages := len(info.Partitions), int64(0)
		for _, p := range info.Partitions {
			messages += p.End - p.First
		}
		t.Partitions, t.Messages = &partitions, &messages
	}
	if queues, complete, err := e.Queues.List(ctx, t.Topic); err == nil && (complete || len(queues) > 0) {
		n := len(queues)
		t.Queues = &n
	}
}
