package rest

import (
	"bytes"
	"math"
	"net/http"

	"culvert/adapters/edge"
	"culvert/domain"
)

type redriven struct {
	Redriven int64 `json:"redriven"`
}

// redrive serves POST /v1/topics/{topic}/queues/{queue}/redrive. It takes as long as there are dead letters, and ends with the request.
func (e *Edge) redrive(w http.ResponseWriter, r *http.Request) error {
	topic, queue, err := e.queueOf(r)
	if err != nil {
		return err
	}
	text, err := e.asked(w, r)
	if err != nil {
		return err
	}
	limit, err := limitOf(text)
	if err != nil {
		return err
	}
	// It may last as long as a stream does, and is a member of a queue as well.
	release, err := edge.Admit(r.Context())
	if err != nil {
		return err
	}
	defer release()
	sent, err := e.admin.Redrive(r.Context(), topic, queue, limit)
	switch {
	case err != nil && sent > 0:
		return afterSome(sent, err)
	case err != nil:
		return err
	}
	return document(w, redriven{sent})
}

// limitOf reads how many dead letters shall be sent back; 0 is all.
func limitOf(text []byte) (int64, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return 0, nil
	}
	var o edge.Object
	if err := o.Parse(text); err != nil {
		return 0, err
	}
	if err := o.Only("limit"); err != nil {
		return 0, err
	}
	return o.Int("limit", 1, math.MaxInt64, 0)
}

// afterSome is err, told together with what was done before it.
func afterSome(sent int64, err error) error {
	before := "%d dead letters were sent back before this: %s"
	if sent == 1 {
		before = "%d dead letter was sent back before this: %s"
	}
	e := domain.AsError(err)
	return domain.Errorf(e.Code, before, sent, edge.DetailOf(e)).Because(e.Cause)
}
