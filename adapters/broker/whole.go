package broker

import (
	"context"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/domain"
)

// whole is how batches leave where each is one Watermill message: whoever publishes carries its own batch, in turn, since a backend that is nobody else's answers sooner than another goroutine could
// take over. Who waits for the turn gathers meanwhile what will be its next batch.
type whole struct {
	turn chan struct{} // is full while somebody publishes
	sent uint64        // so many batches; of who has the turn
}

// publishWhole publishes messages as one, and has said done of all of them when it returns.
func (t *topic) publishWhole(ctx context.Context, pub message.Publisher, messages []*domain.Message, done func(i int, ack domain.Ack, err error)) {
	if due, ok := ctx.Deadline(); !ok || time.Until(due) > t.cfg.PublishTimeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.cfg.PublishTimeout)
		defer cancel()
	}
	landed, err := t.carryWhole(ctx, pub, messages)
	for i := range messages {
		if err != nil {
			done(i, domain.Ack{}, err)
		} else {
			done(i, ackOf(landed[i]), nil)
		}
	}
}

// carryWhole gives messages as the log has them.
func (t *topic) carryWhole(ctx context.Context, pub message.Publisher, messages []*domain.Message) (landed []*domain.Message, err error) {
	select {
	case t.whole.turn <- struct{}{}:
		defer func() { <-t.whole.turn }()
	case <-ctx.Done():
		return nil, notInTime(ctx)
	case <-t.log.ended:
		return nil, errClosed()
	}
	t.whole.sent++
	return t.send(ctx.Done(), pub, message.NewMessage(strconv.FormatUint(t.whole.sent, 10), packed(messages)))
}
