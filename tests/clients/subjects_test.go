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

// subjects are the brokers that the bridge knows.
func subjects() []subject {
	return []subject{
		{name: "inproc", environment: inproc, topic: ownTopic},
		{name: "kafka", environment: kafka, topic: kafkaTopic(6), keeps: true},
		{name: "amqp", environment: amqp, topic: ownTopic, keeps: true},
	}
}

// each runs a test once for each subject, side by side.
func each(t *testing.T, subjects []subject, test func(t *testing.T, s subject)) {
	for _, s := range subjects {
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

// kafkaTopic makes a topic, and the one for the dead letters of its queue.
func kafkaTopic(partitions int32) func(t *testing.T) string {
	return func(t *testing.T) string {
		topic := brokers.Topic(t)
		brokers.CreateTopic(t, brokers.Kafka(t), topic, partitions)
		brokers.CreateTopic(t, brokers.Kafka(t), topic+"."+queue+".dlq", 1)
		return topic
	}
}
