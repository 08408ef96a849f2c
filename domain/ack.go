package domain

import "time"

// Ack is a broker's confirmation of one message.
type Ack struct {
	// Position is where the message stands, nil where the broker does not tell.
	Position *Position
	// Time is the time that the message has in the broker, zero where it tells none.
	Time time.Time
}

// TopicInfo is what a broker tells of a topic.
type TopicInfo struct {
	Topic        Topic
	Broker       string // the configured name of its broker
	Capabilities Capabilities
	Epoch        Epoch
	Partitions   []Extent // by partition
}

// End is the vector at the topic's end.
func (t TopicInfo) End() *Vector {
	places := make([]Place, len(t.Partitions))
	for i, p := range t.Partitions {
		places[i] = Place{Partition: p.Partition, Next: p.End, Fingerprint: p.Fingerprint}
	}
	return NewVector(t.Epoch, places...)
}

// Extent is what there is of one partition: offsets First up to End, exclusive.
type Extent struct {
	Partition  int32
	First, End int64
	// Fingerprint is that of the last message; 0 where the broker gives none, or the partition is empty.
	Fingerprint uint32
}
