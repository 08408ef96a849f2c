package edge

import (
	"bytes"

	"culvert/domain"
)

// Pub is one message that a client wants to have injected: a `pub` frame, a line of NDJSON, or an element of a batch.
type Pub struct {
	// ID is what the client calls it; empty where it gave none.
	ID string
	// Topic is empty where the client left it out.
	Topic domain.Topic
	// Message owns its memory. Its time is not set.
	Message *domain.Message
}

// MaxID is the longest id that a client may give to a frame, in bytes.
const MaxID = 256

// MaxPubBytes is how long the JSON of a pub can be whose message is within limits, be every character of it written as an escape.
func MaxPubBytes(limits domain.Limits) int {
	const escape, rest = 6, 4096
	return escape*(limits.MessageBytes+limits.KeyBytes+limits.HeaderBytes) + rest + 32*limits.Headers
}

// DecodePub reads a pub from its object (PROTOCOL §4 and §5): exactly one of payload, text and base64; headers as ["name","value"] or
// ["name",null,"<base64>"]; key or key64, null standing for none. A field that is not known is refused. The payload is the bytes
// as the client sent them, without white space around them, never decoded and written again. Where reading fails with InvalidRequest, ID is set all
// the same if it could be read, so that the answer can carry it. A key that is fixed may be left out.
func DecodePub(o *Object, fixed Fixed) (Pub, error) {
	id, err := DecodeID(o)
	p := Pub{ID: id}
	if err != nil {
		return p, err
	}
	if err := o.Only("op", "id", "topic", "key", "key64", "headers", "payload", "text", "base64"); err != nil {
		return p, err
	}
	if op, ok := o.Get("op"); ok && string(op) != `"pub"` {
		return p, domain.Errorf(domain.InvalidRequest, `op must be "pub" here`)
	}
	if p.Topic, err = DecodeTopic(o); err != nil {
		return p, err
	}
	m := &domain.Message{}
	if m.Key, err = decodeKey(o); err != nil {
		return p, err
	}
	if m.Key, err = fixed.KeyOf(m.Key); err != nil {
		return p, err
	}
	if m.Headers, err = decodeHeaders(o); err != nil {
		return p, err
	}
	if m.Payload, err = decodePayload(o, m.Key != nil); err != nil {
		return p, err
	}
	p.Message = m
	return p, nil
}

// DecodeID is the id of a client's frame, empty where it has none.
func DecodeID(o *Object) (string, error) {
	v, ok := o.Get("id")
	if !ok {
		return "", nil
	}
	id, err := v.String()
	switch {
	case err != nil:
		return "", fieldError("id", err)
	case id == "" || len(id) > MaxID:
		return "", domain.Errorf(domain.InvalidRequest, "id must have 1 to %d bytes; leave it out where no answer is wanted", MaxID)
	}
	return id, nil
}

// DecodeTopic is the topic that a client's frame names, empty where it leaves it out.
func DecodeTopic(o *Object) (domain.Topic, error) {
	v, ok := o.Get("topic")
	if !ok {
		return "", nil
	}
	name, err := v.String()
	if err != nil {
		return "", fieldError("topic", err)
	}
	return domain.ParseTopic(name)
}

func decodeKey(o *Object) ([]byte, error) {
	text, isText := o.Get("key")
	raw, isRaw := o.Get("key64")
	isText = isText && !text.Null()
	var key []byte
	var err error
	switch {
	case isText && isRaw:
		return nil, domain.Errorf(domain.InvalidRequest, "a message has key or key64, not both")
	case isText:
		if key, err = text.Bytes(); err != nil {
			return nil, fieldError("key", err)
		}
	case isRaw:
		if key, err = raw.Base64(); err != nil {
			return nil, fieldError("key64", err)
		}
	}
	return key, nil
}

func decodeHeaders(o *Object) ([]domain.Header, error) {
	v, ok := o.Get("headers")
	if !ok {
		return nil, nil
	}
	pairs, ok := v.Items()
	if !ok {
		return nil, domain.Errorf(domain.InvalidRequest, `headers must be a list like [["name","value"]]`)
	}
	if len(pairs) == 0 {
		return nil, nil
	}
	headers := make([]domain.Header, len(pairs))
	for i, pair := range pairs {
		h, err := decodeHeader(pair)
		if err != nil {
			return nil, err
		}
		headers[i] = h
	}
	return headers, nil
}

func decodeHeader(pair Value) (h domain.Header, err error) {
	parts, _ := pair.Items()
	text := len(parts) == 2
	coded := len(parts) == 3 && parts[1].Null()
	if !text && !coded {
		return h, domain.Errorf(domain.InvalidRequest, `each of headers must be ["name","value"] or ["name",null,"<base64>"]`)
	}
	if h.Name, err = parts[0].String(); err != nil {
		return h, fieldError("the name of a header", err)
	}
	if h.Name == "" {
		return h, domain.Errorf(domain.InvalidRequest, "the name of a header is empty")
	}
	if text {
		h.Value, err = parts[1].Bytes()
	} else {
		h.Value, err = parts[2].Base64()
	}
	if err != nil {
		return h, fieldError("the value of a header", err)
	}
	return h, nil
}

func decodePayload(o *Object, keyed bool) ([]byte, error) {
	embedded, isEmbedded := o.Get("payload")
	text, isText := o.Get("text")
	raw, isRaw := o.Get("base64")
	n := 0
	for _, is := range []bool{isEmbedded, isText, isRaw} {
		if is {
			n++
		}
	}
	switch {
	case n != 1:
		return nil, domain.Errorf(domain.InvalidRequest, "a message has exactly one of payload, text and base64; this one has %d of them", n)
	case isText:
		b, err := text.Bytes()
		if err != nil {
			return nil, fieldError("text", err)
		}
		return b, nil
	case isRaw:
		b, err := raw.Base64()
		if err != nil {
			return nil, fieldError("base64", err)
		}
		return b, nil
	case !embedded.Null():
		return bytes.Clone(embedded), nil
	case !keyed:
		return nil, domain.Errorf(domain.InvalidRequest, `"payload":null is a tombstone, and a tombstone needs a key; the JSON text null goes as "text":"null"`)
	}
	return nil, nil
}
