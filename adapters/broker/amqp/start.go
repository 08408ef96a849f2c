package amqp

import (
	"context"

	"culvert/domain"
)

// begin attaches r where from begins, and gives the hole between that and what there is.
func (r *reader) begin(ctx context.Context, from domain.Start) (*domain.Gap, error) {
	if v := from.Vector(); v != nil {
		return r.vector(ctx, v)
	}
	if t, ok := from.Time(); ok {
		return nil, r.seek(ctx, t)
	}
	if n, ok := from.Last(); ok && n > 0 {
		return nil, r.back(ctx, n)
	}
	if from.Earliest() {
		return nil, r.first(ctx)
	}
	return nil, r.latest(ctx)
}

// vector attaches r where a reader that has seen v goes on.
func (r *reader) vector(ctx context.Context, v *domain.Vector) (*domain.Gap, error) {
	if !ours(r.layout.log, v.Epoch) {
		return epochGap(), r.first(ctx)
	}
	since := v.Since
	place, known := v.At(0)
	if known {
		since = place.Since
	}
	if !since.IsZero() {
		return nil, r.seek(ctx, since)
	}
	return r.resume(ctx, place) // without a place, the beginning
}

// latest attaches r at the end. The consumer that found the end goes on, so that nothing is lost or doubled in between.
func (r *reader) latest(ctx context.Context) error {
	if err := r.attach(ctx, streamLast); err != nil {
		return err
	}
	newest, err := r.log.end(ctx)
	r.place = domain.Place{}
	if newest != nil {
		r.place = newest.After()
	}
	return err
}

// first attaches r at the first message.
func (r *reader) first(ctx context.Context) error {
	if err := r.attach(ctx, streamFirst); err != nil {
		return err
	}
	return r.hold(r.log.beginning(ctx))
}

// back attaches r n offsets before the end.
func (r *reader) back(ctx context.Context, n int64) error {
	if err := r.latest(ctx); err != nil || r.place.Next == 0 {
		return err
	}
	if err := r.attach(ctx, max(r.place.Next-n, 0)); err != nil {
		return err
	}
	return r.hold(r.log.must(ctx))
}

// hold keeps messages that came while r was attached, to yield them first. r stands before them; where there are none the log is empty.
func (r *reader) hold(batch []*domain.Message, err error) error {
	r.held, r.place = batch, domain.Place{}
	if len(batch) > 0 {
		r.place.Next = batch[0].Offset
	}
	return err
}
