package kafka

import (
	"maps"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// produced is an answer to a produce request, as it comes after its length.
func produced(version int16) []byte {
	partition := func(p int32, code sarama.KError) kmsg.ProduceResponseTopicPartition {
		message := "why"
		wrong := kmsg.NewProduceResponseTopicPartitionErrorRecord()
		wrong.ErrorMessage = &message
		of := kmsg.NewProduceResponseTopicPartition()
		of.Partition, of.ErrorCode, of.ErrorMessage = p, int16(code), &message
		of.ErrorRecords = []kmsg.ProduceResponseTopicPartitionErrorRecord{wrong, kmsg.NewProduceResponseTopicPartitionErrorRecord()}
		return of
	}
	answer := kmsg.NewPtrProduceResponse()
	answer.Version = version
	orders, bills := kmsg.NewProduceResponseTopic(), kmsg.NewProduceResponseTopic()
	orders.Topic, bills.Topic = "orders", "bills"
	orders.Partitions = []kmsg.ProduceResponseTopicPartition{partition(0, sarama.ErrNoError), partition(1, sarama.ErrNotEnoughReplicas)}
	bills.Partitions = []kmsg.ProduceResponseTopicPartition{partition(7, sarama.ErrUnknown)}
	answer.Topics = []kmsg.ProduceResponseTopic{orders, bills}
	head := []byte{0, 0, 0, 1}
	if answer.IsFlexible() {
		head = append(head, 0)
	}
	return answer.AppendTo(head)
}

func TestLeadersAreHeardInEveryVersion(t *testing.T) {
	want := map[place]sarama.KError{{"orders", 0}: sarama.ErrNoError, {"orders", 1}: sarama.ErrNotEnoughReplicas, {"bills", 7}: sarama.ErrUnknown}
	for version := int16(3); version <= 10; version++ {
		heard := make(map[place]sarama.KError)
		readProduced(produced(version), int32(version), func(at place, answer sarama.KError) { heard[at] = answer })
		if !maps.Equal(heard, want) {
			t.Errorf("in version %d %v was heard, want %v", version, heard, want)
		}
	}
}

func FuzzReadProduced(f *testing.F) {
	for version := int16(3); version <= 10; version++ {
		f.Add(produced(version), version)
	}
	f.Fuzz(func(t *testing.T, answer []byte, version int16) {
		heard := 0
		readProduced(answer, int32(version), func(place, sarama.KError) { heard++ })
		if heard > len(answer) {
			t.Errorf("%d partitions were heard of in %d bytes", heard, len(answer))
		}
	})
}
