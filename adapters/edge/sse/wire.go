package sse

import (
	"strconv"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
)

// wire is how a stream is written: SSE or NDJSON.
type wire interface {
	// contentType is the media type of the whole.
	contentType() string
	protocol() edge.Protocol
	// look is that of events, the same for all streams that look the same; nil where the stream has a look of its own, which append gives.
	look() *look
	append(dst []byte, e domain.Event) []byte
	// control appends a frame that is about the stream: ready or bye. body appends the rest of an object after its opening brace, with
	// the cursor it is given where that is not empty. retry, where it is not 0, is what the client shall wait after a break.
	control(dst []byte, op string, retry time.Duration, cursor string, body func(dst []byte, cursor string) []byte) []byte
	// silence appends what breaks it. moved is the cursor where it has changed without an event, and now gives what it is anyway; in a queue there is neither.
	silence(dst []byte, moved string, now func() string) []byte
}

// look is what events look like that are encoded once for all who see them so.
type look struct {
	plain   *domain.Format
	chunked *domain.Format // each event a chunk
}

func newLook(name string, appendEvent func(dst []byte, e domain.Event) []byte) *look {
	return &look{
		plain:   &domain.Format{Name: name, Append: appendEvent},
		chunked: &domain.Format{Name: name + " in chunks", Append: func(dst []byte, e domain.Event) []byte { return edge.Chunk(appendEvent(dst, e), len(dst)) }},
	}
}

// eventStream writes SSE.
type eventStream struct {
	style
	shared *look
}

func (eventStream) contentType() string     { return typeSSE }
func (eventStream) protocol() edge.Protocol { return edge.ProtocolSSE }
func (s eventStream) look() *look           { return s.shared }

func (eventStream) control(dst []byte, op string, retry time.Duration, cursor string, body func([]byte, string) []byte) []byte {
	if retry > 0 {
		dst = appendField(dst, "retry", strconv.FormatInt(retry.Milliseconds(), 10))
	}
	dst = appendField(dst, "event", op)
	if cursor != "" {
		dst = appendField(dst, "id", cursor)
	}
	dst = append(dst, "data: {"...)
	dst = body(dst, "")
	return append(dst, "\n\n"...)
}

func (s eventStream) silence(dst []byte, moved string, _ func() string) []byte {
	if moved == "" {
		return append(dst, ":\n\n"...)
	}
	return s.append(dst, domain.Event{Cursor: moved})
}

// lines writes NDJSON: the frames of a WebSocket, one a line.
type lines struct {
	shared *look
}

func (lines) contentType() string     { return typeNDJSON }
func (lines) protocol() edge.Protocol { return edge.ProtocolNDJSON }
func (l lines) look() *look           { return l.shared }

func (lines) append(dst []byte, e domain.Event) []byte { return appendLine(dst, e) }

func appendLine(dst []byte, e domain.Event) []byte {
	dst = append(dst, `{"op":"`...)
	dst = append(dst, edge.Op(e)...)
	dst = append(dst, `",`...)
	dst = edge.AppendEventBody(dst, e)
	return append(dst, '\n')
}

func (lines) control(dst []byte, op string, _ time.Duration, cursor string, body func([]byte, string) []byte) []byte {
	dst = append(dst, `{"op":"`...)
	dst = append(dst, op...)
	dst = append(dst, `",`...)
	dst = body(dst, cursor)
	return append(dst, '\n')
}

func (lines) silence(dst []byte, moved string, now func() string) []byte {
	if moved == "" && now != nil {
		moved = now()
	}
	if moved == "" {
		return append(dst, "{\"op\":\"mark\"}\n"...)
	}
	return appendLine(dst, domain.Event{Cursor: moved})
}
