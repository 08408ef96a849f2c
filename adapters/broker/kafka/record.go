package kafka

import (
	"time"

	"github.com/IBM/sarama"
	wkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/google/uuid"

	"culvert/domain"
)

// recordHeaders are m's headers as Kafka's, after the UUID by which Watermill knows a message. A message that has one keeps it.
func recordHeaders(m *domain.Message) []sarama.RecordHeader {
	headers := make([]sarama.RecordHeader, 0, len(m.Headers)+1)
	named := false
	for _, h := range m.Headers {
		headers = append(headers, sarama.RecordHeader{Key: []byte(h.Name), Value: h.Value})
		named = named || h.Name == wkafka.UUIDHeaderKey
	}
	if !named {
		headers = append(headers, sarama.RecordHeader{Key: []byte(wkafka.UUIDHeaderKey), Value: []byte(uuid.NewString())})
	}
	return headers
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
