package brokers

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// kafkaNode is a Kafka of one node, broker and controller at once, with files and ports of its own.
type kafkaNode struct {
	dir     string
	libs    string
	addr    string
	process *process
}

// newKafkaNode prepares a node. properties are those of StartKafka.
func newKafkaNode(ctx context.Context, say io.Writer, properties map[string]string) (*kafkaNode, error) {
	if err := checkJava(ctx); err != nil {
		return nil, err
	}
	libs, err := kafkaLibs(ctx, say)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "culvert-kafka-")
	if err != nil {
		return nil, err
	}
	node := &kafkaNode{dir: dir, libs: libs, addr: fmt.Sprintf("127.0.0.1:%d", ports[0])}
	if err := node.format(ctx, ports[1], properties); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return node, nil
}

// format writes the node's properties and formats its folder.
func (n *kafkaNode) format(ctx context.Context, controllerPort int, properties map[string]string) error {
	controller := fmt.Sprintf("127.0.0.1:%d", controllerPort)
	all := map[string]string{
		"process.roles":                            "broker,controller",
		"node.id":                                  "1",
		"listeners":                                "PLAINTEXT://" + n.addr + ",CONTROLLER://" + controller,
		"advertised.listeners":                     "PLAINTEXT://" + n.addr,
		"controller.listener.names":                "CONTROLLER",
		"listener.security.protocol.map":           "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"controller.quorum.voters":                 "1@" + controller,
		"log.dirs":                                 filepath.Join(n.dir, "data"),
		"offsets.topic.replication.factor":         "1",
		"offsets.topic.num.partitions":             "4",
		"transaction.state.log.replication.factor": "1",
		"transaction.state.log.min.isr":            "1",
		"transaction.state.log.num.partitions":     "4",
		"group.initial.rebalance.delay.ms":         "0",
		"group.min.session.timeout.ms":             "1000",
		"auto.create.topics.enable":                "false",
		// A broker that was killed waits for its old session to end before it comes back; the default is nine seconds.
		"broker.session.timeout.ms":    "2000",
		"broker.heartbeat.interval.ms": "500",
		// Compaction at once where a topic's configuration lets it, not after the defaults of half a minute.
		"log.initial.task.delay.ms": "500",
		"log.cleaner.backoff.ms":    "200",
	}
	for name, value := range properties {
		switch name {
		case "listeners", "advertised.listeners", "listener.security.protocol.map":
			value = all[name] + "," + value // its own ones stay, since by them it is seen to answer
		}
		all[name] = value
	}
	var file strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&file, "%s=%s\n", name, all[name])
	}
	if err := os.WriteFile(n.properties(), []byte(file.String()), 0o600); err != nil {
		return err
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	id[0] &= 0x7f // Kafka refuses ids whose text begins with '-'
	line := java(n.libs, quick(), "kafka.tools.StorageTool", "format", "-t", base64.RawURLEncoding.EncodeToString(id), "-c", n.properties())
	return runQuietly(ctx, line[0], line[1:]...)
}

func (n *kafkaNode) properties() string { return filepath.Join(n.dir, "server.properties") }

// start runs the node and returns when it answers. Where remove is true the node's files go when it ends.
func (n *kafkaNode) start(ctx context.Context, remove bool) error {
	doomed := ""
	if remove {
		doomed = n.dir
	}
	p, err := startProcess(n.dir, doomed, java(n.libs, []string{"-Xms256m", "-Xmx512m"}, "kafka.Kafka", n.properties())...)
	if err != nil {
		return err
	}
	if err := p.await(ctx, n.answers); err != nil {
		return fmt.Errorf("Apache Kafka %s does not start: %w", KafkaVersion, err)
	}
	n.process = p
	return nil
}

// answers returns nil once the node has joined its own cluster.
func (n *kafkaNode) answers() error {
	cfg := sarama.NewConfig()
	cfg.Net.DialTimeout = time.Second
	cfg.Metadata.Retry.Max = 0
	client, err := sarama.NewClient([]string{n.addr}, cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	if len(client.Brokers()) == 0 {
		return errors.New("it has not joined its cluster yet")
	}
	return nil
}

// KafkaProcess is a Kafka that one test has for itself, to kill and start again.
type KafkaProcess struct {
	t    testing.TB
	node *kafkaNode
}

// StartKafka starts a Kafka of one node for this test alone, and ends it with the test. properties are added to, or replace, those of its server.properties, but listeners
// (FreePorts gives their ports) come besides its own; nil for none. Where none can be had it ends the test: see the package comment.
func StartKafka(t testing.TB, properties map[string]string) *KafkaProcess {
	t.Helper()
	node, err := newKafkaNode(t.Context(), io.Discard, properties)
	if err != nil {
		without(t, "Kafka", err)
	}
	k := &KafkaProcess{t: t, node: node}
	t.Cleanup(func() {
		k.Kill()
		os.RemoveAll(node.dir)
	})
	k.Start()
	return k
}

// Addr is where it listens. It stays the same over Kill and Start.
func (k *KafkaProcess) Addr() string { return k.node.addr }

// Cluster is the same as what Kafka gives for the shared one.
func (k *KafkaProcess) Cluster() KafkaCluster {
	return KafkaCluster{Addrs: []string{k.node.addr}, Version: KafkaVersion}
}

// Kill ends the process with SIGKILL and returns when it is gone. What it acked stays on its disk. A process that does not run is left alone.
func (k *KafkaProcess) Kill() {
	if k.node.process != nil {
		k.node.process.kill()
		k.node.process = nil
	}
}

// Start runs the process, again after Kill, with the same files and ports, and returns when it answers.
func (k *KafkaProcess) Start() {
	k.t.Helper()
	if err := k.node.start(context.Background(), false); err != nil {
		k.t.Fatal(err)
	}
}
