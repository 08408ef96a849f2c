package kafka_test

import (
	"bytes"
	"sync"
	"testing"

	"culvert/domain"
	"culvert/tests/brokers"
)

// BenchmarkPublishAndTail carries messages of 100 bytes in batches of 500 to a real Kafka and back.
func BenchmarkPublishAndTail(b *testing.B) {
	cluster := brokers.Kafka(b)
	topic := newTopic(b, cluster, 4)
	k := open(b, cluster.Addrs)
	_, chunks, err := k.Tail(b.Context(), topic, domain.StartLatest())
	if err != nil {
		b.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		read := 0
		for c, err := range chunks {
			if err != nil {
				b.Error(err)
				return
			}
			if read += len(c.Messages); read >= b.N {
				return
			}
		}
	})
	payload, keys := bytes.Repeat([]byte("x"), 100), [][]byte{[]byte("a"), []byte("b"), []byte("c"), []byte("d"), []byte("e")}
	b.ResetTimer()
	for sent := 0; sent < b.N; {
		batch := make([]*domain.Message, min(500, b.N-sent))
		for i := range batch {
			batch[i] = &domain.Message{Key: keys[i%len(keys)], Payload: payload}
		}
		k.Publish(b.Context(), topic, batch, func(_ int, _ domain.Ack, err error) {
			if err != nil {
				b.Error(err)
			}
		})
		sent += len(batch)
	}
	reading.Wait()
}
