package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"culvert/domain"
)

// A parcel is the payload of a Watermill message that carries a whole batch, between a pair and itself. Its messages follow one another: a byte of marks; the time in
// milliseconds, the key, where they are marked; the number of headers, and each one's name and value; the payload where it is marked. Numbers are varints (package
// encoding/binary), and what has a length follows its own.
const (
	parcelKey     = 1 << iota // there is a key
	parcelPayload             // it is no tombstone
	parcelTime                // there is a time
	parcelMarks   = parcelKey | parcelPayload | parcelTime
)

var errParcel = errors.New("this is no parcel of messages")

// packed is the parcel of messages. Their bytes are copied.
func packed(messages []*domain.Message) []byte {
	room := 0
	for _, m := range messages {
		room += m.Size()
	}
	p := make([]byte, 0, room)
	for _, m := range messages {
		p = pack(p, m)
	}
	return p
}

// pack appends one message.
func pack(p []byte, m *domain.Message) []byte {
	marks := byte(0)
	if m.Key != nil {
		marks |= parcelKey
	}
	if m.Payload != nil {
		marks |= parcelPayload
	}
	if !m.Time.IsZero() {
		marks |= parcelTime
	}
	p = append(p, marks)
	if marks&parcelTime != 0 {
		p = binary.AppendVarint(p, m.Time.UnixMilli())
	}
	if marks&parcelKey != 0 {
		p = appendSized(p, m.Key)
	}
	p = binary.AppendUvarint(p, uint64(len(m.Headers)))
	for _, h := range m.Headers {
		p = append(binary.AppendUvarint(p, uint64(len(h.Name))), h.Name...)
		p = appendSized(p, h.Value)
	}
	if marks&parcelPayload != 0 {
		p = appendSized(p, m.Payload)
	}
	return p
}

func appendSized(p, b []byte) []byte {
	return append(binary.AppendUvarint(p, uint64(len(b))), b...)
}

// unpacked are the messages of a parcel. Each has memory of its own: one that is kept for longer than the others does not keep them.
func unpacked(p []byte) ([]*domain.Message, error) {
	u := unpacking{rest: p}
	var messages []*domain.Message
	for len(u.rest) > 0 && !u.failed {
		messages = append(messages, u.message())
	}
	if u.failed || len(messages) == 0 {
		return nil, errParcel
	}
	return messages, nil
}

// unpacking is a parcel being read. Once failed, it gives nothings.
type unpacking struct {
	rest   []byte
	failed bool
}

func (u *unpacking) message() *domain.Message {
	m := &domain.Message{}
	marks := u.marks()
	if marks&parcelTime != 0 {
		m.Time = time.UnixMilli(u.varint()).UTC()
	}
	if marks&parcelKey != 0 {
		m.Key = bytes.Clone(u.sized())
	}
	m.Headers = u.headers()
	if marks&parcelPayload != 0 {
		m.Payload = bytes.Clone(u.sized())
	}
	return m
}

func (u *unpacking) headers() []domain.Header {
	const least = 2 // bytes of a header: two lengths
	n := u.uvarint()
	if n > uint64(len(u.rest)/least) {
		u.failed = true
		return nil
	}
	if n == 0 {
		return nil
	}
	headers := make([]domain.Header, n)
	for i := range headers {
		headers[i] = domain.Header{Name: string(u.sized()), Value: bytes.Clone(u.sized())}
	}
	return headers
}

func (u *unpacking) marks() byte {
	if len(u.rest) == 0 || u.rest[0]&^parcelMarks != 0 {
		u.failed = true
		return 0
	}
	marks := u.rest[0]
	u.rest = u.rest[1:]
	return marks
}

// sized is what follows its length. It is never nil, and belongs to the parcel.
func (u *unpacking) sized() []byte {
	n := u.uvarint()
	if n > uint64(len(u.rest)) {
		u.failed = true
	}
	if u.failed {
		return []byte{}
	}
	b := u.rest[:n]
	u.rest = u.rest[n:]
	return b
}

func (u *unpacking) uvarint() uint64 {
	v, n := binary.Uvarint(u.rest)
	return v * u.took(n)
}

func (u *unpacking) varint() int64 {
	v, n := binary.Varint(u.rest)
	return v * int64(u.took(n))
}

// took moves over a varint of n bytes: 1, or 0 where there is none.
func (u *unpacking) took(n int) uint64 {
	if u.failed || n <= 0 {
		u.failed = true
		return 0
	}
	u.rest = u.rest[n:]
	return 1
}
