package client

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
)

// Topics is what a bridge lists (PROTOCOL §2).
type Topics struct {
	Topics   []TopicEntry `json:"topics"`
	Complete bool         `json:"complete"` // else only topics that this node knows are listed
}

// TopicEntry is one topic of a list.
type TopicEntry struct {
	Topic  string `json:"topic"`
	Broker string `json:"broker"`
}

// Topic is a topic as the bridge describes it.
type Topic struct {
	TopicEntry
	Capabilities []string    `json:"capabilities"`
	Cursor       string      `json:"cursor"`
	Partitions   []Partition `json:"partitions"`
}

// Partition is one of a topic, and the offsets that it has: from First on, below End. What the broker does not tell is nil.
type Partition struct {
	Partition int    `json:"partition"`
	First     *int64 `json:"first"`
	End       *int64 `json:"end"`
}

// Topics asks for the list of topics.
func (a *API) Topics(ctx context.Context) (list Topics, err error) {
	return list, a.get(ctx, &list, "v1", "topics")
}

// Topic asks for what there is to know of one, and gives it as it came besides.
func (a *API) Topic(ctx context.Context, name string) (t Topic, whole json.RawMessage, err error) {
	if err := a.get(ctx, &whole, "v1", "topics", name); err != nil {
		return t, nil, err
	}
	return t, whole, json.Unmarshal(whole, &t)
}

// Match gives the topics that fit pattern, in which * stands for any characters; empty stands for all.
func (t Topics) Match(pattern string) []TopicEntry {
	if pattern == "" {
		return t.Topics
	}
	return slices.DeleteFunc(slices.Clone(t.Topics), func(e TopicEntry) bool { return !match(pattern, e.Topic) })
}

// match reports whether name fits pattern.
func match(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return name == pattern
	}
	if len(name) < len(first)+len(last) || !strings.HasPrefix(name, first) || !strings.HasSuffix(name, last) {
		return false
	}
	name = name[len(first) : len(name)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name = after
	}
	return true
}
