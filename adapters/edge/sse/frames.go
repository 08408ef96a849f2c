package sse

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"culvert/adapters/edge"
	"culvert/domain"
)

// style is what a request may change about how events look in SSE.
type style struct {
	// envelope makes every message a default event that holds the JSON envelope.
	envelope bool
	// naming is the header whose value becomes the event's name; empty: none does.
	naming string
}

// append appends e as one block of SSE (WHATWG HTML §9.2.5). The id is the cursor after the event, or the receipt.
func (s style) append(dst []byte, e domain.Event) []byte {
	switch {
	case e.Message != nil && s.envelope:
		dst = s.appendName(dst, e.Message)
		dst = appendID(dst, e)
		dst = append(dst, "data: {"...)
		dst = edge.AppendEnvelopeBody(dst, e)
		return append(dst, "\n\n"...)
	case e.Message != nil:
		return s.appendBare(dst, e)
	}
	dst = appendField(dst, "event", edge.Op(e))
	dst = appendID(dst, e)
	e.Cursor = "" // the id has it
	dst = append(dst, "data: {"...)
	dst = edge.AppendEventBody(dst, e)
	return append(dst, "\n\n"...)
}

// appendBare appends a message as its payload alone.
func (s style) appendBare(dst []byte, e domain.Event) []byte {
	m := e.Message
	data, coded := m.Payload, false
	switch {
	case m.Tombstone():
		data, coded = m.Key, !utf8.Valid(m.Key) || bytes.ContainsAny(m.Key, "\r\n")
		dst = appendField(dst, "event", either(coded, "binary-delete", "delete"))
	case !utf8.Valid(m.Payload):
		coded = true
		dst = appendField(dst, "event", "binary")
	default:
		dst = s.appendName(dst, m)
	}
	dst = appendID(dst, e)
	if coded {
		dst = append(dst, "data: "...)
		dst = base64.StdEncoding.AppendEncode(dst, data)
		return append(dst, "\n\n"...)
	}
	dst = appendData(dst, data)
	return append(dst, '\n')
}

func either(which bool, yes, no string) string {
	if which {
		return yes
	}
	return no
}

// appendName appends the event name that the first header called s.naming gives. A name that is ours or the browser's, or
// could not be read back, is none.
func (s style) appendName(dst []byte, m *domain.Message) []byte {
	if s.naming == "" {
		return dst
	}
	for _, h := range m.Headers {
		if h.Name != s.naming {
			continue
		}
		if name := string(h.Value); name != "" && utf8.ValidString(name) && !reserved(name) {
			return appendField(dst, "event", name)
		}
		return dst
	}
	return dst
}

func reserved(name string) bool {
	switch name {
	case "ready", "gap", "mark", "assign", "bye", "challenge", "delete", "binary", "binary-delete", "open", "error":
		return true
	}
	return false
}

func appendID(dst []byte, e domain.Event) []byte {
	id := e.Cursor
	if e.Receipt != "" {
		id = e.Receipt
	}
	if id == "" {
		return dst
	}
	return appendField(dst, "id", id)
}

// appendField appends one line. A value that would be more than one line, or that clients drop for its NUL, is left out.
func appendField(dst []byte, name, value string) []byte {
	if strings.ContainsAny(value, "\r\n\x00") {
		return dst
	}
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, '\n')
}

// appendData appends a data line for each line of data. CR, LF and CRLF end lines, as they do for the client.
func appendData(dst, data []byte) []byte {
	for {
		i := bytes.IndexAny(data, "\r\n")
		dst = append(dst, "data: "...)
		if i < 0 {
			dst = append(dst, data...)
			return append(dst, '\n')
		}
		dst = append(dst, data[:i]...)
		dst = append(dst, '\n')
		if data[i] == '\r' && i+1 < len(data) && data[i+1] == '\n' {
			i++
		}
		data = data[i+1:]
	}
}
