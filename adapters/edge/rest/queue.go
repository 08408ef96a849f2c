package rest

import (
	"context"
	"net/http"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// maxAsked is how long a body that asks something of a queue may be: a cursor with every character escaped is less than half of it.
const maxAsked = 64 << 10

type queueInfo struct {
	Topic       domain.Topic  `json:"topic"`
	Queue       domain.Queue  `json:"queue"`
	Order       domain.Order  `json:"order"`
	Members     int           `json:"members"`
	InFlight    int           `json:"in_flight"`
	Oldest      *int64        `json:"oldest_unsettled_ms"` // nil where this node reads nothing of the queue
	Lag         *int64        `json:"lag"`
	Partitions  []progress    `json:"partitions"` // nil where the broker tells no places
	Lease       int64         `json:"lease_ms"`
	MaxAttempts int           `json:"max_attempts"`
	DeadLetter  *domain.Topic `json:"dead_letter"` // nil where there is none
}

// progress is how far a queue is in one partition. What is not known is nil.
type progress struct {
	Partition int32  `json:"partition"`
	Committed *int64 `json:"committed"`
	End       *int64 `json:"end"`
	Lag       *int64 `json:"lag"`
}

// inspect serves GET /v1/topics/{topic}/queues/{queue}.
func (e *Edge) inspect(w http.ResponseWriter, r *http.Request) error {
	topic, queue, err := e.queueOf(r)
	if err != nil {
		return err
	}
	state, err := e.admin.Inspect(r.Context(), topic, queue)
	if err != nil {
		return err
	}
	return document(w, infoOf(topic, queue, state))
}

// forget serves DELETE /v1/topics/{topic}/queues/{queue}.
func (e *Edge) forget(w http.ResponseWriter, r *http.Request) error {
	topic, queue, err := e.queueOf(r)
	if err != nil {
		return err
	}
	if r.ContentLength != 0 {
		return domain.Errorf(domain.InvalidRequest, "a DELETE has no body")
	}
	// It is begun and brought to its end, and who has closed its side for sending is told of it: see single.
	if err := e.admin.Delete(context.WithoutCancel(r.Context()), topic, queue); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// queueOf is the queue that the path of r names. Its routes have no parameters.
func (e *Edge) queueOf(r *http.Request) (topic domain.Topic, queue domain.Queue, err error) {
	if topic, err = domain.ParseTopic(r.PathValue("topic")); err != nil {
		return "", "", err
	}
	if queue, err = domain.ParseQueue(topic, r.PathValue("queue")); err != nil {
		return "", "", err
	}
	return topic, queue, edge.QueryParams(r.URL.RawQuery, e.limits).Err()
}

// asked reads a body that asks something of a queue.
func (e *Edge) asked(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	return newBody(r.Context(), w, r, e.cfg.BodyTimeout).whole(r.ContentLength, maxAsked, "fixed")
}

func infoOf(topic domain.Topic, queue domain.Queue, s ports.QueueState) queueInfo {
	info := queueInfo{
		Topic: topic, Queue: queue, Order: s.Order, Members: s.Members, InFlight: s.InFlight,
		Lag: known(s.Lag), Lease: s.Lease.Milliseconds(), MaxAttempts: s.MaxAttempts,
	}
	if s.Oldest >= 0 {
		ms := s.Oldest.Milliseconds()
		info.Oldest = &ms
	}
	if s.DeadLetter != "" {
		info.DeadLetter = &s.DeadLetter
	}
	for _, c := range s.Partitions {
		info.Partitions = append(info.Partitions, progress{
			c.Partition, known(c.Place), known(c.End), known(c.Lag()),
		})
	}
	return info
}

// known is n, or nil where that is domain.LagUnknown or domain.NoPlace.
func known(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}
