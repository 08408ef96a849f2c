package kafka

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/cenkalti/backoff/v5"

	"culvert/domain"
)

// leaveWithin is how long the last commit and the farewell may take after a Join has ended.
const leaveWithin = 5 * time.Second

// Join implements ports.Joiner. Each call is one member of the consumer group, with connections of its own.
func (b *Broker) Join(ctx context.Context, topic domain.Topic, queue domain.Queue, terms domain.Terms) iter.Seq2[domain.LaneEvent, error] {
	return func(yield func(domain.LaneEvent, error) bool) {
		m := &membership{broker: b, topic: topic, queue: queue, group: b.cfg.group(topic, queue), events: newInbox()}
		if err := m.open(ctx, terms.From); err != nil {
			yield(domain.LaneEvent{}, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		var session sync.WaitGroup
		session.Go(func() { m.events.close(m.run(ctx)) }) // ends with ctx, or before it with an error
		defer session.Wait()
		defer cancel()
		m.events.each(yield)
	}
}

// membership is one node's part in a queue.
type membership struct {
	broker *Broker
	topic  domain.Topic
	queue  domain.Queue
	group  string
	events *inbox
	// shape is the topic's as of the session that is going on, or the one to come. It changes only between sessions.
	shape topology
	// before is the epoch of the topic that had the name before, until the queue has a place in this one; 0 where there was none.
	before domain.Epoch
	// begin, where it is not nil, is where the queue begins when the membership stands, unless it has begun then. told says that it was committed already, because the caller wants it there.
	begin []domain.Place
	told  bool
}

// open sees to it that the queue has begun, or does when the membership stands.
func (m *membership) open(ctx context.Context, from *domain.Start) error {
	shape, err := m.broker.ensure(ctx, m.topic)
	if err != nil {
		return err
	}
	m.shape = shape
	commits, err := m.commits(ctx, shape.partitions())
	if err != nil {
		return err
	}
	if len(commits) > 0 {
		return m.begun(from)
	}
	start := domain.StartLatest()
	if from != nil {
		start = *from
	}
	if m.begin, err = m.beginning(ctx, start); err != nil {
		return err
	}
	err = m.broker.commitAlone(ctx, m.topic, shape.epoch, m.group, m.begin)
	m.told = err == nil && from != nil
	if !errors.Is(err, errInhabited) {
		return err
	}
	// Others of the group are there already, so it is to be committed as one of them.
	if commits, err = m.commits(ctx, shape.partitions()); err != nil {
		return err
	}
	if len(commits) > 0 { // another node began it in the meantime
		m.begin = nil
		return m.begun(from)
	}
	return nil
}

// beginning finds where a queue begins.
func (m *membership) beginning(ctx context.Context, start domain.Start) ([]domain.Place, error) {
	places, _, err := m.broker.locate(ctx, m.topic, m.shape, start)
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		if p.Pending() {
			return nil, domain.Errorf(domain.Unavailable, "partition %d of topic %q has no leader, so queue %q cannot begin", p.Partition, m.topic, m.queue)
		}
	}
	return places, nil
}

// begun refuses to let a queue begin again.
func (m *membership) begun(from *domain.Start) error {
	if from == nil {
		return nil
	}
	return m.refusal()
}

func (m *membership) refusal() error {
	return domain.Begun(m.topic, m.queue)
}

// run takes part until ctx ends (nil) or the topic is gone, through as many sessions as that takes.
func (m *membership) run(ctx context.Context) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	// What is settled until ctx ends is committed after it, so the connections outlive it, but not for ever.
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(leaveWithin, end) })
	defer stop()
	client, err := sarama.NewClient(m.broker.cfg.Brokers, m.config(life))
	if err != nil {
		return translate(m.topic, err)
	}
	defer client.Close()
	// One group outlives its sessions, so that the cluster knows the member again and waits for no ghost of it.
	group, err := sarama.NewConsumerGroupFromClient(m.group, client)
	if err != nil {
		return translate(m.topic, err)
	}
	defer group.Close()
	return m.takePart(ctx, group)
}

// takePart goes through session after session.
func (m *membership) takePart(ctx context.Context, group sarama.ConsumerGroup) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 50*time.Millisecond, watchEvery
	joined := time.Now()
	for {
		begun := time.Now()
		err := m.session(ctx, group)
		if ctx.Err() != nil {
			return nil
		}
		if !m.events.opened() && !(passing(err) && time.Since(joined) < m.broker.cfg.RequestTimeout) {
			return translate(m.topic, err)
		}
		if time.Since(begun) > 2*watchEvery {
			pauses.Reset()
		}
		m.broker.log.Info("a queue's session has ended", "topic", m.topic, "group", m.group, "cause", err)
		if sleep(ctx, pauses.NextBackOff()) != nil {
			return nil
		}
		shape, err := m.broker.watch(ctx, m.topic)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if shape.epoch != m.shape.epoch {
			m.before = m.shape.epoch
		}
		m.shape = shape
	}
}

// passing reports whether err is the cluster's word for not being ready yet.
func passing(err error) bool {
	for _, e := range []sarama.KError{
		sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrOffsetsLoadInProgress, sarama.ErrNotCoordinatorForConsumer,
		sarama.ErrRebalanceInProgress, sarama.ErrLeaderNotAvailable, sarama.ErrNotLeaderForPartition, sarama.ErrUnknownMemberId, sarama.ErrIllegalGeneration,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// session joins the group and takes part until ctx ends, the topic is made anew, or something goes wrong. What was settled is committed when it returns.
func (m *membership) session(ctx context.Context, group sarama.ConsumerGroup) error {
	ctx, end := context.WithCancelCause(ctx)
	s := &session{membership: m, group: group, end: end}
	var watcher sync.WaitGroup
	watcher.Go(func() { s.watch(ctx) }) // ends with ctx
	defer watcher.Wait()
	defer end(nil)
	err := group.Consume(ctx, []string{string(m.topic)}, s)
	s.over()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err == nil {
		err = s.failure()
	}
	return err
}

// config is that of a group's member.
func (m *membership) config(life context.Context) *sarama.Config {
	cfg := m.broker.cfg
	c := m.broker.sarama(life)
	c.Metadata.RefreshFrequency = watchEvery // by which new partitions are noticed
	c.Metadata.Retry.Max = 3
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyCooperativeSticky()}
	c.Consumer.Group.Rebalance.Timeout = cfg.RebalanceTimeout
	c.Consumer.Group.Rebalance.Retry.Max = 20
	c.Consumer.Group.Rebalance.Retry.Backoff = 250 * time.Millisecond // sarama's own 2s would be added to each rebalance that runs into another
	c.Consumer.Group.Session.Timeout = cfg.SessionTimeout
	c.Consumer.Group.Heartbeat.Interval = min(cfg.SessionTimeout/4, 500*time.Millisecond)
	c.Consumer.Group.ResetInvalidOffsets = false // a jump is never silent: see session.Setup
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Interval = cfg.CommitInterval
	c.Consumer.MaxWaitTime = min(cfg.FetchWait, claimWait)
	c.Consumer.Fetch.Default = int32(cfg.FetchPartitionBytes)
	c.Consumer.Fetch.MaxBytes = int32(cfg.FetchBytes)
	c.Consumer.Return.Errors = false
	// A join waits for the whole group, so its answer may take as long as a rebalance. Everything else is answered sooner.
	c.Net.ReadTimeout = max(cfg.RequestTimeout, cfg.RebalanceTimeout+5*time.Second)
	way := dialUntil(life, cfg.DialTimeout)
	if c.Net.TLS.Enable { // ours, since a promptConn has to see what is asked
		way = way.secured(life, c.Net.TLS.Config, cfg.DialTimeout)
		c.Net.TLS.Enable = false
	}
	c.Net.Proxy.Dialer = way.prompt(cfg.RequestTimeout)
	return c
}

// claimWait is how long a poll of a claim may last. A revocation shows only when the poll is over.
const claimWait = 250 * time.Millisecond
