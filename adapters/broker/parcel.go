package broker

import (
	"encoding/binary"
	"errors"
	"time"

	"culvert/domain"
)

// A parcel is the payload of a Watermill message that carries many of ours. It is written and read by one process (see Config.Parcels), so it has no version:
//
//	parcel  = count of messages, count of all headers, length of names, names, message…
//	message = time, bytes of the key, bytes of the payload, count of headers, header…
//	header  = length of its name, bytes of its value
//	time    = 0, or 1 and unix milliseconds
//	bytes   = 0 where they are nil, or their length and 1, and they
//
// Numbers are varints as of encoding/binary, milliseconds signed ones. names are the names of all headers without anything between them, so that one string holds them all when they are read.

// errNoParcel says that bytes are not what encodeParcel writes.
var errNoParcel = errors.New("this is no parcel")

// encodeParcel copies what messages hold into a parcel, but for their positions and fingerprints, which are the log's to give. Times lose what is below a millisecond, as everywhere.
func encodeParcel(messages []*domain.Message) []byte {
	size, headers, names := 16, 0, 0
	for _, m := range messages {
		size += parcelSize(m)
		headers += len(m.Headers)
		for _, h := range m.Headers {
			names += len(h.Name)
		}
	}
	p := make([]byte, 0, size)
	p = binary.AppendUvarint(p, uint64(len(messages)))
	p = binary.AppendUvarint(p, uint64(headers))
	p = binary.AppendUvarint(p, uint64(names))
	if names > 0 {
		for _, m := range messages {
			for _, h := range m.Headers {
				p = append(p, h.Name...)
			}
		}
	}
	for _, m := range messages {
		p = appendMessage(p, m)
	}
	return p
}

// parcelSize is about how many bytes m takes in a parcel.
func parcelSize(m *domain.Message) int {
	n := 16 + len(m.Key) + len(m.Payload)
	for _, h := range m.Headers {
		n += 4 + len(h.Name) + len(h.Value)
	}
	return n
}

func appendMessage(p []byte, m *domain.Message) []byte {
	if m.Time.IsZero() {
		p = append(p, 0)
	} else {
		p = binary.AppendVarint(append(p, 1), m.Time.UnixMilli())
	}
	p = appendBytes(p, m.Key)
	p = appendBytes(p, m.Payload)
	p = binary.AppendUvarint(p, uint64(len(m.Headers)))
	for _, h := range m.Headers {
		p = binary.AppendUvarint(p, uint64(len(h.Name)))
		p = appendBytes(p, h.Value)
	}
	return p
}

func appendBytes(p, b []byte) []byte {
	if b == nil {
		return append(p, 0)
	}
	return append(binary.AppendUvarint(p, uint64(len(b))+1), b...)
}

// decodeParcel gives the messages of a parcel. What they hold is shared with it, not copied, and they with each other: who keeps one keeps them all.
func decodeParcel(p []byte) ([]*domain.Message, error) {
	r := parcelReader{rest: p}
	// Every message takes four bytes at least and every header two, so that no count makes more than what is there.
	count, headers := r.count(4), r.count(2)
	r.names = string(r.take(r.uvarint()))
	r.headers = make([]domain.Header, 0, headers)
	held := make([]domain.Message, count)
	messages := make([]*domain.Message, count)
	for i := range held {
		messages[i] = &held[i]
		r.message(messages[i])
	}
	if r.failed || len(r.rest) > 0 || len(r.names) > 0 || len(r.headers) != headers {
		return nil, errNoParcel
	}
	return messages, nil
}

// parcelReader reads a parcel from its beginning to its end. Once something is not as it should be all that it gives is nothing.
type parcelReader struct {
	rest    []byte
	names   string          // of the headers to come
	headers []domain.Header // of the messages before, one after the other
	failed  bool
}

func (r *parcelReader) message(m *domain.Message) {
	if r.uvarint() != 0 {
		m.Time = time.UnixMilli(r.varint()).UTC()
	}
	m.Key, m.Payload = r.bytes(), r.bytes()
	n := r.count(2)
	if n == 0 {
		return
	}
	if n > cap(r.headers)-len(r.headers) {
		r.fail()
		return
	}
	from := len(r.headers)
	for range n {
		r.headers = append(r.headers, domain.Header{Name: r.name(), Value: r.bytes()})
	}
	m.Headers = r.headers[from:len(r.headers):len(r.headers)]
}

func (r *parcelReader) name() string {
	n := r.uvarint()
	if n > uint64(len(r.names)) {
		r.fail()
		return ""
	}
	name := r.names[:n]
	r.names = r.names[n:]
	return name
}

func (r *parcelReader) bytes() []byte {
	n := r.uvarint()
	if n == 0 {
		return nil
	}
	return r.take(n - 1)
}

// take gives the next n bytes, which nobody can append to in place.
func (r *parcelReader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// count reads how many things follow that take at least size bytes each.
func (r *parcelReader) count(size int) int {
	n := r.uvarint()
	if n > uint64(len(r.rest)/size) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *parcelReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *parcelReader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *parcelReader) fail() { r.failed, r.rest = true, nil }
