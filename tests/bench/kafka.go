package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/IBM/sarama"

	"culvert/tests/bench/bare"
	"culvert/tests/bench/numbered"
)

// partitions is how many each topic of a row on Kafka has.
const partitions = 4

// kafka is a real Kafka, and a bridge before it.
type kafka struct {
	stage  *Stage
	addrs  []string
	admin  sarama.ClusterAdmin
	client sarama.Client
	bridge *Process
}

// kafka opens both for a work.
func (s *Stage) kafka(ctx context.Context) (*kafka, error) {
	addrs, err := s.Kafka(ctx)
	if err != nil {
		return nil, err
	}
	k := &kafka{stage: s, addrs: addrs}
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	if k.client, err = sarama.NewClient(addrs, config); err != nil {
		return nil, err
	}
	if k.admin, err = sarama.NewClusterAdminFromClient(k.client); err != nil {
		return nil, errors.Join(err, k.client.Close())
	}
	s.Defer(func() { _ = k.admin.Close() }) // and the client with it; nobody needs either any more
	k.bridge, err = s.Culvert("CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS="+addrs[0], "CULVERT_QUEUE_MAX_ATTEMPTS=0")
	return k, err
}

// topic makes a topic, and returns when all its partitions can be written to.
func (k *kafka) topic(ctx context.Context) (string, error) {
	name := "bench-" + rand.Text()
	if err := k.admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false); err != nil {
		return "", err
	}
	for {
		err := k.client.RefreshMetadata(name)
		if writable, _ := k.client.WritablePartitions(name); err == nil && len(writable) == partitions {
			return name, nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// filled makes a topic that holds so many messages of one publisher. It goes with the work.
func (k *kafka) filled(ctx context.Context, messages int) (string, error) {
	topic, err := k.topic(ctx)
	if err != nil {
		return "", err
	}
	k.stage.Defer(func() { k.remove(topic) })
	producer, err := k.stage.bare("producer")
	if err != nil {
		return "", err
	}
	_, _, err = producer.do(bare.Job{Brokers: k.addrs, Topic: topic, Messages: messages, Size: payloadSize})
	return topic, err
}

// verify finds that a topic holds the first messages of its publishers, each of them once, and nothing else.
func (k *kafka) verify(topic string, publishers, each int) error {
	held := int64(0)
	for p := range int32(partitions) {
		end, err := k.client.GetOffset(topic, p, sarama.OffsetNewest)
		if err != nil {
			return err
		}
		held += end
	}
	if held != int64(publishers*each) {
		return fmt.Errorf("%d messages were confirmed, and the topic holds %d", publishers*each, held)
	}
	return bare.Verify(k.addrs, topic, numbered.NewTally(publishers, each), payloadSize)
}

// remove lets the topic go. Where that fails it goes with the broker.
func (k *kafka) remove(topic string) { _ = k.admin.DeleteTopic(topic) }

// measured is what the bridge needs for so many messages. name tells its profile apart from those of the work's other contenders.
func (k *kafka) measured(ctx context.Context, name string, speed Figure, messages int, do func() (time.Duration, error)) (Values, error) {
	var took, used time.Duration
	as := *k.stage
	as.work += " " + name
	err := as.profiled(ctx, k.bridge, time.Second, func() error {
		before, err := k.bridge.CPU()
		if err != nil {
			return err
		}
		if took, err = do(); err != nil {
			return err
		}
		after, err := k.bridge.CPU()
		used = after - before
		return err
	})
	return worth(speed, messages, took, used), err
}

// timed is how long f takes.
func timed(f func() error) (time.Duration, error) {
	began := time.Now()
	err := f()
	return time.Since(began), err
}

// readBytes is how many bytes the process has read so far, from whatever. Its kernel counts what comes from sockets, too.
func readBytes(p *Process) (n int64, err error) {
	text, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(p.pid), "io"))
	if err == nil {
		_, err = fmt.Sscanf(string(text), "rchar: %d", &n)
	}
	return n, err
}
