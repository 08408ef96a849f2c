package kafka

import (
	"github.com/IBM/sarama"
	wkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/adapters/broker"
	"culvert/domain"
)

// Marshaler is for Watermill applications beside us that use watermill-kafka: given to its publisher and subscriber, it carries what DefaultMarshaler loses. The key
// decides the partition (with sarama.NewMurmur2Partitioner), headers may repeat and be binary, tombstones are null values, times are kept; all that stands
// in the metadata as package broker puts it there. It understands whatever else is in a topic, and never fails: an error
// in a subscriber of Watermill's would hold up the partition for ever.
type Marshaler struct{}

var _ wkafka.MarshalerUnmarshaler = Marshaler{}

// Marshal implements watermill-kafka's Marshaler.
func (Marshaler) Marshal(topic string, w *message.Message) (*sarama.ProducerMessage, error) {
	m := broker.Decode(w)
	m.Headers = append([]domain.Header{{Name: wkafka.UUIDHeaderKey, Value: []byte(w.UUID)}}, m.Headers...)
	msg := &sarama.ProducerMessage{Topic: topic, Headers: recordHeaders(nil, m, nil), Timestamp: recordTime(m)}
	if m.Key != nil {
		msg.Key = sarama.ByteEncoder(m.Key)
	}
	if !m.Tombstone() {
		msg.Value = sarama.ByteEncoder(m.Payload)
	}
	return msg, nil
}

// Unmarshal implements watermill-kafka's Unmarshaler. A message that has no UUID gets a new one.
func (Marshaler) Unmarshal(from *sarama.ConsumerMessage) (*message.Message, error) {
	id := ""
	for _, h := range from.Headers {
		if string(h.Key) == wkafka.UUIDHeaderKey {
			id = string(h.Value)
		}
	}
	position := domain.Position{Partition: from.Partition, Offset: from.Offset}
	return broker.Encode(id, messageOf(from.Key, from.Value, from.Headers, from.Timestamp, position)), nil
}
