package brokers

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"github.com/IBM/sarama"
)

// KafkaController is the node that Apache's own quorum tool tells to be the active controller.
func KafkaController(t testing.TB, cluster KafkaCluster) int32 {
	t.Helper()
	printed := kafkaTool(t, "", "org.apache.kafka.tools.MetadataQuorumCommand", "--bootstrap-server", cluster.Bootstrap(), "describe", "--status")
	found := quorumLeader.FindStringSubmatch(printed)
	if found == nil {
		t.Fatalf("the quorum tool printed %s", printed)
	}
	id, err := strconv.ParseInt(found[1], 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return int32(id)
}

var quorumLeader = regexp.MustCompile(`LeaderId:\s+(\d+)`)

// KafkaCoordinator is the node that keeps the places of a consumer group.
func KafkaCoordinator(t testing.TB, cluster KafkaCluster, group string) (node int32) {
	t.Helper()
	lookAt(t, cluster, "group "+group+" has a coordinator", func(c sarama.Client) error {
		b, err := c.Coordinator(group)
		if err == nil {
			node = b.ID()
		}
		return err
	})
	return node
}

// KafkaLeaders are the nodes that lead the partitions of a topic.
func KafkaLeaders(t testing.TB, cluster KafkaCluster, topic string) (leaders []int32) {
	t.Helper()
	lookAt(t, cluster, "topic "+topic+" is led", func(c sarama.Client) error {
		leaders = nil
		return eachPartition(c, topic, func(p int32) error {
			b, err := c.Leader(topic, p)
			if err == nil {
				leaders = append(leaders, b.ID())
			}
			return err
		})
	})
	return leaders
}

// AwaitInSync returns when each replica of these topics is in sync with its leader.
func AwaitInSync(t testing.TB, cluster KafkaCluster, topics ...string) {
	t.Helper()
	lookAt(t, cluster, "all replicas are in sync", func(c sarama.Client) error {
		for _, topic := range topics {
			err := eachPartition(c, topic, func(p int32) error {
				all, err := c.Replicas(topic, p)
				if err != nil {
					return err
				}
				follow, err := c.InSyncReplicas(topic, p)
				if err == nil && len(follow) < len(all) {
					err = fmt.Errorf("of the nodes %v only %v have all of partition %d of %s", all, follow, p, topic)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// lookAt waits until the cluster, asked anew each time, tells something without an error.
func lookAt(t testing.TB, cluster KafkaCluster, what string, tells func(sarama.Client) error) {
	t.Helper()
	var err error
	defer func() {
		if err != nil {
			t.Log(err)
		}
	}()
	Eventually(t, startTimeout, what, func() bool {
		err = func() error {
			c, err := sarama.NewClient(cluster.Addrs, sarama.NewConfig())
			if err != nil {
				return err
			}
			defer c.Close()
			return tells(c)
		}()
		return err == nil
	})
}

func eachPartition(c sarama.Client, topic string, do func(int32) error) error {
	partitions, err := c.Partitions(topic)
	if err != nil {
		return err
	}
	for _, p := range partitions {
		if err := do(p); err != nil {
			return err
		}
	}
	return nil
}
