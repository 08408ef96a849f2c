package rest

import (
	"context"
	"net/http"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// batch takes the body as a JSON list of messages, and answers with the list of their outcomes.
func (e *Edge) batch(w http.ResponseWriter, r *http.Request, at place) error {
	text, err := newBody(r.Context(), w, r, e.cfg.BodyTimeout).whole(r.ContentLength, e.cfg.BatchBytes, "rest.batch_bytes")
	if err != nil {
		return err
	}
	messages, err := messagesOf(text)
	if err != nil {
		return err
	}
	if len(messages) > e.limits.BatchMessages {
		return domain.Errorf(domain.TooLarge, "the batch has %d messages; at most %d are taken (limits.batch_messages)", len(messages), e.limits.BatchMessages)
	}
	// From here on it is the broker's answers that end the request: see single.
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	var kept outcomes
	injection := e.injector.Open(ctx, kept.take)
	taken := 0
	var refusal error
	var o edge.Object
	for _, m := range messages {
		if _, refusal = put(ctx, injection, at, &o, m); refusal != nil {
			break
		}
		taken++
	}
	if err := injection.Flush(ctx); err != nil {
		return err
	}
	results := kept.in(taken)
	for _, m := range messages[taken:] {
		// The ids of what came too late are told as well.
		results = append(results, ports.Outcome{ID: idOf(m), Err: refusal})
	}
	respond(w, appendResults(nil, results))
	return nil
}

func messagesOf(text []byte) ([]edge.Value, error) {
	var o edge.Object
	if err := o.Parse(text); err != nil {
		return nil, err
	}
	if err := o.Only("messages"); err != nil {
		return nil, err
	}
	list, _ := o.Get("messages")
	messages, ok := list.Items()
	if !ok {
		return nil, domain.Errorf(domain.InvalidRequest, `a batch is {"messages":[…]}`)
	}
	return messages, nil
}

// put hands one pub to the injection, and gives its id. o is memory to read it with. What cannot be read is answered in its place; an error says that it
// was not taken.
func put(ctx context.Context, injection ports.Injection, at place, o *edge.Object, text []byte) (id string, err error) {
	pub, err := pubOf(at, o, text)
	if err != nil {
		_, err = injection.Reject(ctx, pub.ID, err)
		return pub.ID, err
	}
	_, err = injection.Put(ctx, at.topic, pub.Message, pub.ID)
	return pub.ID, err
}

func pubOf(at place, o *edge.Object, text []byte) (edge.Pub, error) {
	if err := o.Parse(text); err != nil {
		return edge.Pub{}, err
	}
	pub, err := edge.DecodePub(o, at.fixed)
	if err == nil && pub.Topic != "" && pub.Topic != at.topic {
		err = domain.Errorf(domain.InvalidRequest, "the topic is %s here, not %s; it may be left out", at.topic, pub.Topic)
	}
	return pub, err
}

func idOf(text []byte) string {
	var o edge.Object
	if o.Parse(text) != nil {
		return ""
	}
	id, _ := edge.DecodeID(&o)
	return id
}

func appendResults(dst []byte, results []ports.Outcome) []byte {
	dst = append(dst, `{"results":[`...)
	for i, one := range results {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = edge.AppendOutcome(dst, one)
	}
	return append(dst, "]}"...)
}
