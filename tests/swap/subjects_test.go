package swap

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/tests/brokers"
)

// subject is a broker that the script is played on.
type subject struct {
	name string
	// environment lets a bridge find it, as NAME=value. It ends the test where the broker cannot be had.
	environment func(t *testing.T) []string
}

// subjects are all brokers that a bridge knows, and what it knows of them with other capabilities. A further one is an entry here, and in
// together with a pattern in testdata/together.yaml.
var subjects = []subject{
	{"inproc", func(*testing.T) []string { return []string{"CULVERT_BROKER=inproc"} }},
	{"kafka", func(t *testing.T) []string { return []string{"CULVERT_BROKER=kafka", kafka(t)} }},
	{"amqp", func(t *testing.T) []string { return []string{"CULVERT_BROKER=amqp", rabbitMQ(t)} }},
	{"amqp-without-streams", func(t *testing.T) []string {
		return []string{"CULVERT_BROKER=amqp", rabbitMQ(t), "CULVERT_AMQP_STREAMS=off"}
	}},
	{"amqp-with-management", func(t *testing.T) []string {
		url := brokers.RabbitMQ(t).Management
		if url == "" {
			t.Fatal("the environment names a RabbitMQ, and not its management plugin: CULVERT_TEST_AMQP_MANAGEMENT=http://user:password@host:15672 does")
		}
		return []string{"CULVERT_BROKER=amqp", rabbitMQ(t), "CULVERT_AMQP_MANAGEMENT=" + url}
	}},
}

// together is what lets one bridge find all brokers.
func together(t *testing.T) []string { return []string{kafka(t), rabbitMQ(t)} }

func kafka(t *testing.T) string { return "CULVERT_KAFKA_BROKERS=" + brokers.Kafka(t).Bootstrap() }

func rabbitMQ(t *testing.T) string { return "CULVERT_AMQP_URL=" + brokers.RabbitMQ(t).URL }

// configuration names a file of testdata to a bridge, in which topics are named apart in their brokers, and plainly to clients.
func configuration(t *testing.T, name string) string {
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	own := strings.ReplaceAll(string(text), "{run}", "swap-"+strings.ToLower(rand.Text()[:8]))
	if err := os.WriteFile(path, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	return "CULVERT_CONFIG=" + path
}
