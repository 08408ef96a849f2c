package rest

import (
	"context"
	"net/http"
	"strings"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
)

type placeList struct {
	Partitions []committed `json:"partitions"`
}

type committed struct {
	Partition int32  `json:"partition"`
	Committed *int64 `json:"committed"` // nil where the queue has not begun there
}

// reset serves POST /v1/topics/{topic}/queues/{queue}/reset.
func (e *Edge) reset(w http.ResponseWriter, r *http.Request) error {
	topic, queue, err := e.queueOf(r)
	if err != nil {
		return err
	}
	text, err := e.asked(w, r)
	if err != nil {
		return err
	}
	to, err := resetTo(text, topic, time.Now())
	if err != nil {
		return err
	}
	// It is begun and brought to its end, and who has closed its side for sending is told of it: see single.
	places, err := e.admin.Reset(context.WithoutCancel(r.Context()), topic, queue, to)
	if err != nil {
		return err
	}
	list := placeList{make([]committed, len(places))}
	for i, c := range places {
		list.Partitions[i] = committed{c.Partition, known(c.Place)}
	}
	return document(w, list)
}

// resetTo reads where a queue of topic shall go on.
func resetTo(text []byte, topic domain.Topic, now time.Time) (domain.Start, error) {
	var o edge.Object
	if err := o.Parse(text); err != nil {
		return domain.Start{}, err
	}
	if err := o.Only("to"); err != nil {
		return domain.Start{}, err
	}
	to, err := o.Text("to")
	if err != nil {
		return domain.Start{}, err
	}
	start, cursor, err := domain.ParseFrom(to, now)
	_, counts := start.Last()
	switch {
	case cursor == nil && (counts || err != nil && !strings.HasPrefix(to, "@")):
		return domain.Start{}, domain.Errorf(domain.InvalidRequest, "to=%q is none of earliest, latest, @2026-01-02T15:04:05Z, @1767366245000 (unix ms), @-15m, or a cursor", to)
	case err != nil || cursor == nil:
		return start, err
	}
	vector := cursor.Vector(topic)
	if vector == nil {
		return domain.Start{}, domain.Errorf(domain.InvalidCursor, "the cursor is of another topic than %q", topic)
	}
	return domain.StartVector(vector), nil
}
