package kafka

import (
	"context"
	"errors"
	"sync"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"

	"culvert/domain"
)

// groups are the names of the cluster's consumer groups, also of those without members; with an error where a broker did not tell its own, which may be gone and the cluster not know it yet. sarama's own
// ListConsumerGroups passes over what a broker says that is not ready to tell its groups, and knows no brokers but those that it has met.
func (b *Broker) groups(ctx context.Context, topic domain.Topic) ([]string, error) {
	return askGroups(ctx, b, topic, nil, func(a *admin) ([]string, error) {
		_ = a.client.RefreshMetadata(string(topic)) // for the brokers; what is wrong with the topic others find
		var groups []string
		var failed error
		for _, coordinator := range a.client.Brokers() {
			own, err := coordinated(a, coordinator)
			groups = append(groups, own...)
			if err != nil {
				failed = err
			}
		}
		return groups, failed
	})
}

// coordinated are the names of the groups that one broker coordinates.
func coordinated(a *admin, coordinator *sarama.Broker) ([]string, error) {
	_ = coordinator.Open(a.client.Config()) // it is open already, or the request says why not
	response, err := coordinator.ListGroups(&sarama.ListGroupsRequest{Version: listGroupsVersion})
	if err != nil {
		return nil, err
	}
	if !errors.Is(response.Err, sarama.ErrNoError) {
		return nil, response.Err
	}
	var groups []string
	for group, protocol := range response.Groups {
		if protocol == consumerProtocol || protocol == "" { // which is that of groups that never had a member
			groups = append(groups, group)
		}
	}
	return groups, nil
}

const (
	// listGroupsVersion is the oldest that every Kafka since 0.11 speaks. What newer ones tell besides is not needed.
	listGroupsVersion = 1
	consumerProtocol  = "consumer"
)

// commitsOf gives what each of the groups has committed in the topic. Groups that we may not see are left out.
func (b *Broker) commitsOf(ctx context.Context, topic domain.Topic, partitions []int32, groups []string) (map[string]map[int32]commit, error) {
	const atOnce = 5  // as many requests as sarama has under way on a connection
	var mu sync.Mutex // guards all
	all := make(map[string]map[int32]commit, len(groups))
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(atOnce)
	for _, group := range groups {
		asking.Go(func() error { // ends with its answer, or with ctx
			commits, err := b.commits(ctx, topic, group, partitions)
			if errors.Is(err, sarama.ErrGroupAuthorizationFailed) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			all[group] = commits
			return err
		})
	}
	return all, asking.Wait()
}

// subscribed are those of the groups that have a member that reads the topic.
func (b *Broker) subscribed(ctx context.Context, topic domain.Topic, groups []string) ([]string, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	return askGroups(ctx, b, topic, groups, func(a *admin) ([]string, error) {
		described, err := a.DescribeConsumerGroups(groups)
		if err != nil {
			return nil, err
		}
		var found []string
		for _, group := range described {
			if passing(group.Err) {
				_ = a.client.RefreshCoordinator(group.GroupId)
				return nil, group.Err
			}
			if reads(group, topic) {
				found = append(found, group.GroupId)
			}
		}
		return found, nil
	})
}

// reads reports whether a member of the group has subscribed to topic. One whose subscription cannot be read is no client of Kafka's own protocol.
func reads(group *sarama.GroupDescription, topic domain.Topic) bool {
	for _, member := range group.Members {
		subscription, err := member.GetMemberMetadata()
		if err != nil || subscription == nil {
			continue
		}
		for _, name := range subscription.Topics {
			if name == string(topic) {
				return true
			}
		}
	}
	return false
}
