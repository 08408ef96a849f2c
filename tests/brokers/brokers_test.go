package brokers_test

import (
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"culvert/tests/brokers"
)

// sarama counts with go-metrics, whose one clock goroutine lives as long as the process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

func TestKafkaCarriesMessagesOfItsOwnTools(t *testing.T) {
	cluster := brokers.Kafka(t)
	topic := brokers.Topic(t)
	brokers.CreateTopic(t, cluster, topic, 2, "retention.ms", "60000")

	brokers.ConsoleProducer(t, cluster, topic, "k:one\nk:two\n", "--reader-property", "parse.key=true", "--reader-property", "key.separator=:")
	got := brokers.ConsoleConsumer(t, cluster, topic, "--from-beginning", "--max-messages", "2")
	if want := "one\ntwo\n"; got != want {
		t.Errorf("the console consumer printed %q, want %q", got, want)
	}
	if described := brokers.TopicCommand(t, cluster, "--describe", "--topic", topic); !strings.Contains(described, "retention.ms=60000") {
		t.Errorf("kafka-topics does not know the setting the topic was made with:\n%s", described)
	}
}

// A broker that was killed did not start again: meanwhile an outgoing connection had been given its port.
func TestPortsAreNotThoseOfOutgoingConnections(t *testing.T) {
	ports := brokers.FreePorts(t, 8)
	slices.Sort(ports)
	if different := slices.Compact(slices.Clone(ports)); len(different) != 8 || ports[0] < 1024 || ports[7] >= 32768 {
		t.Errorf("got %v", ports)
	}
}

func TestKafkaKeepsWhatItHadWhenItIsKilled(t *testing.T) {
	kafka := brokers.StartKafka(t, nil)
	topic := brokers.Topic(t)
	brokers.CreateTopic(t, kafka.Cluster(), topic, 1)
	brokers.ConsoleProducer(t, kafka.Cluster(), topic, "kept\n")

	kafka.Kill()
	kafka.Start()

	got := brokers.ConsoleConsumer(t, kafka.Cluster(), topic, "--from-beginning", "--max-messages", "1")
	if want := "kept\n"; got != want {
		t.Errorf("after the restart the console consumer printed %q, want %q", got, want)
	}
}
