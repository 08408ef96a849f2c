package clients

import (
	"fmt"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// subject is a broker that the bridge is run with.
type subject struct {
	name string
	// environment has the bridge use the broker.
	environment func(t *testing.T) []string
	topic       func(t *testing.T) string
	// keeps says that the broker has what was published when the bridge is gone, and that other bridges reach it.
	keeps bool
	// thinned says that cursors are so long that not every event has one.
	thinned bool
}

// start runs a bridge that listens on port, 0 for any.
func (s subject) start(t *testing.T, port int) *bridge.Bridge {
	t.Helper()
	return bridge.Start(t, append(s.environment(t), fmt.Sprintf("CULVERT_LISTEN=127.0.0.1:%d", port))...)
}

// everyBroker runs a test once for each broker that the bridge knows, side by side.
func everyBroker(t *testing.T, test func(t *testing.T, s subject)) {
	for _, s := range []subject{
		{name: "inproc", environment: inproc, topic: ownTopic},
		{name: "kafka", environment: kafka, topic: kafkaTopic(6), keeps: true},
		{name: "kafka, many partitions", environment: kafka, topic: kafkaTopic(60), keeps: true, thinned: true},
		{name: "amqp", environment: amqp, topic: ownTopic, keeps: true},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

func inproc(*testing.T) []string { return []string{"CULVERT_BROKER=inproc"} }

func kafka(t *testing.T) []string {
	return []string{"CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS=" + brokers.Kafka(t).Bootstrap()}
}

func amqp(t *testing.T) []string {
	server := brokers.RabbitMQ(t)
	return []string{"CULVERT_BROKER=amqp", "CULVERT_AMQP_URL=" + server.URL, "CULVERT_AMQP_MANAGEMENT=" + server.Management}
}

// ownTopic names a topic that the broker makes by itself.
func ownTopic(t *testing.T) string { return brokers.Topic(t) }

func kafkaTopic(partitions int32) func(t *testing.T) string {
	return func(t *testing.T) string {
		topic := brokers.Topic(t)
		brokers.CreateTopic(t, brokers.Kafka(t), topic, partitions)
		return topic
	}
}
