package edge

import (
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// Ack is how a member's messages are settled.
type Ack string

const (
	AckAuto   Ack = "auto"   // when they were written to the connection
	AckManual Ack = "manual" // when the client says so
)

// defaultInFlight is max_in_flight where a member does not say.
const defaultInFlight = 16

// MaxDelay is the longest delay that a nack may ask for.
const MaxDelay = 15 * time.Minute

// View takes what a view of topics may ask for (PROTOCOL §2): from, to, limit, key, header and overflow; where Mode said that it is to peek, it is one into that queue, whose place
// stands for from. resume is the cursor that the client came back with, empty where it brought none; it wins over both. also are policies that the edge can keep besides those of every
// edge. ended says that the client reached the end that it asks for before, so that there is nothing to open. Whether anything failed is told by Err.
func (p *Params) View(topics []domain.Pattern, resume string, limits domain.Limits, now time.Time, also ...ports.Overflow) (v View, ended bool) {
	v.Topics, v.Queue = topics, p.queue
	if v.Queue == "" {
		v.From, v.Resume = p.from(topics, now)
	}
	if resume != "" {
		v.Resume = p.cursor(resume, topics)
	}
	v.To = p.to(topics, now)
	if v.Resume != nil && v.Resume.End {
		ended = v.To != nil
		v.Resume.End = ended // a stream that reads on from an end mark is not at its end
	}
	p.checkVector(v.View, now)
	v.Limit = p.Int("limit", 1, math.MaxInt64, 0)
	v.Keys, v.Headers = p.keys(limits), p.headers()
	v.Overflow = p.overflow(also)
	return v, ended
}

// keys takes the keys to look for. Where one is fixed it is that, and there is none to ask for.
func (p *Params) keys(limits domain.Limits) (keys [][]byte) {
	if p.fixed.Key != nil {
		return [][]byte{p.fixed.Key}
	}
	for _, key := range p.All("key") {
		if len(key) > limits.KeyBytes {
			p.Fail(domain.Errorf(domain.InvalidRequest, "a key to look for has %d bytes; keys have at most %d (limits.key_bytes)", len(key), limits.KeyBytes))
		}
		keys = append(keys, []byte(key))
	}
	return keys
}

// headers takes the headers to look for, besides those that are fixed.
func (p *Params) headers() []domain.Header {
	headers := slices.Clone(p.fixed.Headers)
	for _, header := range p.All("header") {
		name, value, ok := strings.Cut(header, ":")
		if !ok || name == "" {
			p.Fail(domain.Errorf(domain.InvalidRequest, "header=%q is not name:value", cut(header, maxShown)))
		}
		headers = append(headers, domain.Header{Name: name, Value: []byte(value)})
	}
	return headers
}

// LastEventID takes the cursor that a client came back with, empty where it brought none: the header Last-Event-ID, which wins, or the parameter for clients that cannot
// set it.
func (p *Params) LastEventID(h http.Header) string {
	param, _ := p.One("lastEventId")
	if header := h.Get("Last-Event-ID"); header != "" {
		return header
	}
	return param
}

// to takes where to end: nil where the request does not say. A cursor must know one of topics.
func (p *Params) to(topics []domain.Pattern, now time.Time) *domain.Stop {
	s, ok := p.One("to")
	if !ok {
		return nil
	}
	to, err := domain.ParseTo(s, now)
	if err != nil {
		p.Fail(err)
	}
	if to.Cursor != nil {
		p.sharing(to.Cursor, topics)
	}
	return &to
}

// checkVector refuses topics whose names alone make a cursor that is longer than cursors are: no stream could be opened on them, and who is sent away before
// that is seen could not come back.
func (p *Params) checkVector(v ports.View, now time.Time) {
	if begun := (ports.View{Topics: v.Topics, From: v.From}); !begun.Place(now).Fits() {
		p.Fail(domain.Errorf(domain.InvalidRequest, "the places in %d topics do not fit into one cursor, which has at most %d bytes: view fewer on one stream, or fewer patterns", len(v.Topics), domain.MaxCursor))
	}
}

// overflow takes what happens to a viewer that is too slow. also are policies besides those of every edge.
func (p *Params) overflow(also []ports.Overflow) ports.Overflow {
	s, ok := p.One("overflow")
	if !ok {
		return ports.OverflowDefault
	}
	possible := append([]ports.Overflow{ports.OverflowResume, ports.OverflowDrop, ports.OverflowDisconnect}, also...)
	asked := ports.Overflow(s)
	switch {
	case slices.Contains(possible, asked):
		return asked
	case asked == ports.OverflowLatest:
		p.Fail(domain.Errorf(domain.InvalidRequest, "overflow=%s is possible on a WebSocket; here it is one of %s", asked, listed(possible)))
	default:
		p.Fail(domain.Errorf(domain.InvalidRequest, "overflow=%q is none of %s", cut(s, maxShown), listed(possible)))
	}
	return ports.OverflowDefault
}

func listed(policies []ports.Overflow) string {
	words := make([]string, len(policies))
	for i, policy := range policies {
		words[i] = string(policy)
	}
	return strings.Join(words, ", ")
}

// What a queue's stream is for.
const (
	ModeJoin = "join" // to take part in it
	ModePeek = "peek" // to be shown what it has before it
)

// Mode takes what a stream of queue is for: to join, or to peek, after which View takes what the view into it may ask for, or one of also.
func (p *Params) Mode(queue domain.Queue, also ...string) string {
	mode := p.Choice("mode", append([]string{ModeJoin, ModePeek}, also...)...)
	if mode == ModePeek {
		p.queue = queue
	}
	return mode
}

// Join takes what a member of queue may ask for (PROTOCOL §2): from, ack and max_in_flight. Whether anything failed is told by Err.
func (p *Params) Join(topic domain.Topic, queue domain.Queue, limits domain.Limits, now time.Time) (ports.Join, Ack) {
	j := ports.Join{Topic: topic, Queue: queue}
	if _, given := p.values["from"]; given {
		start, cursor := p.from([]domain.Pattern{domain.Pattern(j.Topic)}, now)
		if cursor != nil {
			start = domain.StartVector(cursor.Vector(j.Topic))
		}
		j.From = &start
	} else {
		p.known = append(p.known, "from")
	}
	ack := Ack(p.Choice("ack", string(AckAuto), string(AckManual)))
	j.MaxInFlight = int(p.Int("max_in_flight", 1, int64(limits.InFlight), int64(min(defaultInFlight, limits.InFlight))))
	return j, ack
}

// from takes where to begin: a start, or else a cursor that knows one of topics.
func (p *Params) from(topics []domain.Pattern, now time.Time) (domain.Start, *domain.Cursor) {
	s, ok := p.One("from")
	if !ok {
		return domain.StartLatest(), nil
	}
	start, cursor, err := domain.ParseFrom(s, now)
	if err != nil {
		p.Fail(err)
		return start, nil
	}
	if cursor != nil {
		cursor = p.sharing(cursor, topics)
	}
	return start, cursor
}

// cursor reads a cursor that must know one of topics.
func (p *Params) cursor(s string, topics []domain.Pattern) *domain.Cursor {
	c, err := domain.ParseCursor(s)
	if err != nil {
		p.Fail(err)
		return nil
	}
	return p.sharing(&c, topics)
}

func (p *Params) sharing(c *domain.Cursor, topics []domain.Pattern) *domain.Cursor {
	switch {
	case c.Shares(topics):
		return c
	case len(topics) == 1:
		p.Fail(domain.Errorf(domain.InvalidCursor, "the cursor is of another topic than %q", topics[0]))
	default:
		p.Fail(domain.Errorf(domain.InvalidCursor, "the cursor is of none of the %d topics asked for", len(topics)))
	}
	return nil
}
