package kafka_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

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
