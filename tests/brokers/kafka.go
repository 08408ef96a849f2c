package brokers

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// KafkaVersion is the Apache Kafka that is started where the environment names none.
const KafkaVersion = "4.3.0"

// The environment by which a test run finds its Kafka.
const (
	envKafka        = "CULVERT_TEST_KAFKA"         // addresses, separated by commas
	envKafkaVersion = "CULVERT_TEST_KAFKA_VERSION" // what to call it in reports
)

// KafkaCluster is a Kafka that tests can use.
type KafkaCluster struct {
	Addrs   []string
	Version string
}

// Bootstrap is what Apache's tools call --bootstrap-server.
func (c KafkaCluster) Bootstrap() string { return strings.Join(c.Addrs, ",") }

// Kafka gives the Kafka that all tests share. Where none can be had it ends the test: see the package comment.
func Kafka(t testing.TB) KafkaCluster {
	t.Helper()
	if cluster, ok := kafkaFromEnv(); ok {
		return cluster
	}
	node, err := ownKafka()
	if err != nil {
		Without(t, "Kafka", err)
	}
	return KafkaCluster{Addrs: []string{node.addr}, Version: KafkaVersion}
}

func kafkaFromEnv() (KafkaCluster, bool) {
	addrs := os.Getenv(envKafka)
	if addrs == "" {
		return KafkaCluster{}, false
	}
	version := os.Getenv(envKafkaVersion)
	if version == "" {
		version = "of unknown version"
	}
	return KafkaCluster{Addrs: strings.Split(addrs, ","), Version: version}, true
}

// ownKafka starts one Kafka for this test binary, and keeps it: a node that is let go ends. It ends, and its files go, with the binary.
var ownKafka = sync.OnceValues(func() (*kafkaNode, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	node, err := newKafkaNode(ctx, io.Discard, nil)
	if err != nil {
		return nil, err
	}
	return node, node.start(ctx, true)
})

// startSharedKafka is the Start of Kafka's Kind.
func startSharedKafka(ctx context.Context, say io.Writer) (*Running, error) {
	if cluster, ok := kafkaFromEnv(); ok {
		return &Running{
			Title: fmt.Sprintf("Apache Kafka %s at %s (named by %s)", cluster.Version, cluster.Bootstrap(), envKafka),
			Try:   tryKafka(cluster.Bootstrap()),
			Stop:  func() {},
		}, nil
	}
	if err := installJava(ctx, say); err != nil {
		return nil, err
	}
	node, err := newKafkaNode(ctx, say, nil)
	if err != nil {
		return nil, err
	}
	if err := node.start(ctx, true); err != nil {
		return nil, err
	}
	return &Running{
		Title: fmt.Sprintf("Apache Kafka %s at %s (started for this run)", KafkaVersion, node.addr),
		Env:   []string{envKafka + "=" + node.addr, envKafkaVersion + "=" + KafkaVersion},
		Try:   tryKafka(node.addr),
		Stop:  sync.OnceFunc(node.process.kill),
	}, nil
}

func tryKafka(addrs string) []string {
	return []string{
		fmt.Sprintf("go run ./cmd/culvert serve --config configs/dev.yaml --broker kafka --kafka-brokers %s", addrs),
		fmt.Sprintf("%s=%s go test ./...", envKafka, addrs),
	}
}
