package described

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/routers"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// enough is how much of a stream, or of what a socket says, is looked at. Thousands of clients that are given thousands of messages are given the same ones.
const enough = 64 << 10

// stream lets the body of an answer be judged while it is read.
func (d *descriptions) stream(r *http.Request, answer *http.Response, route *routers.Route, contentType string) error {
	s := &streamed{ReadCloser: answer.Body, left: enough}
	if contentType == typeSSE {
		s.ends = []byte("\n\n")
		s.judge = d.events(r, route)
	} else {
		schema, err := d.content(route, answer.StatusCode, contentType, "x-item-schema")
		if err != nil {
			return err
		}
		s.ends = []byte("\n")
		s.judge = func(line []byte) error {
			if d.judged.often(route.Path + " line " + op(line)) {
				return nil
			}
			return check(schema, line)
		}
	}
	answer.Body = s
	return nil
}

// streamed is a body that is judged piece by piece, before it is given to who reads it.
type streamed struct {
	io.ReadCloser
	ends  []byte // what ends a piece
	judge func(piece []byte) error
	piece []byte // what is there of the next one
	left  int
	err   error
}

// Read implements io.Reader.
func (s *streamed) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.ReadCloser.Read(p)
	if s.left <= 0 {
		return n, err
	}
	s.left -= n
	s.piece = append(s.piece, p[:n]...)
	for {
		piece, rest, whole := bytes.Cut(s.piece, s.ends)
		if !whole {
			return n, err
		}
		if s.err = s.judge(piece); s.err != nil {
			s.err = fmt.Errorf("%q came: %w: %w", piece, ErrUndescribed, s.err)
			return 0, s.err
		}
		s.piece = rest
	}
}

// event is a block of SSE.
type event struct {
	fields object
	data   string
	empty  bool // there is no data: a comment
}

func parseEvent(block []byte) (event, error) {
	e := event{fields: object{}, empty: true}
	var data []string
	for line := range strings.SplitSeq(string(block), "\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "":
		case "data":
			e.empty = false
			data = append(data, value)
		case "event", "id", "retry":
			if _, twice := e.fields[name]; twice {
				return e, fmt.Errorf("%s is there twice", name)
			}
			e.fields[name] = value
		default:
			return e, fmt.Errorf("there is no field %q", name)
		}
	}
	e.data = strings.Join(data, "\n")
	return e, nil
}

// events judges the blocks of a stream, as those of its channel, or, on a route of the configuration, of any.
func (d *descriptions) events(r *http.Request, route *routers.Route) func(block []byte) error {
	var possible []*message
	if route != nil {
		possible = d.channels[route.Path].sent
	} else {
		possible = slices.Concat(d.channels["/v1/topics/{topic}/events"].sent, d.channels["/v1/topics/{topic}/queues/{queue}/events"].sent)
	}
	enveloped := "0"
	if route != nil {
		if p := parameter(route, "query", "envelope"); p != nil {
			enveloped, _ = p.Schema.Value.Default.(string)
		}
	}
	if asked := r.URL.Query().Get("envelope"); asked != "" {
		enveloped = asked
	}
	// Of messages there are either bare ones or envelopes.
	possible = slices.DeleteFunc(slices.Clone(possible), func(m *message) bool {
		return enveloped == "1" && slices.Contains([]string{"message", "delete", "binary", "binaryDelete"}, m.name) || enveloped != "1" && m.name == "envelope"
	})
	kind := " event of no description "
	if route != nil {
		kind = " event of " + route.Path + " "
	}
	return func(block []byte) error {
		e, err := parseEvent(block)
		if err != nil || e.empty && len(e.fields) == 0 {
			return err
		}
		name, _ := e.fields["event"].(string)
		if d.judged.often(r.URL.Query().Get("envelope") + kind + name) {
			return nil
		}
		var why []error
		for _, m := range possible {
			err := m.event(e)
			if err == nil {
				return nil
			}
			why = append(why, fmt.Errorf("no %s: %w", m.name, err))
		}
		return errUndescribed("the event", block, why)
	}
}

// event judges an event as one of m's kind.
func (m *message) event(e event) error {
	if err := m.fields.Validate(e.fields); err != nil {
		return err
	}
	if m.contentType == "application/json" {
		return check(m.payload, []byte(e.data))
	}
	return m.payload.Validate(e.data)
}

// op is what a frame says that it is.
func op(frame []byte) string {
	var f struct {
		Op string
	}
	if json.Unmarshal(frame, &f) != nil {
		return ""
	}
	return f.Op
}

// check judges JSON by a schema.
func check(schema *jsonschema.Schema, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	return schema.Validate(value)
}
