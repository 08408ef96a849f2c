package amqp_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rabbitmq/amqp091-go"

	"culvert/adapters/broker/amqp"
	"culvert/domain"
	"culvert/ports"
	"culvert/tests/brokers"
	"culvert/tests/conformance"
)

// open makes an adapter on a server, and closes it with the test.
func open(t testing.TB, server brokers.RabbitMQServer, change ...func(*amqp.Config)) *amqp.Broker {
	t.Helper()
	cfg := amqp.DefaultConfig()
	cfg.URL, cfg.Management = server.URL, server.Management
	for _, c := range change {
		c(&cfg)
	}
	b, err := amqp.New(cfg, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return b
}

func TestConformance(t *testing.T) { conform(t, "auto") }

func TestConformanceWithoutStreams(t *testing.T) { conform(t, "off") }

func conform(t *testing.T, streams string) {
	conformance.Run(t, func(t *testing.T) conformance.Subject {
		s := subject(t, brokers.RabbitMQ(t), streams)
		s.Outage = func(t testing.TB) (conformance.Subject, func() func()) {
			node := brokers.StartRabbitMQ(t)
			return subject(t, node.Server(), streams), func() func() {
				kill(t, node)
				return node.Start
			}
		}
		return s
	})
}

// subject is the adapter on a server, under test.
func subject(t testing.TB, server brokers.RabbitMQServer, streams string) conformance.Subject {
	change := func(c *amqp.Config) { c.Streams = streams }
	return conformance.Subject{
		Broker:           open(t, server, change),
		Partitions:       1,
		AutoCreate:       true,
		QueuesBeginAtEnd: true,
		Topic:            func(t testing.TB) domain.Topic { return newTopic(t, server) },
		Unreachable: func(t testing.TB) ports.Broker {
			nowhere := brokers.RabbitMQServer{URL: "amqp://127.0.0.1:1", Management: "http://127.0.0.1:1"}
			return open(t, nowhere, change)
		},
	}
}

// kill kills a node. One that dies within seconds after its first stream was made has not written down yet that it has streams, and does not find them
// again (measured with 3.10.8), so that is written first.
func kill(t testing.TB, node *brokers.RabbitMQNode) {
	t.Helper()
	node.Ctl(t, "eval", "[dets:sync(Table) || Table <- dets:all()].")
	node.Kill()
}

// newTopic names a topic that was never used. What has come of it is deleted after the test, but queues, which expire.
func newTopic(t testing.TB, server brokers.RabbitMQServer) domain.Topic {
	topic := "t-" + uuid.NewString()
	t.Cleanup(func() {
		conn, err := amqp091.Dial(server.URL)
		if err != nil {
			return // a node that the test has killed
		}
		defer conn.Close()
		if ch, err := conn.Channel(); err == nil {
			_, _ = ch.QueueDelete(topic+":$log", false, false, false)
			_, _ = ch.QueueDelete(topic+":workers", false, false, false)
			_ = ch.ExchangeDelete(topic, false, false)
		}
	})
	return domain.Topic(topic)
}
