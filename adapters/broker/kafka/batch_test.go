package kafka

import (
	"reflect"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

func TestSaramaStillKnowsWhereAnEmptyBlockEnds(t *testing.T) {
	field, ok := reflect.TypeFor[sarama.FetchResponseBlock]().FieldByName("recordsNextOffset")
	if !ok || field.Type != reflect.TypeFor[*int64]() {
		t.Fatalf("sarama's field that afterEmpty reads is gone or has changed: %+v", field)
	}
}

func TestAbortedTransactionsAndControlRecordsAreMovedOver(t *testing.T) {
	const aborting, committing = 1, 2
	batch := func(first int64, producer int64, transactional bool, values ...string) *sarama.Records {
		b := &sarama.RecordBatch{
			FirstOffset: first, LastOffsetDelta: int32(len(values) - 1), ProducerID: producer, IsTransactional: transactional, FirstTimestamp: time.UnixMilli(1000),
		}
		for i, v := range values {
			b.Records = append(b.Records, &sarama.Record{OffsetDelta: int64(i), Value: []byte(v)})
		}
		return &sarama.Records{RecordBatch: b}
	}
	marker := func(at, producer int64, kind byte) *sarama.Records {
		r := batch(at, producer, true, "")
		r.RecordBatch.Control = true
		r.RecordBatch.Records[0].Key = []byte{0, 0, 0, kind}
		return r
	}
	block := &sarama.FetchResponseBlock{
		AbortedTransactions: []*sarama.AbortedTransaction{{ProducerID: aborting, FirstOffset: 2}},
		RecordsSet: []*sarama.Records{
			batch(0, -1, false, "plain", "seen"),
			batch(2, aborting, true, "aborted", "aborted"),
			batch(4, committing, true, "committed"),
			marker(5, aborting, 0),
			marker(6, committing, 1),
			batch(7, aborting, true, "after the abort"),
			marker(8, aborting, 1),
		},
	}

	messages, next, err := read(block, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range messages {
		if m.Partition != 3 {
			t.Errorf("offset %d is of partition %d, want 3", m.Offset, m.Partition)
		}
		got = append(got, string(m.Payload))
	}
	if want := []string{"seen", "committed", "after the abort"}; !reflect.DeepEqual(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
	if next != 9 {
		t.Errorf("the place after the block is %d, want 9: past the last marker", next)
	}
}

func TestABatchThatDidNotComeWholeIsNoPlace(t *testing.T) {
	block := &sarama.FetchResponseBlock{RecordsSet: []*sarama.Records{{RecordBatch: &sarama.RecordBatch{FirstOffset: 5, LastOffsetDelta: 9, PartialTrailingRecord: true}}}}
	messages, next, err := read(block, 0, 5)
	if err != nil || len(messages) > 0 || next != 5 {
		t.Errorf("read %d messages up to %d, %v; want to stay at 5", len(messages), next, err)
	}
	if !cut(block) {
		t.Error("a block with such a batch is not known as cut")
	}
}
