package rest

import (
	"net/http"

	"culvert/adapters/edge"
	"culvert/domain"
)

type queueList struct {
	Queues   []queueEntry `json:"queues"`
	Complete bool         `json:"complete"`
}

type queueEntry struct {
	Queue   domain.Queue `json:"queue"`
	Members int          `json:"members"`
	Lag     *int64       `json:"lag"` // nil where it is not known
}

// listQueues serves GET /v1/topics/{topic}/queues.
func (e *Edge) listQueues(w http.ResponseWriter, r *http.Request) error {
	topic, err := domain.ParseTopic(r.PathValue("topic"))
	if err != nil {
		return err
	}
	if err := edge.QueryParams(r.URL.RawQuery, e.limits).Err(); err != nil {
		return err
	}
	queues, complete, err := e.admin.List(r.Context(), topic)
	if err != nil {
		return err
	}
	list := queueList{Queues: make([]queueEntry, len(queues)), Complete: complete}
	for i, q := range queues {
		list.Queues[i] = queueEntry{q.Queue, q.Members, known(q.Lag)}
	}
	return document(w, list)
}
