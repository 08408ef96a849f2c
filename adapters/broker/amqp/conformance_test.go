package amqp_test

import (
	"testing"

	"culvert/adapters/broker/amqp"
	"culvert/domain"
	"culvert/ports"
	"culvert/tests/brokers"
	"culvert/tests/conformance"
)

func TestConformance(t *testing.T) { conform(t, "auto") }

func TestConformanceWithoutStreams(t *testing.T) { conform(t, "off") }

// conform runs the suite while nothing else runs: it looks for leaked goroutines.
func conform(t *testing.T, streams string) {
	conformance.Run(t, func(t *testing.T) conformance.Subject {
		s := subject(t, brokers.RabbitMQ(t), streams)
		s.Outage = func(t testing.TB) (conformance.Subject, func() func()) {
			server := brokers.StartRabbitMQ(t)
			return subject(t, server.Server(), streams), func() func() {
				server.Kill()
				return server.Start
			}
		}
		return s
	})
}

// subject is the adapter on a server, under test.
func subject(t testing.TB, server brokers.RabbitMQServer, streams string) conformance.Subject {
	another := func(t testing.TB) ports.Broker {
		return node(t, server.URL, managed(server.Management), func(c *amqp.Config) { c.Streams = streams })
	}
	return conformance.Subject{
		Broker:           another(t),
		Another:          another,
		Partitions:       1,
		AutoCreate:       true,
		QueuesBeginAtEnd: true,
		Topic:            func(t testing.TB) domain.Topic { return topicOn(t, server.URL) },
		Unreachable: func(t testing.TB) ports.Broker {
			return node(t, "amqp://127.0.0.1:1", managed("http://127.0.0.1:1"), func(c *amqp.Config) { c.Streams = streams })
		},
	}
}

// managed names the management plugin.
func managed(url string) func(*amqp.Config) {
	return func(c *amqp.Config) { c.Management = url }
}
