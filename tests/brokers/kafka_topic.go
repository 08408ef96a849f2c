package brokers

import (
	"crypto/rand"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

var notInNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// Topic gives a name that no other test, and no other run, uses.
func Topic(t testing.TB) string {
	name := notInNames.ReplaceAllString(t.Name(), "-")
	return name[:min(len(name), 100)] + "-" + strings.ToLower(rand.Text()[:8])
}

// KafkaAdmin gives a client for what tests do to a cluster behind our back. It is closed with the test.
func KafkaAdmin(t testing.TB, cluster KafkaCluster) sarama.ClusterAdmin {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.ClientID = "culvert-tests"
	cfg.Version = sarama.V3_6_0_0
	cfg.Metadata.AllowAutoTopicCreation = false
	admin, err := sarama.NewClusterAdmin(cluster.Addrs, cfg)
	if err != nil {
		t.Fatalf("no admin of the Kafka at %s: %v", cluster.Bootstrap(), err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	return admin
}

// CreateTopic makes a topic with the cluster's own number of replicas, and returns when every partition of it has a leader. configs are the topic's settings, in pairs.
func CreateTopic(t testing.TB, cluster KafkaCluster, name string, partitions int32, configs ...string) {
	t.Helper()
	detail := &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: -1, ConfigEntries: map[string]*string{}}
	for i := 0; i+1 < len(configs); i += 2 {
		detail.ConfigEntries[configs[i]] = &configs[i+1]
	}
	createTopic(t, cluster, name, partitions, detail)
}

// CreateTopicOn is CreateTopic for a topic whose partitions lie on these nodes, each on one.
func CreateTopicOn(t testing.TB, cluster KafkaCluster, name string, nodes ...int32) {
	t.Helper()
	detail := &sarama.TopicDetail{NumPartitions: -1, ReplicationFactor: -1, ReplicaAssignment: map[int32][]int32{}}
	for partition, node := range nodes {
		detail.ReplicaAssignment[int32(partition)] = []int32{node}
	}
	createTopic(t, cluster, name, int32(len(nodes)), detail)
}

func createTopic(t testing.TB, cluster KafkaCluster, name string, partitions int32, detail *sarama.TopicDetail) {
	t.Helper()
	admin := KafkaAdmin(t, cluster)
	if err := admin.CreateTopic(name, detail, false); err != nil {
		t.Fatalf("creating topic %s: %v", name, err)
	}
	client, err := sarama.NewClient(cluster.Addrs, sarama.NewConfig())
	if err != nil {
		t.Fatalf("reaching Kafka: %v", err)
	}
	defer client.Close()
	// The controller tells of leaders before they know of it themselves.
	Eventually(t, 10*time.Second, "topic "+name+" is led", func() bool {
		if client.RefreshMetadata(name) != nil {
			return false
		}
		for p := range partitions {
			if _, err := client.GetOffset(name, p, sarama.OffsetNewest); err != nil {
				return false
			}
		}
		return true
	})
}
