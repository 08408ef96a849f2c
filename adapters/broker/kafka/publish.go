package kafka

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"culvert/domain"
)

// Publish implements ports.Publisher. A message whose outcome is not known at ctx's deadline is answered then: with Unavailable where it never left, and then it never will; with
// Timeout where it did.
func (b *Broker) Publish(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(i int, ack domain.Ack, err error)) {
	if len(batch) == 0 {
		return
	}
	if !b.enter() {
		refuse(batch, done, errClosed())
		return
	}
	defer b.leave()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(b.cfg.PublishTimeout)
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	p, err := b.producing(ctx, topic)
	if err != nil {
		refuse(batch, done, translate(topic, err))
		return
	}
	route, err := p.route(ctx, topic)
	if err != nil {
		refuse(batch, done, err)
		return
	}
	parcel := newParcel(topic, p, batch, deadline, done)
	choose := chooser{client: p.client, topic: string(topic), keyless: none}
	for i := range parcel.messages {
		o := &parcel.messages[i]
		if o.size > route.largest {
			route = p.wider(ctx, b, topic, route)
		}
		if err := p.send(ctx, route, &choose, o); err != nil {
			o.answer(domain.Ack{}, err)
		}
	}
	parcel.sealed()
}

// producing gives the producer. Before it is made the cluster and the topic are looked for, since sarama takes long to say that there is no cluster.
func (b *Broker) producing(ctx context.Context, topic domain.Topic) (*producer, error) {
	if p := b.producer.made.Load(); p != nil {
		return p, nil
	}
	if _, err := b.ensure(ctx, topic); err != nil {
		return nil, err
	}
	return b.producer.get(ctx)
}

func refuse(batch []*domain.Message, done func(i int, ack domain.Ack, err error), err error) {
	for i := range batch {
		done(i, domain.Ack{}, err)
	}
}

// send hands one message to the producer. It blocks while too much is under way to its partition, unless that has no leader: then waiting would only hold up
// the others.
func (p *producer) send(ctx context.Context, route *route, choose *chooser, o *outgoing) error {
	if o.size > route.largest {
		return route.refuse(o)
	}
	partition, writable, err := choose.partition(&o.record)
	if err != nil {
		return translate(o.parcel.topic, err)
	}
	o.record.Partition = partition
	if cause := p.leaders.absent(o.parcel.topic, partition); cause != nil {
		return withoutLeader(o.parcel.topic, partition).Because(cause)
	}
	if cause := p.shortages.of(o.parcel.topic, partition).lasting(); cause != nil {
		return domain.Errorf(domain.Unavailable, "too few replicas of partition %d of topic %q are in sync", partition, o.parcel.topic).Because(cause)
	}
	lane := route.lane(partition)
	weight := route.weight(o.size)
	if !lane.TryAcquire(weight) {
		if !writable {
			return withoutLeader(o.parcel.topic, partition)
		}
		if err := lane.Acquire(ctx, weight); err != nil {
			return full(err)
		}
	}
	o.partition, o.lane, o.weight = partition, lane, weight
	select {
	case p.async.Input() <- &o.record:
		return nil
	default: // it waits, which costs more
	}
	select {
	case p.async.Input() <- &o.record:
		return nil
	case <-ctx.Done():
		lane.Release(weight)
		return full(ctx.Err())
	}
}

func withoutLeader(topic domain.Topic, partition int32) *domain.Error {
	return domain.Errorf(domain.Unavailable, "partition %d of topic %q has no leader now", partition, topic)
}

func full(err error) error {
	return domain.Errorf(domain.Unavailable, "the broker did not take the message in time").Because(err)
}

// chooser finds the partitions of a batch: by murmur2 of a message's key, as Kafka's own clients do; without a key one that is writable, the same for the whole batch, so
// that the batch stays one.
type chooser struct {
	client  sarama.Client
	topic   string
	keyless int32 // none before there was a message without a key
}

const none = -1

// byKey are partitioners that are not in use. Making one costs more than what it is for.
var byKey = sync.Pool{New: func() any { return sarama.NewMurmur2Partitioner("") }}

// partition gives the partition of a message, and whether it is writable.
func (c *chooser) partition(msg *sarama.ProducerMessage) (partition int32, writable bool, err error) {
	if msg.Key == nil && c.keyless != none {
		return c.keyless, true, nil
	}
	able, err := c.client.WritablePartitions(c.topic)
	if err != nil {
		return 0, false, err
	}
	from := able
	if msg.Key != nil || len(able) == 0 {
		if from, err = c.client.Partitions(c.topic); err != nil {
			return 0, false, err
		}
	}
	if len(from) == 0 {
		return 0, false, sarama.ErrLeaderNotAvailable
	}
	partitioner := byKey.Get().(sarama.Partitioner)
	defer byKey.Put(partitioner)
	at, err := partitioner.Partition(msg, int32(len(from)))
	if err != nil {
		return 0, false, err
	}
	if msg.Key == nil {
		c.keyless = from[at]
	}
	return from[at], slices.Contains(able, from[at]), nil
}

// acked answers with what the broker confirmed.
func acked(msg *sarama.ProducerMessage) {
	o := msg.Value.(*outgoing)
	o.release()
	ack := domain.Ack{Time: msg.Timestamp.UTC()}
	if msg.Offset != noOffset { // a duplicate of a retry is confirmed without an offset
		o.position = domain.Position{Partition: msg.Partition, Offset: msg.Offset}
		ack.Position = &o.position
	}
	o.answer(ack, nil)
}

// failed answers with what went wrong. A failure of the way, not of the message, says nothing about a message that had left.
func (p *producer) failed(e *sarama.ProducerError) {
	o := e.Msg.Value.(*outgoing)
	o.release()
	err := translate(o.parcel.topic, e.Err)
	switch domain.CodeOf(err) {
	case domain.UnknownTopic:
		p.forget(o.parcel.topic)
	case domain.TooLarge:
		p.doubt(o)
		return
	case domain.Unavailable:
		var config sarama.ConfigurationError
		if errors.As(e.Err, &config) { // sarama's own check of the size
			err = domain.Errorf(domain.TooLarge, "the message is larger than topic %q takes", o.parcel.topic).Because(e.Err)
		} else if o.left() {
			err = o.unconfirmed().Because(e.Err)
		}
	}
	o.answer(domain.Ack{}, err)
}
