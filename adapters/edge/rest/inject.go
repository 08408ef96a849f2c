package rest

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

const (
	typeBatch = "application/vnd.culvert.batch+json"
	typeLines = "application/x-ndjson"
)

// place is where the URL of an injection leads.
type place struct {
	topic domain.Topic
	fixed edge.Fixed
}

// inject serves POST /v1/topics/{topic}/messages. What the body is depends on its content type.
func (e *Edge) inject(w http.ResponseWriter, r *http.Request) error {
	topic, err := domain.ParseTopic(r.PathValue("topic"))
	if err != nil {
		return err
	}
	at := place{topic, edge.FixedIn(r.Context())}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return domain.Errorf(domain.UnsupportedMediaType, "a body with a Content-Encoding is not taken; send it as it is")
	}
	p := edge.QueryParams(r.URL.RawQuery, e.limits)
	contentType := mediaType(r.Header)
	if contentType == typeLines {
		mode := resultsMode(p.Choice("results", string(resultsAll), string(resultsErrors), string(resultsSummary)))
		if err := p.Err(); err != nil {
			return err
		}
		return e.stream(w, r, at, mode)
	}
	if err := p.Err(); err != nil {
		return err
	}
	if err := edge.AdmitBody(r.Context()); err != nil {
		return err
	}
	if contentType == typeBatch {
		return e.batch(w, r, at)
	}
	return e.single(w, r, at)
}

// mediaType is what the Content-Type names, without its parameters. One that cannot be read is none of ours, and its body is a payload like any other.
func mediaType(h http.Header) string {
	name, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(name))
}

// single takes the body as one payload.
func (e *Edge) single(w http.ResponseWriter, r *http.Request, at place) error {
	m, tombstone, err := described(r.Header)
	if err != nil {
		return err
	}
	if m.Key, err = at.fixed.KeyOf(m.Key); err != nil {
		return err
	}
	payload, err := newBody(r.Context(), w, r, e.cfg.BodyTimeout).whole(r.ContentLength, e.limits.MessageBytes, "limits.message_bytes")
	switch {
	case err != nil:
		return err
	case tombstone && (m.Key == nil || len(payload) > 0):
		return domain.Errorf(domain.InvalidRequest, "a tombstone has a Culvert-Key and an empty body")
	case !tombstone:
		m.Payload = payload
	}
	// The whole of it is here. A client that has closed its side for sending is still to be told what became of it, and only the broker knows.
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	var kept outcomes
	injection := e.injector.Open(ctx, kept.take)
	if _, err := injection.Put(ctx, at.topic, m, ""); err != nil {
		return err
	}
	if err := injection.Flush(ctx); err != nil {
		return err
	}
	outcome := kept.in(1)[0]
	if outcome.Err != nil {
		return outcome.Err
	}
	respond(w, edge.AppendAckBody([]byte{'{'}, outcome.Ack))
	return nil
}

// described is the message that a request's header describes, yet without a payload.
func described(h http.Header) (m *domain.Message, tombstone bool, err error) {
	m = &domain.Message{}
	switch keys := h.Values("Culvert-Key"); {
	case len(keys) > 1:
		return nil, false, domain.Errorf(domain.InvalidRequest, "Culvert-Key is there %d times; once is possible", len(keys))
	case len(keys) == 1 && !utf8.ValidString(keys[0]):
		return nil, false, domain.Errorf(domain.InvalidRequest, "Culvert-Key is not UTF-8; such keys go as key64 in %s", typeBatch)
	case len(keys) == 1:
		m.Key = []byte(keys[0])
	}
	for _, line := range h.Values("Culvert-Header") {
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if !ok || name == "" || !utf8.ValidString(line) {
			return nil, false, domain.Errorf(domain.InvalidRequest, "Culvert-Header is not `name: value` in UTF-8; other values go as base64 in %s", typeBatch)
		}
		m.Headers = append(m.Headers, domain.Header{Name: name, Value: []byte(strings.TrimSpace(value))})
	}
	switch h.Get("Culvert-Tombstone") {
	case "", "0":
	case "1":
		tombstone = true
	default:
		return nil, false, domain.Errorf(domain.InvalidRequest, "Culvert-Tombstone is none of 0 and 1")
	}
	return m, tombstone, nil
}

// outcomes keeps the outcomes of one request.
type outcomes struct {
	mu   sync.Mutex // guards list
	list []ports.Outcome
}

// take keeps what has become of messages. It is the answer of an injection.
func (o *outcomes) take(some []ports.Outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, some...)
}

// in are the outcomes of messages 1 to n, by their number. All of them have been taken.
func (o *outcomes) in(n int) []ports.Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	sorted := make([]ports.Outcome, n)
	for _, one := range o.list {
		sorted[one.N-1] = one
	}
	return sorted
}
