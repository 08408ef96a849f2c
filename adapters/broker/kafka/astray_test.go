package kafka_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"culvert/adapters/broker/kafka"
	"culvert/domain"
	"culvert/tests/brokers"
)

// twoBrokers is a cluster in which each broker leads a partition of the topic "orders".
func twoBrokers(t testing.TB) *kfake.Cluster {
	t.Helper()
	c := fake(t, kfake.NumBrokers(2), kfake.SeedTopics(2, "orders"))
	for p := range int32(2) {
		if err := c.MoveTopicPartition("orders", p, p); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// keptBy gives a queue of "orders" whose group this node coordinates.
func keptBy(c *kfake.Cluster, node int32) domain.Queue {
	for i := 0; ; i++ {
		if queue := fmt.Sprint("queue", i); c.CoordinatorFor("orders."+queue) == node {
			return domain.Queue(queue)
		}
	}
}

// A broker that once did not answer in time was never asked anything again: of its partitions and of the queues that it keeps nothing could be told until the bridge was started anew.
func TestABrokerThatDidNotAnswerInTimeIsAskedAgain(t *testing.T) {
	t.Parallel()
	c := twoBrokers(t)
	b := open(t, c.ListenAddrs(), func(cfg *kafka.Config) { cfg.RequestTimeout = time.Second })
	var queues []domain.Queue
	for node := range int32(2) {
		queue := keptBy(c, node)
		m := join(t, b, "orders", queue, nil)
		mustPublish(t, b, "orders", "one")
		m.given(t, 1)
		queues = append(queues, queue)
		progress(t, b, "orders", queue)
	}
	var mu sync.Mutex
	silent := map[string]bool{} // which nodes have not answered what
	for _, kind := range []kmsg.Key{kmsg.ListOffsets, kmsg.OffsetFetch} {
		c.ControlKey(int16(kind), func(r kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			mu.Lock()
			defer mu.Unlock()
			once := fmt.Sprint(r.Key(), " of ", c.CurrentNode())
			again := silent[once]
			silent[once] = true
			return nil, nil, !again
		})
	}
	for _, queue := range queues {
		brokers.Eventually(t, patience, "the queue is told of", func() bool {
			_, err := b.Progress(t.Context(), "orders", queue)
			return err == nil
		})
	}
}

// While a broker was gone that had led partitions, and kept queues, nothing could be told of these, though another did so in its place: the bridge kept to the one that it knew.
func TestALeaderAndCoordinatorThatIsGone(t *testing.T) {
	t.Parallel()
	const gone = 0 // the other one is the controller, which sarama does look for anew
	c := twoBrokers(t)
	b := open(t, c.ListenAddrs(), func(cfg *kafka.Config) { cfg.RequestTimeout = 2 * time.Second })
	queue := keptBy(c, gone)
	m := join(t, b, "orders", queue, nil)
	mustPublish(t, b, "orders", "one")
	m.given(t, 1)
	m.leave()
	progress(t, b, "orders", queue)

	c.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		return nil, errors.New("the broker is gone"), c.CurrentNode() == gone
	})
	if _, err := b.Progress(t.Context(), "orders", queue); domain.CodeOf(err) != domain.Unavailable {
		t.Fatalf("while the cluster does not know of it yet: %v", err)
	}
	if err := c.RemoveNode(gone); err != nil {
		t.Fatal(err)
	}
	var err error
	defer func() {
		if t.Failed() {
			t.Log(err)
		}
	}()
	brokers.Eventually(t, patience, "the queue is told of", func() bool {
		_, err = b.Progress(t.Context(), "orders", queue)
		return err == nil
	})
}
