package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Queues is what a bridge lists of a topic's queues.
type Queues struct {
	Queues   []QueueEntry `json:"queues"`
	Complete bool         `json:"complete"` // else only queues that this node knows are listed
}

// QueueEntry is one queue of a list. What the broker does not tell is nil.
type QueueEntry struct {
	Queue   string `json:"queue"`
	Members *int   `json:"members"` // at this node
	Lag     *int64 `json:"lag"`
}

// Queue is a queue as the bridge describes it. What is not known is nil.
type Queue struct {
	Topic    string `json:"topic"`
	Queue    string `json:"queue"`
	Order    string `json:"order"`
	Members  *int   `json:"members"`             // at this node
	InFlight *int   `json:"in_flight"`           // as above
	Oldest   *int64 `json:"oldest_unsettled_ms"` // as above; 0 where all is settled
	Lag      *int64 `json:"lag"`
	// Partitions are nil where the broker tells no places.
	Partitions  []Progress `json:"partitions"`
	LeaseMS     int64      `json:"lease_ms"`
	MaxAttempts int        `json:"max_attempts"` // 0: no limit
	DeadLetter  *string    `json:"dead_letter"`  // nil where there is none, or it is hidden
}

// Progress is how far a queue is in one partition: all below Committed is settled. What is not known is nil.
type Progress struct {
	Partition int    `json:"partition"`
	Committed *int64 `json:"committed"`
	End       *int64 `json:"end"` // nil in what Reset tells, as Lag is
	Lag       *int64 `json:"lag"`
}

// Queues asks for the queues of a topic.
func (a *API) Queues(ctx context.Context, topic string) (list Queues, err error) {
	return list, a.get(ctx, &list, "v1", "topics", topic, "queues")
}

// Queue asks for what there is to know of one queue, and gives it as it came besides.
func (a *API) Queue(ctx context.Context, topic, queue string) (q Queue, whole json.RawMessage, err error) {
	if err := a.get(ctx, &whole, "v1", "topics", topic, "queues", queue); err != nil {
		return q, nil, err
	}
	err = json.Unmarshal(whole, &q)
	return q, whole, err
}

// Reset moves the place of a queue to earliest, latest, @time or a cursor, and gives how far the queue is then, and that as it came besides. Nobody may be in the queue.
func (a *API) Reset(ctx context.Context, topic, queue, to string) (partitions []Progress, whole json.RawMessage, err error) {
	if err := a.ask(ctx, http.MethodPost, map[string]string{"to": to}, &whole, "v1", "topics", topic, "queues", queue, "reset"); err != nil {
		return nil, nil, err
	}
	var places struct {
		Partitions []Progress `json:"partitions"`
	}
	err = json.Unmarshal(whole, &places)
	return places.Partitions, whole, err
}

// Delete has a queue forgotten. Nobody may be in it.
func (a *API) Delete(ctx context.Context, topic, queue string) error {
	return a.ask(ctx, http.MethodDelete, nil, nil, "v1", "topics", topic, "queues", queue)
}

// Redrive sends the dead letters of a queue back to it, limit at most (0: all), and gives how many they were. It blocks until they are sent, however many there are. What was sent when
// ctx ends, or the connection does, stays sent, and is not sent again.
func (a *API) Redrive(ctx context.Context, topic, queue string, limit int64) (sent int64, err error) {
	var body any // none stands for all
	if limit > 0 {
		body = map[string]int64{"limit": limit}
	}
	var answer struct {
		Redriven int64 `json:"redriven"`
	}
	err = a.askPatiently(ctx, http.MethodPost, body, &answer, "v1", "topics", topic, "queues", queue, "redrive")
	return answer.Redriven, err
}
