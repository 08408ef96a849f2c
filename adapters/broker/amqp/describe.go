package amqp

import (
	"context"

	"culvert/domain"
)

// Describe implements ports.Describer. Of a topic without a log there is nothing to tell: it has no epoch, and no partition of a known extent.
func (b *Broker) Describe(ctx context.Context, topic domain.Topic) (domain.TopicInfo, error) {
	l, err := b.find(ctx, b.viewing, topic, false)
	if err != nil {
		return domain.TopicInfo{}, err
	}
	info := domain.TopicInfo{Topic: topic, Capabilities: b.Capabilities(topic)}
	if l.log == "" {
		return info, nil
	}
	extent, err := b.extent(ctx, l)
	if err != nil {
		return domain.TopicInfo{}, translate(topic, err)
	}
	info.Epoch = b.epochs.of(l.log)
	info.Partitions = []domain.Extent{extent}
	return info, nil
}

// extent is what a log has now.
func (b *Broker) extent(ctx context.Context, l layout) (domain.Extent, error) {
	first, err := b.begins(ctx, l)
	if err != nil {
		return domain.Extent{}, err
	}
	s, err := b.attach(ctx, l, streamLast)
	if err != nil {
		return domain.Extent{}, err
	}
	defer s.close()
	newest, err := s.end(ctx)
	if newest == nil {
		return domain.Extent{First: first, End: first}, err
	}
	after := newest.After()
	return domain.Extent{First: first, End: after.Next, Fingerprint: after.Fingerprint}, err
}

// begins is the offset of a log's first message; 0 where it is empty.
func (b *Broker) begins(ctx context.Context, l layout) (int64, error) {
	s, err := b.attach(ctx, l, streamFirst)
	if err != nil {
		return 0, err
	}
	defer s.close()
	batch, err := s.beginning(ctx)
	if len(batch) == 0 {
		return 0, err
	}
	return batch[0].Offset, nil
}

// end is the end of a log as of now.
func (b *Broker) end(ctx context.Context, l layout) (int64, error) {
	s, err := b.attach(ctx, l, streamLast)
	if err != nil {
		return 0, err
	}
	defer s.close()
	newest, err := s.end(ctx)
	if newest == nil {
		return 0, err
	}
	return newest.Offset + 1, err
}
