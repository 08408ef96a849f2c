package rest

import (
	"encoding/json"
	"net/http"

	"culvert/adapters/edge"
	"culvert/domain"
)

type topicList struct {
	Topics   []topicEntry `json:"topics"`
	Complete bool         `json:"complete"`
}

type topicEntry struct {
	Topic  domain.Topic `json:"topic"`
	Broker string       `json:"broker"`
}

type topicInfo struct {
	topicEntry
	Capabilities []domain.Capability `json:"capabilities"`
	Cursor       string              `json:"cursor"`
	Partitions   []extent            `json:"partitions"`
}

type extent struct {
	Partition int32 `json:"partition"`
	First     int64 `json:"first"`
	End       int64 `json:"end"`
}

// list serves GET /v1/topics.
func (e *Edge) list(w http.ResponseWriter, r *http.Request) error {
	if err := edge.QueryParams(r.URL.RawQuery, e.limits).Err(); err != nil {
		return err
	}
	topics, complete, err := e.topics.List(r.Context())
	if err != nil {
		return err
	}
	list := topicList{Topics: make([]topicEntry, len(topics)), Complete: complete}
	for i, t := range topics {
		list.Topics[i] = topicEntry{Topic: t.Topic, Broker: t.Broker}
	}
	return document(w, list)
}

// describe serves GET /v1/topics/{topic}.
func (e *Edge) describe(w http.ResponseWriter, r *http.Request) error {
	topic, err := domain.ParseTopic(r.PathValue("topic"))
	if err != nil {
		return err
	}
	if err := edge.QueryParams(r.URL.RawQuery, e.limits).Err(); err != nil {
		return err
	}
	t, err := e.topics.Describe(r.Context(), topic)
	if err != nil {
		return err
	}
	info := topicInfo{
		topicEntry:   topicEntry{t.Topic, t.Broker},
		Capabilities: append([]domain.Capability{}, t.Capabilities...),
		Cursor:       domain.CursorOf(t.Topic, t.End()).String(),
		Partitions:   make([]extent, len(t.Partitions)),
	}
	for i, p := range t.Partitions {
		info.Partitions[i] = extent{p.Partition, p.First, p.End}
	}
	return document(w, info)
}

func document(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	respond(w, body)
	return nil
}
