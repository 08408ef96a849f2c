package kafka

import (
	"encoding/hex"
	"time"

	"github.com/IBM/sarama"
	wkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"

	"culvert/domain"
)

// uuidName is the header that holds the UUID by which Watermill knows a message. It is shared by all records, and nobody writes to it.
var uuidName = []byte(wkafka.UUIDHeaderKey)

// recordHeaders are m's headers as Kafka's, and then the UUID by which Watermill knows a message: id, unless m has one. They are put into room, which is empty, where that is large enough.
func recordHeaders(room []sarama.RecordHeader, m *domain.Message, id []byte) []sarama.RecordHeader {
	headers, named := room, false
	if len(m.Headers) > 0 {
		headers = make([]sarama.RecordHeader, 0, len(m.Headers)+1)
	}
	for _, h := range m.Headers {
		headers = append(headers, sarama.RecordHeader{Key: []byte(h.Name), Value: h.Value})
		named = named || h.Name == wkafka.UUIDHeaderKey
	}
	if !named {
		headers = append(headers, sarama.RecordHeader{Key: uuidName, Value: id})
	}
	return headers
}

// uuidText is a random UUID (RFC 9562 §5.4) as text.
type uuidText [36]byte

// set makes t the text of random, of which it takes all bits but those that say what kind of UUID it is.
func (t *uuidText) set(random [16]byte) {
	random[6] = random[6]&0x0f | 0x40
	random[8] = random[8]&0x3f | 0x80
	from := random[:]
	at := t[:]
	for i, n := range [...]int{4, 2, 2, 2, 6} {
		if i > 0 {
			at[0] = '-'
			at = at[1:]
		}
		hex.Encode(at, from[:n])
		from, at = from[n:], at[2*n:]
	}
}

// recordTime is the timestamp of m's record. Kafka keeps milliseconds.
func recordTime(m *domain.Message) time.Time {
	if m.Time.IsZero() {
		return time.Now().Truncate(time.Millisecond)
	}
	return m.Time.Truncate(time.Millisecond)
}

// messageOf makes a message of what was read. The bytes are shared, not copied. Watermill's UUID is no header of the message's own.
func messageOf(key, value []byte, headers []*sarama.RecordHeader, at time.Time, position domain.Position) *domain.Message {
	m := &domain.Message{Key: key, Payload: value, Position: position}
	if at.UnixMilli() >= 0 { // -1 stands for a record without a time
		m.Time = at.UTC()
	}
	for _, h := range headers {
		if string(h.Key) == wkafka.UUIDHeaderKey {
			continue
		}
		if m.Headers == nil {
			m.Headers = make([]domain.Header, 0, len(headers))
		}
		m.Headers = append(m.Headers, domain.Header{Name: string(h.Key), Value: h.Value})
	}
	return m
}
