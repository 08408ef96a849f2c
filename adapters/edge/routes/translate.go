package routes

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"culvert/adapters/edge"
	"culvert/domain"
)

// translation is the URL that a request stands for.
type translation struct {
	path, rawPath string
	query         string
}

// segmentsOf are what stands between the slashes of a URL's path, unescaped: an escaped slash is part of a segment. It is false where the path is none.
func segmentsOf(u *url.URL) ([]string, bool) {
	path := u.EscapedPath()
	if !strings.HasPrefix(path, "/") {
		return nil, false
	}
	segments := strings.Split(path[1:], "/")
	for i, escaped := range segments {
		segment, err := url.PathUnescape(escaped)
		if err != nil {
			return nil, false
		}
		segments[i] = segment
	}
	return segments, true
}

// translate says what r stands for, where values are the variables of its path, and what is settled for it. What cannot be is an InvalidRequest error; in a handshake, whose
// status nobody would see, it is told by the close.
func (c *compiled) translate(r *http.Request, values map[string]string, limits domain.Limits) (translation, context.Context, error) {
	q := c.readQuery(r.URL.RawQuery, r.Method == http.MethodPost)
	topic, queue := q.topic, q.queue
	if c.topic != nil {
		topic = c.topic.fill(values)
	}
	if c.queue != nil {
		queue = c.queue.fill(values)
	}
	fixed, err := c.fix(values, limits)
	if err == nil {
		err = q.err
	}
	if err == nil && c.topic == nil && topic == "" {
		err = domain.Errorf(domain.InvalidRequest, "say which topic: the parameter %s is missing or empty", c.called(asTopic))
	}
	handshake := upgrades(r)
	if err != nil {
		if !handshake {
			return translation{}, nil, err
		}
		fixed = edge.Fixed{Refusal: err}
	}
	t := translation{query: q.rest}
	for _, segment := range segmentsFor(r.Method, handshake, topic, queue, c.queue != nil || q.queued) {
		t.path += "/" + segment
		t.rawPath += "/" + url.PathEscape(segment)
	}
	return t, c.contextOf(r.Context(), fixed), nil
}

// segmentsFor is the path of PROTOCOL §2 for what is asked of a topic, or of a queue where that is joined.
func segmentsFor(method string, handshake bool, topic, queue string, joined bool) []string {
	segments := []string{"v1", "topics", topic}
	if method == http.MethodPost {
		return append(segments, "messages")
	}
	if joined {
		segments = append(segments, "queues", queue)
	}
	if handshake {
		return append(segments, "ws")
	}
	return append(segments, "events")
}

// fix fills what the route fixes.
func (c *compiled) fix(values map[string]string, limits domain.Limits) (f edge.Fixed, err error) {
	for name, value := range values {
		if !utf8.ValidString(value) {
			return f, domain.Errorf(domain.InvalidRequest, "{%s} of the path is not UTF-8", name)
		}
	}
	if c.key != nil {
		f.Key = []byte(c.key.fill(values))
		if len(f.Key) > limits.KeyBytes {
			return f, domain.Errorf(domain.InvalidRequest, "the key has %d bytes; keys have at most %d (limits.key_bytes)", len(f.Key), limits.KeyBytes)
		}
	}
	for _, h := range c.headers {
		f.Headers = append(f.Headers, domain.Header{Name: h.name, Value: []byte(h.value.fill(values))})
	}
	return f, nil
}

// called is what clients of the route call one of our parameters.
func (c *compiled) called(as string) string {
	for name, is := range c.parameters {
		if is == as {
			return name
		}
	}
	return as
}

// query is what a request says in its query.
type query struct {
	topic, queue  string
	named, queued bool   // there was a topic, or a queue, in it
	rest          string // the parameters of the request that it stands for
	err           error
}

// readQuery takes the topic and the queue out, and calls the others what we call them. What cannot be read stays as it is: who answers the request refuses it. An injection has
// no use for a queue, and leaves it where it is.
func (c *compiled) readQuery(raw string, injects bool) (q query) {
	if len(c.parameters) == 0 {
		q.rest = raw
		return q
	}
	var rest []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		as, renamed := c.parameters[plain]
		text, wrong := url.QueryUnescape(value)
		switch {
		case err != nil || wrong != nil || !renamed || injects && as == asQueue:
			rest = append(rest, pair)
		case as == asTopic:
			q.once(plain, q.named)
			q.topic, q.named = text, true
		case as == asQueue:
			q.once(plain, q.queued)
			q.queue, q.queued = text, true
		default:
			rest = append(rest, as+"="+value)
		}
	}
	q.rest = strings.Join(rest, "&")
	return q
}

// once refuses a parameter that was there before.
func (q *query) once(name string, before bool) {
	if before && q.err == nil {
		q.err = domain.Errorf(domain.InvalidRequest, "the parameter %s is there more than once", name)
	}
}

// upgrades reports whether r wants to be a WebSocket. That it also says Connection: Upgrade is for the edge to demand: who forgot it, or whose proxy took it out, is to be told so.
func upgrades(r *http.Request) bool {
	for _, line := range r.Header.Values("Upgrade") {
		for protocol := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(protocol), "websocket") {
				return true
			}
		}
	}
	return false
}
