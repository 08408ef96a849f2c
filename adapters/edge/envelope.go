package edge

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"culvert/domain"
)

// Op is the name of the frame that tells e: msg, gap, assign or mark.
func Op(e domain.Event) string {
	switch {
	case e.Message != nil:
		return "msg"
	case e.Gap != nil:
		return "gap"
	case e.Assigned != nil:
		return "assign"
	}
	return "mark"
}

// NewBodyFormat is the format of event bodies, AppendEventBody, for edges that put a head of their own before each. An edge makes
// one and keeps it: what is encoded in it is shared by all who hold the same.
func NewBodyFormat() *domain.Format {
	return &domain.Format{Name: "json", Append: AppendEventBody}
}

// AppendEventBody appends what e tells, as the rest of an object without its opening brace. It is never the closing brace alone,
// except for a mark without a cursor.
func AppendEventBody(dst []byte, e domain.Event) []byte {
	switch {
	case e.Message != nil:
		return AppendEnvelopeBody(dst, e)
	case e.Gap != nil:
		dst = AppendGapMembers(dst, e.Topic, e.Gap)
		return appendCursorEnd(dst, e.Cursor)
	case e.Assigned != nil:
		dst = append(dst, `"assigned":`...)
		dst = strconv.AppendInt(dst, int64(*e.Assigned), 10)
		return append(dst, '}')
	}
	return AppendMarkBody(dst, e.Cursor)
}

// AppendEnvelopeBody appends e's message as the envelope of PROTOCOL §3: topic, partition and offset, null where they are not known, key or key64, headers, time where there is one,
// one of payload, text and base64, and last the cursor, or in a queue the receipt and from the second try on the attempt. A message
// without a key has "key":null.
func AppendEnvelopeBody(dst []byte, e domain.Event) []byte {
	m := e.Message
	dst = append(dst, `"topic":"`...)
	dst = append(dst, e.Topic...)
	dst = append(dst, `",`...)
	dst = appendPosition(dst, m.Position)
	dst = append(dst, ',')
	dst = appendKey(dst, m.Key)
	dst = appendHeaders(dst, m.Headers)
	if !m.Time.IsZero() {
		dst = append(dst, `,"time":`...)
		dst = AppendTime(dst, m.Time)
	}
	dst = append(dst, ',')
	dst = appendPayload(dst, m.Payload)
	if e.Receipt != "" {
		dst = append(dst, `,"receipt":`...)
		dst = AppendString(dst, e.Receipt)
	}
	if e.Attempt > 1 {
		dst = append(dst, `,"attempt":`...)
		dst = strconv.AppendInt(dst, int64(e.Attempt), 10)
	}
	return appendCursorEnd(dst, e.Cursor)
}

func appendKey(dst, key []byte) []byte {
	switch {
	case key == nil:
		return append(dst, `"key":null`...)
	case utf8.Valid(key):
		dst = append(dst, `"key":`...)
		return AppendString(dst, key)
	}
	dst = append(dst, `"key64":`...)
	return AppendBase64(dst, key)
}

func appendHeaders(dst []byte, headers []domain.Header) []byte {
	dst = append(dst, `,"headers":[`...)
	for i, h := range headers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		dst = AppendString(dst, h.Name)
		if utf8.Valid(h.Value) {
			dst = append(dst, ',')
			dst = AppendString(dst, h.Value)
		} else {
			dst = append(dst, `,null,`...)
			dst = AppendBase64(dst, h.Value)
		}
		dst = append(dst, ']')
	}
	return append(dst, ']')
}

func appendPayload(dst, payload []byte) []byte {
	switch {
	case payload == nil:
		return append(dst, `"payload":null`...)
	case !utf8.Valid(payload):
		dst = append(dst, `"base64":`...)
		return AppendBase64(dst, payload)
	case !isJSON(payload) || string(bytes.TrimSpace(payload)) == "null":
		dst = append(dst, `"text":`...)
		return AppendString(dst, payload)
	}
	dst = append(dst, `"payload":`...)
	start := len(dst)
	dst = append(dst, payload...)
	for i := start; i < len(dst); i++ {
		// JSON has line ends only between its tokens, where a space means the same.
		if dst[i] == '\n' || dst[i] == '\r' {
			dst[i] = ' '
		}
	}
	return dst
}

// AppendGapMembers appends the members of a gap, without any brace.
func AppendGapMembers(dst []byte, topic domain.Topic, g *domain.Gap) []byte {
	dst = append(dst, `"reason":`...)
	dst = AppendString(dst, string(g.Reason))
	dst = append(dst, `,"topic":"`...)
	dst = append(dst, topic...)
	dst = append(dst, `",`...)
	dst = appendPartition(dst, g.Partition)
	dst = append(dst, `,"lost":`...)
	if g.Lost == domain.LostUnknown {
		return append(dst, "null"...)
	}
	return strconv.AppendInt(dst, g.Lost, 10)
}

// AppendMarkBody appends a mark: its cursor, or nothing where it is empty.
func AppendMarkBody(dst []byte, cursor string) []byte {
	if cursor == "" {
		return append(dst, '}')
	}
	dst = appendMember(dst, "cursor")
	dst = AppendString(dst, cursor)
	return append(dst, '}')
}

// appendCursorEnd closes a body that has members already, with the cursor where there is one.
func appendCursorEnd(dst []byte, cursor string) []byte {
	if cursor == "" {
		return append(dst, '}')
	}
	dst = append(dst, ',')
	return AppendMarkBody(dst, cursor)
}
