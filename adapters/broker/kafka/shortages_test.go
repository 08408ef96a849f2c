package kafka

import (
	"log/slog"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Replicas that are behind are no reason to refuse anything, as long as there are enough, or while nobody knows how many there must be.
func TestAPartitionIsShortOfReplicas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		least  int
		secret bool
		behind map[int32]int
		short  []int32
	}{
		"none is behind":         {least: 3},
		"enough are in sync":     {least: 2, behind: map[int32]int{0: 2, 1: 3}},
		"too few of one":         {least: 2, behind: map[int32]int{0: 2, 1: 1}, short: []int32{1}},
		"the setting is secret":  {least: 2, secret: true, behind: map[int32]int{0: 0, 1: 1}},
		"more than there can be": {least: 9, behind: map[int32]int{1: 2}, short: []int32{1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"), kfake.BrokerConfigs(map[string]string{"min.insync.replicas": strconv.Itoa(c.least)}))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cluster.Close)
			cluster.ControlKey(int16(kmsg.DescribeConfigs), func(r kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				answer := r.ResponseKind().(*kmsg.DescribeConfigsResponse)
				resource := kmsg.NewDescribeConfigsResponseResource()
				resource.ResourceType, resource.ResourceName, resource.ErrorCode = kmsg.ConfigResourceTypeTopic, "orders", kerr.TopicAuthorizationFailed.Code
				answer.Resources = []kmsg.DescribeConfigsResponseResource{resource}
				return answer, nil, c.secret
			})
			cfg := DefaultConfig()
			cfg.Brokers = cluster.ListenAddrs()
			b, err := New(cfg, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close(t.Context())
			got := b.short(t.Context(), "orders", topology{behind: c.behind})
			if len(got) != len(c.short) {
				t.Fatalf("short are %v, want %v", got, c.short)
			}
			for _, p := range c.short {
				if got[p] == nil {
					t.Errorf("short are %v, want %v", got, c.short)
				}
			}
		})
	}
}
