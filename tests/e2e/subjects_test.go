package e2e

import (
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// subject is a broker that the bridge is run with.
type subject struct {
	name string
	// start runs a bridge with the broker behind it, and environment (NAME=value) besides.
	start func(t *testing.T, environment ...string) *bridge.Bridge
	// topic makes a topic of the test's own, where the broker does not make it by itself.
	topic func(t *testing.T) string
	// partitions is how many partitions such a topic has.
	partitions int
}

// everyBroker runs a test once for each broker that the bridge knows, and beside other tests (see the package comment). It is all that a test does.
func everyBroker(t *testing.T, test func(t *testing.T, s subject)) {
	beside(t, []subject{inproc(), kafka(), amqp()}, test)
}

// everyServer is everyBroker for those that are processes of their own.
func everyServer(t *testing.T, test func(t *testing.T, s subject)) {
	beside(t, []subject{kafka(), amqp()}, test)
}

func beside(t *testing.T, subjects []subject, test func(t *testing.T, s subject)) {
	t.Parallel()
	for _, s := range subjects {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

// everyBrokerInTurn is everyBroker for a test that works: one broker after the other, and beside no other test.
func everyBrokerInTurn(t *testing.T, test func(t *testing.T, s subject)) {
	inTurn(t, []subject{inproc(), kafka(), amqp()}, test)
}

// everyServerInTurn is everyServer likewise.
func everyServerInTurn(t *testing.T, test func(t *testing.T, s subject)) {
	inTurn(t, []subject{kafka(), amqp()}, test)
}

func inTurn(t *testing.T, subjects []subject, test func(t *testing.T, s subject)) {
	for _, s := range subjects {
		t.Run(s.name, func(t *testing.T) { test(t, s) })
	}
}

func inproc() subject {
	return subject{
		name: "inproc",
		start: func(t *testing.T, environment ...string) *bridge.Bridge {
			return bridge.Start(t, append(environment, "CULVERT_BROKER=inproc")...)
		},
		topic:      func(t *testing.T) string { return brokers.Topic(t) },
		partitions: 1,
	}
}

func kafka() subject {
	return subject{
		name: "kafka",
		start: func(t *testing.T, environment ...string) *bridge.Bridge {
			return bridge.Start(t, append(environment, "CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS="+brokers.Kafka(t).Bootstrap())...)
		},
		topic:      kafkaTopic,
		partitions: 6,
	}
}

func amqp() subject {
	return subject{
		name: "amqp",
		start: func(t *testing.T, environment ...string) *bridge.Bridge {
			server := brokers.RabbitMQ(t)
			return bridge.Start(t, append(environment, "CULVERT_BROKER=amqp", "CULVERT_AMQP_URL="+server.URL, "CULVERT_AMQP_MANAGEMENT="+server.Management)...)
		},
		topic:      func(t *testing.T) string { return brokers.Topic(t) },
		partitions: 1,
	}
}

// kafkaTopic makes a topic, and the one for the dead letters of its queue "workers".
func kafkaTopic(t *testing.T) string {
	cluster := brokers.Kafka(t)
	topic := brokers.Topic(t)
	brokers.CreateTopic(t, cluster, topic, 6)
	brokers.CreateTopic(t, cluster, topic+".workers.dlq", 1)
	return topic
}
