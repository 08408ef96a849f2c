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

func conform(t *testing.T, streams string) {
	t.Parallel()
	conformance.Run(t, func(t *testing.T) conformance.Subject {
		s := subject(t, brokers.RabbitMQ(t), streams)
		s.Outage = func(t testing.TB) (conformance.Subject, func() func()) {
			server := brokers.StartRabbitMQ(t)
			return subject(t, server.Server(), streams), func() func() {
				kill(t, server)
				return server.Start
			}
		}
		return s
	})
}

// subject is the adapter on a server, under test.
func subject(t testing.TB, server brokers.RabbitMQServer, streams string) conformance.Subject {
	return conformance.Subject{
		Broker:           node(t, server.URL, managed(server.Management), func(c *amqp.Config) { c.Streams = streams }),
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

// kill kills a server. One that dies within seconds after its first stream was made has not written down yet that it has streams, and does not find them
// again (measured with 3.10.8), so that is written first.
func kill(t testing.TB, server *brokers.RabbitMQNode) {
	t.Helper()
	server.Ctl(t, "eval", "[dets:sync(Table) || Table <- dets:all()].")
	server.Kill()
}
