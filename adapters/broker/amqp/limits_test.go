package amqp

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
	"culvert/tests/brokers"
)

// A server that allows few channels refused views as if it could not be reached.
func TestTheChannelsOfAConnectionAreUsedUp(t *testing.T) {
	t.Parallel()
	const most = 10
	rabbit := brokers.StartRabbitMQ(t, fmt.Sprintf("channel_max = %d", most))
	b := openBroker(t, rabbit.URL(), func(c *Config) { c.StreamSegmentBytes, c.StreamMaxBytes = 2000, 0 }) // each segment uses up an offset
	topic := domain.Topic(brokers.Topic(t))
	var views []<-chan *domain.Message
	for len(views) < most-2 {
		views = append(views, watch(t, b, topic, domain.StartLatest()))
	}
	_, _, err := b.Tail(t.Context(), topic, domain.StartLatest())
	if domain.CodeOf(err) != domain.Unavailable || !strings.Contains(err.Error(), "channel_max") {
		t.Errorf("one view more: %v", err)
	}
	publish(t.Context(), t, b, topic, numbered(0, 300)...).are("")
	for i, messages := range views {
		for n := range 300 {
			if got := string((<-messages).Payload); got != fmt.Sprint(n) {
				t.Fatalf("view %d: came %q, want %d", i, got, n)
			}
		}
	}

	// Of what is published the topics take turns.
	var all []*outcomes
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range 3 * most {
		all = append(all, publish(ctx, t, b, domain.Topic(fmt.Sprint(topic, "-", i)), numbered(0, 20)...))
	}
	for _, o := range all {
		o.are("")
	}

	// Queues have a connection of their own, and say the same.
	members, leave := context.WithCancel(t.Context())
	defer leave()
	for i := 0; ; i++ {
		err := member(members, t, b, topic)
		if err != nil && i >= most-2 && domain.CodeOf(err) == domain.Unavailable && strings.Contains(err.Error(), "channel_max") {
			break
		}
		if err != nil || i > most {
			t.Fatalf("member %d: %v", i, err)
		}
	}
}

// member joins a queue until ctx ends, or gives why it cannot.
func member(ctx context.Context, t *testing.T, b *Broker, topic domain.Topic) error {
	t.Helper()
	first := make(chan error, 1)
	ended := make(chan struct{})
	go func() { // ends with ctx
		defer close(ended)
		told := false
		for _, err := range b.Join(ctx, topic, "workers", domain.Terms{}) {
			if !told {
				first <- err
				told = true
			}
		}
	}()
	t.Cleanup(func() { <-ended })
	return <-first
}

// A name that a topology makes too long for AMQP broke the connection, for all, whenever its topic was used.
func TestALongNameCostsNobodyTheConnection(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 250) + "{topic}"
	for name, entry := range map[string]Topology{
		"exchange": {Exchange: long}, "log": {Log: long}, "routing key": {RoutingKey: long}, "binding key": {BindingKey: long}, "queue": {Queue: long},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entry.Topic = "*"
			b := openBroker(t, brokers.RabbitMQ(t).URL, func(c *Config) { c.Topology = []Topology{entry} })
			topic := domain.Topic(brokers.Topic(t))
			conns := []*amqp091.Connection{connectionOf(t, b.publishing), connectionOf(t, b.viewing), connectionOf(t, b.joining)}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if entry.Queue == "" {
				publish(ctx, t, b, topic, numbered(0, 1)...).are(domain.Unsupported)
				if err := begun(t, b, topic); domain.CodeOf(err) != domain.Unsupported {
					t.Errorf("viewing: %v", err)
				}
			}
			if _, err := joined(t, b, topic); domain.CodeOf(err) != domain.Unsupported {
				t.Errorf("joining: %v", err)
			}
			for _, conn := range conns {
				if conn.IsClosed() {
					t.Error("a connection broke")
				}
			}
		})
	}
}
