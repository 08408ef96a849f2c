package kafka

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/IBM/sarama"

	"culvert/domain"
)

// read gives the committed messages of a block from offset from on, and the place after the block: past control records, aborted transactions and
// offsets that compaction took away.
func read(block *sarama.FetchResponseBlock, partition int32, from int64) (messages []*domain.Message, next int64, err error) {
	next = from
	aborted := newAborted(block.AbortedTransactions)
	for _, records := range block.RecordsSet {
		switch {
		case records.MsgSet != nil:
			for _, m := range legacy(records.MsgSet, partition) {
				if m.Offset >= next {
					messages = append(messages, m)
					next = m.Offset + 1
				}
			}
		case records.RecordBatch != nil && !records.RecordBatch.PartialTrailingRecord:
			batch := records.RecordBatch
			visible, err := aborted.visible(batch)
			if err != nil {
				return nil, from, err
			}
			if visible {
				messages = appendBatch(messages, batch, partition, next)
			}
			next = max(next, batch.LastOffset()+1)
		}
	}
	if after, ok := afterEmpty(block); ok {
		next = max(next, after)
	}
	return messages, next, nil
}

// appendBatch appends the batch's messages from offset from on.
func appendBatch(to []*domain.Message, batch *sarama.RecordBatch, partition int32, from int64) []*domain.Message {
	to = slices.Grow(to, len(batch.Records))
	for _, r := range batch.Records {
		position := domain.Position{Partition: partition, Offset: batch.FirstOffset + r.OffsetDelta}
		if position.Offset < from {
			continue
		}
		at := batch.FirstTimestamp.Add(r.TimestampDelta)
		if batch.LogAppendTime {
			at = batch.MaxTimestamp
		}
		to = append(to, messageOf(r.Key, r.Value, r.Headers, at, position))
	}
	return to
}

// afterEmpty is the offset after a block of nothing but batches that compaction has emptied and Kafka keeps for their producer's sake. sarama leaves them out;
// only a field that it does not show tells the offset, and without it reading would stand still before them.
func afterEmpty(block *sarama.FetchResponseBlock) (int64, bool) {
	if block.Partial || len(block.RecordsSet) > 0 {
		return 0, false
	}
	field := reflect.ValueOf(block).Elem().FieldByName("recordsNextOffset")
	if !field.IsValid() || field.Kind() != reflect.Pointer || field.IsNil() {
		return 0, false
	}
	return field.Elem().Int(), true
}

// cut reports whether the block holds a batch that did not come whole.
func cut(block *sarama.FetchResponseBlock) bool {
	return block.Partial || slices.ContainsFunc(block.RecordsSet, func(r *sarama.Records) bool {
		return r.RecordBatch != nil && r.RecordBatch.PartialTrailingRecord
	})
}

// aborted tells the batches of transactions that were aborted.
type aborted struct {
	begins  []*sarama.AbortedTransaction // by their first offset; those whose batches have not come yet
	ongoing map[int64]bool               // producers in the middle of one
}

func newAborted(transactions []*sarama.AbortedTransaction) *aborted {
	begins := slices.Clone(transactions)
	slices.SortFunc(begins, func(a, b *sarama.AbortedTransaction) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	return &aborted{begins: begins, ongoing: make(map[int64]bool)}
}

// visible reports whether the messages of the next batch are to be shown.
func (a *aborted) visible(batch *sarama.RecordBatch) (bool, error) {
	for len(a.begins) > 0 && a.begins[0].FirstOffset <= batch.LastOffset() {
		a.ongoing[a.begins[0].ProducerID] = true
		a.begins = a.begins[1:]
	}
	if !batch.Control {
		return !batch.IsTransactional || !a.ongoing[batch.ProducerID], nil
	}
	abort, err := isAbort(batch)
	if abort {
		delete(a.ongoing, batch.ProducerID)
	}
	return false, err
}

// isAbort reads a control record: its key is a version and a type of two bytes each, and type 0 ends a transaction by aborting it.
func isAbort(batch *sarama.RecordBatch) (bool, error) {
	if len(batch.Records) == 0 {
		return false, nil // compaction took the record; what it ended is gone as well
	}
	key := batch.Records[0].Key
	if len(key) < 4 {
		return false, fmt.Errorf("a control record with a key of %d bytes", len(key))
	}
	return key[2] == 0 && key[3] == 0, nil
}

// legacy reads messages in the formats before Kafka 0.11, which old topics still hold.
func legacy(set *sarama.MessageSet, partition int32) []*domain.Message {
	var messages []*domain.Message
	for _, outer := range set.Messages {
		inner := outer.Messages()
		for _, m := range inner {
			offset, at := m.Offset, m.Msg.Timestamp
			if m.Msg.Version >= 1 { // offsets in a compressed set count from its last one
				offset += outer.Offset - inner[len(inner)-1].Offset
				if m.Msg.LogAppendTime {
					at = outer.Msg.Timestamp
				}
			}
			messages = append(messages, messageOf(m.Msg.Key, m.Msg.Value, nil, at, domain.Position{Partition: partition, Offset: offset}))
		}
	}
	return messages
}
