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
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// kafkaNode is a node of a Kafka, with files and ports of its own.
type kafkaNode struct {
	dir        string
	libs       string
	id         int
	cluster    string // its id
	addr       string
	controller string   // where it listens as a controller; empty where it is none
	voters     string   // the cluster's controllers, as id@address
	options    []string // of its JVM
	process    *process
}

// newKafkaNode prepares the only node of a cluster. properties are those of StartKafka.
func newKafkaNode(ctx context.Context, say io.Writer, properties map[string]string) (*kafkaNode, error) {
	nodes, err := newKafkaNodes(ctx, say, 1, properties)
	if err != nil {
		return nil, err
	}
	return nodes[0], nil
}

// newKafkaNodes prepares a cluster of nodes each of which is broker and controller at once.
func newKafkaNodes(ctx context.Context, say io.Writer, n int, properties map[string]string) ([]*kafkaNode, error) {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return nil, err
	}
	id[0] &= 0x7f // Kafka refuses ids whose text begins with '-'
	ports, err := freePorts(n)
	if err != nil {
		return nil, err
	}
	nodes, voters := make([]*kafkaNode, n), make([]string, n)
	for i := range nodes {
		nodes[i] = &kafkaNode{id: i + 1, cluster: base64.RawURLEncoding.EncodeToString(id), controller: Loopback(ports[i])}
		voters[i] = fmt.Sprintf("%d@%s", i+1, nodes[i].controller)
	}
	for _, node := range nodes {
		node.voters = strings.Join(voters, ",")
		if err := node.prepare(ctx, say, properties); err != nil {
			for _, prepared := range nodes {
				os.RemoveAll(prepared.dir)
			}
			return nil, err
		}
	}
	return nodes, nil
}

// prepare finds what the node needs, and formats it.
func (n *kafkaNode) prepare(ctx context.Context, say io.Writer, properties map[string]string) (err error) {
	if err = checkJava(ctx); err != nil {
		return err
	}
	if n.libs, err = kafkaLibs(ctx, say); err != nil {
		return err
	}
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	n.addr = Loopback(ports[0])
	if n.dir, err = os.MkdirTemp("", "culvert-kafka-"); err != nil {
		return err
	}
	if err = n.format(ctx, properties); err != nil {
		os.RemoveAll(n.dir)
	}
	return err
}

// format writes the node's properties and formats its folder.
func (n *kafkaNode) format(ctx context.Context, properties map[string]string) error {
	roles, listeners := "broker", "PLAINTEXT://"+n.addr
	if n.controller != "" {
		roles, listeners = "broker,controller", listeners+",CONTROLLER://"+n.controller
	}
	all := map[string]string{
		"process.roles":                            roles,
		"node.id":                                  fmt.Sprint(n.id),
		"listeners":                                listeners,
		"advertised.listeners":                     "PLAINTEXT://" + n.addr,
		"controller.listener.names":                "CONTROLLER",
		"listener.security.protocol.map":           "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"controller.quorum.voters":                 n.voters,
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
	line := java(n.libs, quick(), "kafka.tools.StorageTool", "format", "-t", n.cluster, "-c", n.properties())
	return runQuietly(ctx, line[0], line[1:]...)
}

func (n *kafkaNode) properties() string { return filepath.Join(n.dir, "server.properties") }

// start runs the node and returns when it answers. Where remove is true the node's files go when it ends.
func (n *kafkaNode) start(ctx context.Context, remove bool) error {
	doomed := ""
	if remove {
		doomed = n.dir
	}
	p, err := startProcess(n.dir, doomed, java(n.libs, append([]string{"-Xms64m", "-Xmx512m"}, n.options...), "kafka.Kafka", n.properties())...)
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
	for _, b := range client.Brokers() {
		if b.Addr() == n.addr {
			return nil
		}
	}
	return errors.New("it has not joined its cluster yet")
}

// KafkaProcess is a node of a Kafka that one test has for itself, to kill and start again.
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
		Without(t, "Kafka", err)
	}
	return runKafka(t, node)
}

// StartBroker starts a second broker, of id 2, in the cluster of k, whose own id is 1. It is like another node of StartKafka's but that it cannot start without k.
func (k *KafkaProcess) StartBroker(t testing.TB) *KafkaProcess {
	t.Helper()
	node := &kafkaNode{id: k.node.id + 1, cluster: k.node.cluster, voters: k.node.voters}
	if err := node.prepare(t.Context(), io.Discard, nil); err != nil {
		t.Fatal(err)
	}
	return runKafka(t, node)
}

// StartKafkaCluster starts a Kafka of n nodes, each broker and controller at once, for this test alone, and ends them with the test. What is not said of a topic's replicas is n of
// them, of which n-1 must be in sync for a write. properties are those of StartKafka, for each node.
func StartKafkaCluster(t testing.TB, n int, properties map[string]string) []*KafkaProcess {
	t.Helper()
	all := map[string]string{
		"default.replication.factor":       fmt.Sprint(n),
		"min.insync.replicas":              fmt.Sprint(max(1, n-1)),
		"offsets.topic.replication.factor": fmt.Sprint(n),
		// A follower that was killed is out of the way as soon as its session has ended, not after half a minute.
		"replica.lag.time.max.ms": "3000",
	}
	maps.Copy(all, properties)
	nodes, err := newKafkaNodes(t.Context(), io.Discard, n, all)
	if err != nil {
		Without(t, "Kafka", err)
	}
	options := processOptions(t.Context(), nodes[0].libs)
	var starting sync.WaitGroup
	processes := make([]*KafkaProcess, n)
	failed := make([]error, n)
	for i, node := range nodes {
		node.options = options
		processes[i] = &KafkaProcess{t: t, node: node}
		t.Cleanup(func() {
			processes[i].Kill()
			keepLog(t, node.dir)
			os.RemoveAll(node.dir)
		})
		// One alone does not answer: they are a quorum. Ends within startTimeout.
		starting.Go(func() { failed[i] = node.start(context.Background(), false) })
	}
	starting.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Fatal(err)
	}
	return processes
}

// processOptions are for the JVM of a node that is started again and again: to be there soon, in little memory, counts for more than its speed.
func processOptions(ctx context.Context, libs string) []string {
	return append(quick(), withClasses(ctx, libs)...)
}

func runKafka(t testing.TB, node *kafkaNode) *KafkaProcess {
	t.Helper()
	node.options = processOptions(t.Context(), node.libs)
	k := &KafkaProcess{t: t, node: node}
	t.Cleanup(func() {
		k.Kill()
		keepLog(t, node.dir)
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

// Start runs the process, again after Kill, with the same files and ports, and returns when it answers. A process that runs is left alone.
func (k *KafkaProcess) Start() {
	k.t.Helper()
	if k.node.process != nil && !k.Ended() {
		return
	}
	k.Kill()
	if err := k.node.start(context.Background(), false); err != nil {
		k.t.Fatal(err)
	}
}

// FillDisk lets the process find its disk full: from now on none of its files grows. A Kafka whose only disk fails ends by itself, see Ended; started again it has room. It needs
// Linux.
func (k *KafkaProcess) FillDisk() {
	k.t.Helper()
	pid, err := k.node.process.pid()
	if err != nil {
		k.t.Fatal(err)
	}
	if err := growNoFiles(pid); err != nil {
		k.t.Fatal(err)
	}
}

// Ended reports whether the process has ended by itself.
func (k *KafkaProcess) Ended() bool { return k.node.process.ended() }
