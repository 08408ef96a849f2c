package amqp_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"culvert/adapters/broker/amqp"
	"culvert/domain"
	"culvert/tests/brokers"
)

// BenchmarkPublish is messages with confirms, in batches as inject makes them.
func BenchmarkPublish(b *testing.B) {
	server := brokers.RabbitMQ(b)
	for _, topics := range []int{1, 4} {
		b.Run(map[int]string{1: "one topic", 4: "four topics"}[topics], func(b *testing.B) {
			cfg := amqp.DefaultConfig()
			cfg.URL = server.URL
			broker, err := amqp.New(cfg, slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			defer broker.Close(context.Background())
			var open sync.WaitGroup
			m := &domain.Message{Key: []byte("key"), Payload: make([]byte, 100), Headers: []domain.Header{{Name: "a", Value: []byte("1")}}, Time: time.Now()}
			done := func(_ int, _ domain.Ack, err error) {
				if err != nil {
					b.Error(err)
				}
				open.Done()
			}
			names := make([]domain.Topic, topics)
			for i := range names {
				names[i] = domain.Topic(brokers.Topic(b))
				open.Add(1)
				broker.Publish(b.Context(), names[i], []*domain.Message{m}, done)
			}
			open.Wait()
			b.ReportAllocs()
			b.ResetTimer()
			const size = 100
			batch := make([]*domain.Message, size)
			for i := range batch {
				batch[i] = m
			}
			for n := 0; n < b.N; n += size {
				open.Add(size)
				broker.Publish(b.Context(), names[n/size%topics], batch, done)
			}
			open.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}
