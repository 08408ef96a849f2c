package amqp

import (
	"context"

	"culvert/domain"
)

// Progress implements ports.QueueKeeper. It tells no places, since the server has none. To a classic queue, being looked at is being used: see Config.QueueExpires.
func (b *Broker) Progress(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Progress, error) {
	v, err := b.visit(ctx, topic, queue)
	if err != nil {
		return domain.Progress{}, err
	}
	defer v.close()
	progress := domain.Progress{Lag: b.lag(ctx, v)}
	if !v.queue.single {
		progress.Order = domain.OrderNone
	}
	return progress, nil
}

// lag is how many messages a queue has. AMQP tells of those alone that nobody holds. Where nobody consumes the queue these are all, but for what a program may have taken by basic.get. Else
// the management plugin tells, to which a quorum queue reports every five seconds.
func (b *Broker) lag(ctx context.Context, v *visit) int64 {
	ready := int64(v.told.Messages)
	if v.told.Consumers == 0 {
		return ready
	}
	if b.management == nil {
		return domain.LagUnknown
	}
	n, err := b.management.holds(ctx, v.queue.name)
	if err != nil {
		b.log.Debug("the management plugin does not tell how much a queue has", "queue", v.queue.name, "error", err)
		return domain.LagUnknown
	}
	return max(n, ready)
}
