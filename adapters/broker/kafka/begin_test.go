package kafka_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"culvert/adapters/broker/kafka"
	"culvert/domain"
	"culvert/tests/brokers"
)

// onTheWay calls f once, when a member has looked where the queue is and is on its way into the group.
func onTheWay(c *kfake.Cluster, f func()) {
	f = sync.OnceFunc(f) // a member asks twice to be let in
	c.ControlKey(int16(kmsg.JoinGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.SleepControl(f)
		return nil, nil, false
	})
}

// Two nodes that began a queue at the same instant in different places were both told that it begins where they said.
func TestOfTwoBeginningsOneIsRefused(t *testing.T) {
	earliest := domain.StartEarliest()
	for name, c := range map[string]struct {
		from *domain.Start
		want domain.Code
	}{"who said where": {&earliest, domain.Conflict}, "who did not": {nil, ""}} {
		t.Run(name, func(t *testing.T) {
			cluster := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
			b := open(t, cluster.ListenAddrs())
			mustPublish(t, b, "orders", numbers(0, 5)...)
			onTheWay(cluster, func() {
				commitBehindOurBack(t, brokers.KafkaCluster{Addrs: cluster.ListenAddrs()}, "orders.workers", "orders", 3)
			})
			m := join(t, b, "orders", "workers", c.from)
			if c.want != "" {
				if domain.CodeOf(m.err) != c.want {
					t.Errorf("the other's beginning counts, and this one is told %v, want %s", m.err, c.want)
				}
				return
			}
			if got, want := payloads(m.given(t, 2)), numbers(3, 5); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("the queue was given %q, want %q", got, want)
			}
		})
	}
}

// A member that found nothing committed took all partitions for new ones, and was given the whole topic.
func TestAQueueThatIsDeletedUnderAMemberBeginsAnew(t *testing.T) {
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"))
	b := open(t, c.ListenAddrs())
	mustPublish(t, b, "orders", numbers(0, 5)...)
	join(t, b, "orders", "workers", nil).leave()
	onTheWay(c, func() {
		if err := b.Forget(t.Context(), "orders", "workers"); err != nil {
			t.Error(err)
		}
	})
	m := join(t, b, "orders", "workers", nil)
	mustPublish(t, b, "orders", "after it")
	if got := payloads(m.given(t, 1)); got[0] != "after it" {
		t.Errorf("the queue was given %q, want what came after it was deleted", got)
	}
}

// Who began a queue as a member while another came was told that the broker is away.
func TestABeginningThatARebalanceOvertakesIsTriedAgain(t *testing.T) {
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b := open(t, c.ListenAddrs())
	join(t, b, "orders", "workers", nil).leave()
	onTheWay(c, func() {
		if err := b.Forget(t.Context(), "orders", "workers"); err != nil {
			t.Error(err)
		}
	})
	c.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		response := r.ResponseKind().(*kmsg.OffsetCommitResponse)
		response.Topics = []kmsg.OffsetCommitResponseTopic{{Topic: "orders", Partitions: []kmsg.OffsetCommitResponseTopicPartition{{ErrorCode: kerr.IllegalGeneration.Code}}}}
		return response, nil, true
	})
	m := join(t, b, "orders", "workers", nil)
	mustPublish(t, b, "orders", "after it")
	m.given(t, 1)
}

// Who left while the cluster did not answer waited for as long as an answer may take.
func TestABeginningEndsWithItsMember(t *testing.T) {
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b := open(t, c.ListenAddrs(), func(cfg *kafka.Config) { cfg.RequestTimeout = time.Hour })
	join(t, b, "orders", "workers", nil).leave()
	onTheWay(c, func() {
		if err := b.Forget(t.Context(), "orders", "workers"); err != nil {
			t.Error(err)
		}
	})
	asked, over := make(chan struct{}), make(chan struct{})
	c.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		close(asked)
		c.SleepControl(func() { <-over })
		return nil, nil, false
	})
	t.Cleanup(func() { close(over) })
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() { // ends with ctx
		defer close(left)
		for range b.Join(ctx, "orders", "workers", domain.Terms{}) {
		}
	}()
	<-asked
	leave()
	select {
	case <-left:
	case <-time.After(patience):
		t.Error("a member that leaves waits for an answer")
	}
}

// losing makes a cluster tell, as often as it is then told to, that a group has committed nothing.
func losing(c *kfake.Cluster) (lose *atomic.Int32) {
	lose = new(atomic.Int32)
	c.ControlKey(int16(kmsg.OffsetFetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if lose.Load() == 0 {
			return nil, nil, false
		}
		lose.Add(-1)
		response := r.ResponseKind().(*kmsg.OffsetFetchResponse)
		for _, asked := range r.(*kmsg.OffsetFetchRequest).Topics {
			told := kmsg.OffsetFetchResponseTopic{Topic: asked.Topic}
			for _, p := range asked.Partitions {
				told.Partitions = append(told.Partitions, kmsg.OffsetFetchResponseTopicPartition{Partition: p, Offset: -1})
			}
			response.Topics = append(response.Topics, told)
		}
		return response, nil, true
	})
	return lose
}

// A queue whose places went with its topic was told of no gap. And for as long as its member lived, it was given the whole topic where it was deleted under the member.
func TestPlacesThatWentWithTheirTopic(t *testing.T) {
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b, lose := open(t, c.ListenAddrs()), losing(c)
	m := join(t, b, "orders", "workers", nil)
	mustPublish(t, b, "orders", numbers(0, 3)...)
	m.settle(m.given(t, 3)...)
	const looks = 2 // of a member that comes: the driver's, and ours
	lose.Store(looks)
	remake(t, brokers.KafkaCluster{Addrs: c.ListenAddrs()}, "orders")
	other := open(t, c.ListenAddrs())
	mustPublish(t, other, "orders", numbers(10, 15)...)
	if got, want := payloads(m.given(t, 8)[3:]), numbers(10, 15); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the queue went on with %q, want %q", got, want)
	}
	if len(m.gaps) != 1 || m.gaps[0].Reason != domain.GapEpoch {
		t.Errorf("the queue was told %v, want one gap of the epoch", m.gaps)
	}

	lose.Store(looks)
	c.ControlKey(int16(kmsg.Heartbeat), func(r kmsg.Request) (kmsg.Response, error, bool) {
		response := r.ResponseKind().(*kmsg.HeartbeatResponse)
		response.ErrorCode = kerr.IllegalGeneration.Code
		return response, nil, true
	})
	brokers.Eventually(t, patience, "the member looks for its places again", func() bool { return lose.Load() == 0 })
	m.until(t, "the member is back", func(m *member) bool { return len(m.claims) == 3 })
	mustPublish(t, other, "orders", "after it")
	if got := payloads(m.given(t, 9)[8:]); got[0] != "after it" {
		t.Errorf("the queue was given %q, want what came after it was deleted", got)
	}
}

// The answer of the first attempt may be lost, and then the second finds nothing.
func TestAGroupThatIsGoneAlreadyIsForgotten(t *testing.T) {
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b := open(t, c.ListenAddrs())
	commitBehindOurBack(t, brokers.KafkaCluster{Addrs: c.ListenAddrs()}, "orders.workers", "orders", 0)
	c.ControlKey(int16(kmsg.DeleteGroups), func(r kmsg.Request) (kmsg.Response, error, bool) {
		response := r.ResponseKind().(*kmsg.DeleteGroupsResponse)
		response.Groups = append(response.Groups, kmsg.DeleteGroupsResponseGroup{Group: "orders.workers", ErrorCode: kerr.GroupIDNotFound.Code})
		return response, nil, true
	})
	if err := b.Forget(t.Context(), "orders", "workers"); err != nil {
		t.Errorf("a group that is gone already: %v", err)
	}
}
