package client

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// Message is one that shall be published.
type Message struct {
	// Where tells people where it came from, like "orders.txt:3".
	Where string
	// Err is why it cannot be published at all. It then counts as failed.
	Err error

	Topic   string
	Key     []byte // nil: none
	Headers []Header
	Payload []byte // nil: a tombstone

	fields []byte // those of a pub as somebody wrote them, in place of all of the above
}

// ParsePub reads the object of a `pub` (PROTOCOL §4 and §5). Its fields go to the bridge as they stand, which judges them, but for op and id. Where it names no topic, it is
// for topic.
func ParsePub(object []byte, topic string) (m Message, err error) {
	if !utf8.Valid(object) {
		return m, errors.New("it is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(object))
	if t, err := decoder.Token(); err != nil || t != json.Delim('{') {
		return m, errors.New(`it is no JSON object like {"key":"GOOG","payload":{"price":187.2}}`)
	}
	named := false
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return m, noJSON(err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return m, noJSON(err)
		}
		switch name {
		case "op", "id":
			continue
		case "topic":
			named = true
		}
		m.fields = appendField(m.fields, name.(string), value)
	}
	if _, err := decoder.Token(); err != nil {
		return m, noJSON(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return m, errors.New("it goes on after the JSON object")
	}
	if !named {
		m.fields = appendField(m.fields, "topic", quoted(topic))
	}
	return m, nil
}

// noJSON says what is wrong with the object.
func noJSON(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it is no JSON: the object has no end")
	}
	return fmt.Errorf("it is no JSON: %w", err)
}

// frame is the message as a pub with this id.
func (m *Message) frame(id uint64) []byte {
	frame := strconv.AppendUint([]byte(`{"op":"pub","id":"`), id, 10)
	frame = append(frame, '"')
	fields := m.fields
	if fields == nil {
		fields = m.encode()
	}
	frame = append(frame, fields...)
	return append(frame, '}')
}

// encode gives the fields, each with a comma before it.
func (m *Message) encode() []byte {
	fields := appendField(nil, "topic", quoted(m.Topic))
	switch {
	case m.Key == nil:
	case utf8.Valid(m.Key):
		fields = appendField(fields, "key", quoted(m.Key))
	default:
		fields = appendField(fields, "key64", coded(m.Key))
	}
	if len(m.Headers) > 0 {
		var headers []byte
		for _, h := range m.Headers {
			headers = append(headers, ',', '[')
			headers = append(headers, quoted(h.Name)...)
			if utf8.Valid(h.Value) {
				headers = append(append(headers, ','), quoted(h.Value)...)
			} else {
				headers = append(append(headers, ",null,"...), coded(h.Value)...)
			}
			headers = append(headers, ']')
		}
		headers[0] = '['
		fields = appendField(fields, "headers", append(headers, ']'))
	}
	switch {
	case m.Payload == nil:
		return appendField(fields, "payload", []byte("null"))
	case utf8.Valid(m.Payload):
		return appendField(fields, "text", quoted(m.Payload))
	}
	return appendField(fields, "base64", coded(m.Payload))
}

func appendField(dst []byte, name string, value []byte) []byte {
	dst = append(dst, ',')
	dst = append(dst, quoted(name)...)
	dst = append(dst, ':')
	return append(dst, value...)
}

// quoted is text, which is UTF-8, as a JSON string.
func quoted[T string | []byte](text T) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(string(text)) // a string can be encoded, and a buffer written to
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func coded(raw []byte) []byte {
	text := append([]byte{'"'}, base64.StdEncoding.EncodeToString(raw)...)
	return append(text, '"')
}
