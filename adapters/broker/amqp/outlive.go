package amqp

import (
	"context"
	"time"

	"culvert/domain"
)

// goneAfter is how long a topic must be missing until it counts as gone: one that somebody makes anew is missing for a moment.
const goneAfter = 2 * time.Second

// outlive calls attach, while there is a connection, until it succeeds. Its error is final: ctx has ended, the broker was closed, or the topic is gone.
func (b *Broker) outlive(ctx context.Context, topic domain.Topic, attach func() error) error {
	retry := newBackOff()
	retry.MaxInterval = goneAfter
	var missing time.Time
	for {
		if _, err := b.viewing.await(ctx); err != nil {
			return err
		}
		err := attach()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case domain.CodeOf(err) != domain.UnknownTopic:
			missing = time.Time{}
		case missing.IsZero():
			missing = time.Now()
		case time.Since(missing) > goneAfter:
			return err
		}
		b.log.Debug("reading cannot go on yet", "topic", topic, "error", err)
		b.viewing.rest(ctx, retry.NextBackOff())
	}
}
