package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/cenkalti/backoff/v5"

	"culvert/domain"
)

// admin is the client for everything that is neither published nor read.
type admin struct {
	sarama.ClusterAdmin
	client sarama.Client
}

func (b *Broker) connectAdmin(ctx context.Context) (*admin, error) {
	c := b.sarama(ctx)
	c.Metadata.Full = true // without it sarama cannot find the controller
	c.Metadata.RefreshFrequency = 0
	client, err := sarama.NewClient(b.cfg.Brokers, c)
	if err != nil {
		return nil, err
	}
	a, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		_ = client.Close()
		return nil, err
	}
	return &admin{ClusterAdmin: a, client: client}, nil
}

// ask calls f with the administration client, at most until ctx ends.
func ask[T any](ctx context.Context, b *Broker, topic domain.Topic, f func(*admin) (T, error)) (T, error) {
	v, err := within(ctx, b, func() (T, error) {
		a, err := b.admin.get(ctx)
		if err != nil {
			var none T
			return none, err
		}
		return f(a)
	})
	return v, translate(topic, err)
}

// askController is ask for what the cluster's controller is asked for. Since Kafka has no ZooKeeper that is whatever broker the last metadata named, and sarama keeps to it though it be gone.
func askController[T any](ctx context.Context, b *Broker, topic domain.Topic, f func(*admin) (T, error)) (T, error) {
	const attempts = 5
	return ask(ctx, b, topic, func(a *admin) (v T, err error) {
		for range attempts {
			v, err = f(a)
			var refused sarama.KError
			if err == nil || errors.As(err, &refused) || ctx.Err() != nil {
				break
			}
			if lost := a.client.RefreshMetadata(); lost != nil { // no broker answers
				break
			}
		}
		return v, err
	})
}

// topology is what the cluster tells of a topic.
type topology struct {
	epoch   domain.Epoch
	leaders map[int32]int32 // by partition; noLeader where there is none now
	behind  map[int32]int   // by partition that has a leader but not all of its replicas in sync: how many are
}

const noLeader = -1

// topology asks for it. A topic that is not there is UnknownTopic.
func (b *Broker) topology(ctx context.Context, topic domain.Topic) (topology, error) {
	return askController(ctx, b, topic, func(a *admin) (topology, error) {
		found, err := a.DescribeTopics([]string{string(topic)})
		if err != nil {
			return topology{}, err
		}
		if len(found) != 1 {
			return topology{}, fmt.Errorf("asked for one topic, told of %d", len(found))
		}
		t := found[0]
		if t.Err != sarama.ErrNoError && t.Err != sarama.ErrLeaderNotAvailable {
			return topology{}, t.Err
		}
		shape := topology{epoch: epochOf(t.Uuid), leaders: make(map[int32]int32, len(t.Partitions)), behind: make(map[int32]int)}
		for _, p := range t.Partitions {
			shape.leaders[p.ID] = p.Leader
			if p.Err == sarama.ErrLeaderNotAvailable {
				shape.leaders[p.ID] = noLeader
			}
			if shape.leaders[p.ID] != noLeader && len(p.Isr) < len(p.Replicas) {
				shape.behind[p.ID] = len(p.Isr)
			}
		}
		return shape, nil
	})
}

// epochOf makes an epoch of a topic's id. Clusters before 2.8 have no ids; there all topics have one epoch.
func epochOf(id sarama.Uuid) domain.Epoch {
	epoch := domain.Epoch(binary.BigEndian.Uint64(id[:8]) ^ binary.BigEndian.Uint64(id[8:]))
	if epoch == 0 {
		return 1
	}
	return epoch
}

// setting asks for a number of a topic's configuration.
func (b *Broker) setting(ctx context.Context, topic domain.Topic, name string) (int64, error) {
	return askController(ctx, b, topic, func(a *admin) (int64, error) {
		resource := &sarama.ConfigResource{Type: sarama.TopicResource, Name: string(topic), ConfigNames: []string{name}}
		found, err := a.DescribeConfigs([]*sarama.ConfigResource{resource}, sarama.DescribeConfigsOptions{})
		switch {
		case err != nil:
			return 0, err
		case len(found) == 1 && found[0].ErrorCode != sarama.ErrNoError:
			return 0, found[0].ErrorCode
		case len(found) != 1 || len(found[0].Configs) != 1:
			return 0, domain.Errorf(domain.Unavailable, "the broker does not tell %s of topic %q", name, topic)
		}
		return strconv.ParseInt(found[0].Configs[0].Value, 10, 64)
	})
}

// Describe implements ports.Describer. Partitions without a leader are left out: nobody knows their extent.
func (b *Broker) Describe(ctx context.Context, topic domain.Topic) (domain.TopicInfo, error) {
	shape, err := b.topology(ctx, topic)
	if err != nil {
		return domain.TopicInfo{}, err
	}
	partitions := shape.readable()
	extents, err := b.extents(ctx, topic, partitions)
	if err != nil {
		return domain.TopicInfo{}, err
	}
	info := domain.TopicInfo{Topic: topic, Capabilities: b.Capabilities(topic), Epoch: shape.epoch}
	for _, p := range partitions {
		info.Partitions = append(info.Partitions, extents[p])
	}
	return info, nil
}

// Topics implements ports.Catalogue. Kafka's own topics, and those of names that cannot be asked for, are not shown.
func (b *Broker) Topics(ctx context.Context) ([]domain.Topic, error) {
	return askController(ctx, b, "", func(a *admin) ([]domain.Topic, error) {
		found, err := a.DescribeTopics(nil)
		if err != nil {
			return nil, err
		}
		topics := make([]domain.Topic, 0, len(found))
		for _, t := range found {
			if t.IsInternal || strings.HasPrefix(t.Name, "__") {
				continue
			}
			if topic, err := domain.ParseTopic(t.Name); err == nil {
				topics = append(topics, topic)
			}
		}
		return topics, nil
	})
}

// Ensure implements ports.Creator.
func (b *Broker) Ensure(ctx context.Context, topic domain.Topic) error {
	_, err := b.ensure(ctx, topic)
	return err
}

// ensure gives the topology of a topic, which it makes where it is missing and the configuration lets it.
func (b *Broker) ensure(ctx context.Context, topic domain.Topic) (topology, error) {
	shape, err := b.topology(ctx, topic)
	if err == nil || domain.CodeOf(err) != domain.UnknownTopic {
		return shape, err
	}
	spec, ok := b.cfg.create(topic)
	if !ok {
		return shape, err
	}
	_, err = askController(ctx, b, topic, func(a *admin) (struct{}, error) {
		err := a.CreateTopic(string(topic), &sarama.TopicDetail{NumPartitions: spec.Partitions, ReplicationFactor: spec.Replicas}, false)
		if errors.Is(err, sarama.ErrTopicAlreadyExists) { // another node was faster
			err = nil
		}
		return struct{}{}, err
	})
	if err != nil {
		return topology{}, err
	}
	b.log.Info("made a topic", "topic", topic, "partitions", spec.Partitions)
	return b.awaitLeaders(ctx, topic)
}

// awaitLeaders waits until a topic just made can be used. Brokers learn of it one after the other.
func (b *Broker) awaitLeaders(ctx context.Context, topic domain.Topic) (topology, error) {
	return backoff.Retry(ctx, func() (topology, error) {
		shape, err := b.topology(ctx, topic)
		if err == nil && len(shape.readable()) < len(shape.leaders) {
			err = domain.Errorf(domain.Unavailable, "topic %q has no leaders yet", topic)
		}
		return shape, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(50*time.Millisecond)), backoff.WithMaxElapsedTime(b.cfg.RequestTimeout))
}

// Ping implements ports.Lifecycle.
func (b *Broker) Ping(ctx context.Context) error {
	_, err := askController(ctx, b, "", func(a *admin) (struct{}, error) {
		_, _, err := a.DescribeCluster()
		return struct{}{}, err
	})
	return err
}
