package kafka_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"culvert/adapters/broker/kafka"
	"culvert/domain"
)

// Where the cluster took messages and said nothing, closing took all the time that it had, and then as long as sarama tried anew: a bridge left later than its shutdown.timeout.
func TestClosingKeepsItsTime(t *testing.T) {
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	cfg := kafka.DefaultConfig()
	cfg.Brokers = c.ListenAddrs()
	b, err := kafka.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	mustPublish(t, b, "orders", "one")
	asked, over := make(chan struct{}), make(chan struct{})
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		close(asked)
		c.SleepControl(func() { <-over })
		return nil, nil, false
	})
	told := make(chan struct{})
	b.Publish(t.Context(), "orders", []*domain.Message{{Payload: []byte("two")}}, func(int, domain.Ack, error) { close(told) })
	<-asked

	const limit = time.Second
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	begun := time.Now()
	if err := b.Close(ctx); domain.CodeOf(err) != domain.Timeout {
		t.Errorf("closing: %v", err)
	}
	if took := time.Since(begun); took > limit+limit/4 {
		t.Errorf("closing took %s of %s", took, limit)
	}
	close(over)
	<-told
}
