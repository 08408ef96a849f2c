package amqp

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// upheaval is how long a reading that begins is tried while the server is there and its streams are not. Where a process of its own fails (measured with 3.10.8, whose retention may fail when a log is
// deleted) all its streams are away for a moment; and whoever attaches to one just then costs all that read the connection.
const upheaval = 5 * time.Second

// Tail implements ports.Tailer.
func (b *Broker) Tail(ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
	conn, err := b.admit(ctx)
	if err != nil {
		return domain.Opening{}, nil, err
	}
	opening, chunks, err := b.tail(ctx, topic, from)
	pauses := newBackOff()
	for began := time.Now(); err != nil && (conn.IsClosed() || starting(err)) && time.Since(began) < upheaval; {
		b.viewing.rest(ctx, pauses.NextBackOff())
		if conn, err = b.viewing.connection(ctx); err != nil {
			break
		}
		opening, chunks, err = b.tail(ctx, topic, from)
	}
	if err != nil {
		b.tails.Add(-1)
		return domain.Opening{}, nil, err
	}
	context.AfterFunc(ctx, func() { b.tails.Add(-1) })
	return opening, chunks, nil
}

// admit counts one who reads, and gives the connection that there is. Each of them has a channel of its own. Some channels are left for what has to be asked on the way: without one nobody could go on.
func (b *Broker) admit(ctx context.Context) (*amqp091.Connection, error) {
	conn, err := b.viewing.connection(ctx)
	if err != nil {
		return nil, err
	}
	most := int64(conn.Config.ChannelMax)
	if b.tails.Add(1) > most-max(most/16, 2) {
		b.tails.Add(-1)
		return nil, errChannels()
	}
	return conn, nil
}

func (b *Broker) tail(ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
	l, err := b.ensure(ctx, b.viewing, topic)
	if err != nil {
		return domain.Opening{}, nil, err
	}
	if l.log == "" {
		return b.live(ctx, l, from)
	}
	r := &reader{broker: b, layout: l, epoch: b.epochs.of(l.log)}
	gap, err := r.begin(ctx, from)
	if err != nil {
		r.close()
		return domain.Opening{}, nil, translate(topic, err)
	}
	opening := domain.Opening{Vector: domain.NewVector(r.epoch, r.place)}
	if gap != nil {
		opening.Gaps = []domain.Gap{*gap}
	}
	return opening, func(yield func(domain.Chunk, error) bool) { r.run(ctx, yield) }, nil
}

// reader reads the log of one topic. One goroutine uses it.
type reader struct {
	broker *Broker
	layout layout
	epoch  domain.Epoch
	place  domain.Place      // before what is yielded next
	held   []*domain.Message // came already, and are yielded first
	log    *stream           // nil before the first attempt to attach
}

// attach lets r's consumer begin elsewhere. What it has got so far is forgotten.
func (r *reader) attach(ctx context.Context, at any) (err error) {
	r.close()
	r.held = nil
	r.log, err = r.broker.attach(ctx, r.layout, at)
	return err
}

func (r *reader) close() {
	if r.log != nil {
		r.log.close()
		r.log = nil
	}
}

// run yields until ctx ends, the topic is gone, or the loop is left.
func (r *reader) run(ctx context.Context, yield func(domain.Chunk, error) bool) {
	defer r.close()
	for {
		batch, err := r.next(ctx)
		if err == nil {
			if err = r.yield(ctx, batch, yield); errors.Is(err, errLeft) {
				return
			}
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return
		}
		r.broker.log.Debug("reading begins anew", "topic", r.layout.topic, "cause", err)
		gap, err := r.recover(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			yield(domain.Chunk{}, err)
			return
		}
		if gap != nil && !yield(r.gap(gap), nil) {
			return
		}
	}
}

// next gives messages as they come. They may begin before r's place.
func (r *reader) next(ctx context.Context) ([]*domain.Message, error) {
	if batch := r.held; len(batch) > 0 {
		r.held = nil
		return batch, nil
	}
	return r.log.take(ctx)
}

// errLeft says that the loop over what is yielded was left.
var errLeft = errors.New("the loop was left")

// yield yields messages, cut where offsets are missing.
func (r *reader) yield(ctx context.Context, batch []*domain.Message, yield func(domain.Chunk, error) bool) error {
	for len(batch) > 0 && batch[0].Offset < r.place.Next {
		batch = batch[1:]
	}
	for len(batch) > 0 {
		n := 1
		for n < len(batch) && batch[n].Offset == batch[n-1].Offset+1 {
			n++
		}
		gap, err := r.jump(ctx, batch[0].Offset)
		if err != nil {
			return err
		}
		r.place = batch[n-1].After()
		if !yield(domain.Chunk{Gap: gap, Messages: batch[:n:n], Next: r.place.Next}, nil) {
			return errLeft
		}
		batch = batch[n:]
	}
	return nil
}

// jump gives the hole before the offset that comes next. The server uses offsets up for notes of its own, as at the beginning of each segment, so that nothing need be lost: only where the
// log begins behind r's place now was r too late.
func (r *reader) jump(ctx context.Context, offset int64) (*domain.Gap, error) {
	if offset == r.place.Next {
		return nil, nil
	}
	first, err := r.broker.begins(ctx, r.layout)
	if err != nil || first <= r.place.Next {
		return nil, err
	}
	return &domain.Gap{Reason: domain.GapRetention, Lost: offset - r.place.Next}, nil
}

// gap is the chunk that tells of a hole where r goes on. Where the log was made anew r is in its next epoch from here on.
func (r *reader) gap(gap *domain.Gap) domain.Chunk {
	c := domain.Chunk{Gap: gap, Next: r.place.Next}
	if gap.Reason == domain.GapEpoch {
		r.broker.log.Warn("the log of a topic was made anew", "topic", r.layout.topic)
		r.epoch = r.broker.epochs.after(r.layout.log, r.epoch)
		c.Epoch = r.epoch
	}
	return c
}

// recover attaches r again at its place, however long that takes, and gives the hole that it finds there. Its error is what ends the sequence.
func (r *reader) recover(ctx context.Context) (gap *domain.Gap, err error) {
	place := r.place // as far as it was read
	err = r.broker.outlive(ctx, r.layout.topic, func() (err error) {
		gap, err = r.again(ctx, place)
		return err
	})
	return gap, err
}

// again attaches r at place once more. A log that is not there is made anew, where that is allowed.
func (r *reader) again(ctx context.Context, place domain.Place) (*domain.Gap, error) {
	gap, err := r.resume(ctx, place)
	if err == nil || domain.CodeOf(err) != domain.UnknownTopic {
		return gap, err
	}
	if r.layout, err = r.broker.ensure(ctx, r.broker.viewing, r.layout.topic); err != nil {
		return nil, err
	}
	return epochGap(), r.first(ctx)
}
