package inproc

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"culvert/domain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// BenchmarkPublish measures messages confirmed on one topic, in batches as the injector makes them under load, with one reader.
func BenchmarkPublish(b *testing.B) {
	for _, size := range []int{1, 16, 512} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) { benchmarkPublish(b, size) })
	}
}

func benchmarkPublish(b *testing.B, size int) {
	ctx := b.Context()
	pair, err := New(DefaultConfig())
	if err != nil {
		b.Fatal(err)
	}
	defer pair.Close(context.Background())
	_, chunks, err := pair.Tail(ctx, "bench", domain.StartLatest())
	if err != nil {
		b.Fatal(err)
	}
	var reader sync.WaitGroup
	reader.Go(func() {
		seen := 0
		for chunk, err := range chunks {
			if err != nil {
				b.Error(err)
				return
			}
			if seen += len(chunk.Messages); chunk.Gap != nil {
				seen += int(chunk.Gap.Lost) // the log is bounded, and nobody waits for its readers
			}
			if seen >= b.N {
				return
			}
		}
	})
	payload := make([]byte, 200)
	batch := make([]*domain.Message, size)
	for i := range batch {
		batch[i] = &domain.Message{Key: []byte("AAPL"), Payload: payload}
	}
	var answered sync.WaitGroup
	answered.Add(b.N)
	b.ReportAllocs()
	for left := b.N; left > 0; left -= min(left, size) {
		pair.Publish(ctx, "bench", batch[:min(left, size)], func(int, domain.Ack, error) { answered.Done() })
	}
	answered.Wait()
	reader.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

// BenchmarkAlone measures a message that nothing waits behind: how long until it is confirmed.
func BenchmarkAlone(b *testing.B) {
	pair, err := New(DefaultConfig())
	if err != nil {
		b.Fatal(err)
	}
	defer pair.Close(context.Background())
	message := []*domain.Message{{Key: []byte("AAPL"), Payload: make([]byte, 200)}}
	answered := make(chan error, 1)
	b.ReportAllocs()
	for b.Loop() {
		pair.Publish(b.Context(), "bench", message, func(_ int, _ domain.Ack, err error) { answered <- err })
		if err := <-answered; err != nil {
			b.Fatal(err)
		}
	}
}
