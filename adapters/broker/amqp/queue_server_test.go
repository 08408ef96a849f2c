package amqp_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/adapters/broker/amqp"
	"culvert/domain"
	"culvert/tests/brokers"
)

func TestQueuesAreDeclaredAsConfigured(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	for name, c := range map[string]struct {
		change func(*amqp.Config)
		order  domain.Order
		want   string
	}{
		"by default": {
			func(*amqp.Config) {}, "",
			`{"x-expires":604800000,"x-max-length-bytes":10737418240,"x-overflow":"reject-publish","x-queue-type":"classic","x-single-active-consumer":true}`,
		},
		"without bounds": {
			func(c *amqp.Config) { c.QueueExpires, c.QueueMaxBytes = 0, 0 }, domain.OrderNone, `{"x-queue-type":"classic"}`,
		},
		"of quorums": {
			func(c *amqp.Config) {
				c.QueueType, c.QueueExpires, c.QueueMaxBytes = "quorum", 90*time.Minute, 1<<20
			}, domain.OrderKey,
			`{"x-delivery-limit":2147483647,"x-expires":5400000,"x-max-length-bytes":1048576,"x-overflow":"reject-publish","x-queue-type":"quorum","x-single-active-consumer":true}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topic := topicOn(t, url)
			b := node(t, url, c.change)
			join(t, b, topic, domain.Terms{Order: c.order})
			var q struct {
				Arguments json.RawMessage
				Durable   bool
			}
			ask(t, "queues/%2F/"+string(topic)+":"+workers, &q)
			if string(q.Arguments) != c.want || !q.Durable {
				t.Errorf("the queue has arguments %s, durable %v; want %s, true", q.Arguments, q.Durable, c.want)
			}

			// Whoever has other settings takes it as it is.
			other := join(t, node(t, url, func(c *amqp.Config) { c.QueueExpires, c.QueueMaxBytes = time.Hour, 7 }), topic, domain.Terms{Order: c.order})
			if other.err != nil || other.order != "" {
				t.Errorf("a node with other settings: %v, order %q", other.err, other.order)
			}
		})
	}
}

// Written records what an adapter logs.
type written struct {
	slog.Handler
	about chan slog.Record
}

func (w written) Handle(_ context.Context, r slog.Record) error {
	select {
	case w.about <- r:
	default:
	}
	return nil
}

func TestWhatIsHeldGoesBackBeforeTheServerTakesTheChannel(t *testing.T) {
	t.Parallel()
	server := brokers.StartRabbitMQ(t, "consumer_timeout = 5000")
	server.Ctl(t, "eval", "application:set_env(rabbit, channel_tick_interval, 100).") // how often it looks
	topic := topicOn(t, server.URL())
	cfg := amqp.DefaultConfig()
	cfg.URL, cfg.ConsumerTimeout = server.URL(), 5*time.Second
	log := written{slog.NewTextHandler(t.Output(), nil), make(chan slog.Record, 100)}
	b, err := amqp.New(cfg, slog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(context.Background()) })
	outside := meet(t, server.URL())

	m := newMember()
	m.eager = func(m *domain.Message) bool { return strings.HasPrefix(string(m.Payload), "quick") }
	m.join(t, b, topic, domain.Terms{})
	outside.send(string(topic), "", "quick 1", "slow 1", "quick 2", "slow 2")
	m.given(t, 4)
	// The same is held by one who does not know.
	theirs, err := outside.conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.QueueDeclare("theirs", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	outside.send("", "theirs", "held")
	if _, err := theirs.Consume("theirs", "", false, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	closed := theirs.NotifyClose(make(chan *amqp091.Error, 1))

	again := m.given(t, 6)
	if got := strings.Join(payloads(again[4:]), ", "); got != "slow 1, slow 2" {
		t.Errorf("after the time of %v came %q", cfg.Hold(), got)
	}
	if len(m.claims) != 2 || m.assigned() != 1 {
		t.Errorf("the member has had %d claims, and has %d", len(m.claims), m.assigned())
	}
	select {
	case err := <-closed:
		if err == nil || err.Code != amqp091.PreconditionFailed {
			t.Errorf("the other's channel was closed for %v", err)
		}
	case <-time.After(soon):
		t.Error("the server takes no channel for what is held for long: this test shows nothing")
	}
	m.settle(again[4:]...)
	for len(log.about) > 0 {
		if r := <-log.about; strings.Contains(r.Message, "has ended") {
			t.Errorf("the server took our channel, too: %s", r.Message)
		}
	}
	m.leave()
	if n := outside.left(string(topic) + ":" + workers); n != 0 {
		t.Errorf("%d messages are left", n)
	}
}
