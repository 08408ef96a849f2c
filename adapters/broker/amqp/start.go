package amqp

import (
	"context"
	"time"

	"culvert/domain"
)

// clockSkew is how far the server's clock and those of who made the messages may be apart for a time to be found.
const clockSkew = 10 * time.Second

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

// resume attaches r at place, which a reader of the log has reached before. The message before it says whether the log is still the same one: where another is there, or none, the log was made
// anew, and r stands at its first message.
func (r *reader) resume(ctx context.Context, place domain.Place) (*domain.Gap, error) {
	if place.Next <= 0 {
		return r.overtaken(ctx, domain.Place{})
	}
	if err := r.attach(ctx, place.Next-1); err != nil {
		return nil, err
	}
	batch, err := r.log.soon(ctx)
	if err != nil {
		return nil, err
	}
	if len(batch) == 0 {
		end, err := r.broker.end(ctx, r.layout)
		if err != nil {
			return nil, err
		}
		if end < place.Next {
			return epochGap(), r.first(ctx)
		}
		if batch, err = r.log.must(ctx); err != nil {
			return nil, err
		}
	}
	before := batch[0]
	switch {
	case before.Offset >= place.Next:
		return r.overtaken(ctx, place)
	case place.Fingerprint != 0 && place.Fingerprint != before.Fingerprint:
		return epochGap(), r.first(ctx)
	}
	r.held, r.place = batch[1:], before.After()
	return nil, nil
}

// overtaken attaches r at place, before which there is no message to compare. Either the log has cut it off, and then perhaps more; or offsets were used up for the
// server's own notes, and then the place is nobody's who has seen a message there.
func (r *reader) overtaken(ctx context.Context, place domain.Place) (*domain.Gap, error) {
	if err := r.first(ctx); err != nil {
		return nil, err
	}
	switch first := r.place.Next; {
	case first > place.Next:
		return &domain.Gap{Reason: domain.GapRetention, Lost: first - place.Next}, nil
	case first == place.Next:
		r.place = place
		return nil, nil
	case place.Fingerprint != 0:
		return epochGap(), nil
	}
	if err := r.attach(ctx, place.Next); err != nil {
		return nil, err
	}
	r.held, r.place = nil, place
	return nil, nil
}

// seek attaches r at the first message with time t or later; at the end where there is none. The server knows only when it got a chunk of messages, by whole seconds, so that
// the times that the messages tell are looked at from some time before t on. A message that tells none counts as later where the server says so.
func (r *reader) seek(ctx context.Context, t time.Time) error {
	end, err := r.broker.end(ctx, r.layout)
	if err != nil {
		return err
	}
	untimed := int64(-1) // the first offset that is later by the server's clock, once it is known
	if err := r.attach(ctx, secondOf(t.Add(-clockSkew))); err != nil {
		return err
	}
	batch, err := r.log.perhaps(ctx)
	for ; len(batch) > 0 && err == nil && batch[0].Offset < end; batch, err = r.log.must(ctx) {
		for i, m := range batch {
			later := !m.Time.Before(t)
			if m.Time.IsZero() {
				if untimed < 0 {
					if untimed, err = r.broker.since(ctx, r.layout, t, end); err != nil {
						return err
					}
				}
				later = m.Offset >= untimed
			}
			if later || m.Offset >= end {
				return r.hold(batch[i:], nil)
			}
		}
		if batch[len(batch)-1].Offset == end-1 {
			r.held, r.place = nil, batch[len(batch)-1].After()
			return nil
		}
	}
	if err != nil {
		return err
	}
	// Nothing is that new. Where the server was asked for a time to come it begins at its own end, which may have moved on.
	return r.at(ctx, end)
}

// at attaches r at an offset that may not be there yet.
func (r *reader) at(ctx context.Context, offset int64) error {
	r.held, r.place = nil, domain.Place{Next: offset}
	return r.attach(ctx, offset)
}

// secondOf is t as the server can be asked for it: the second that t is in, and not before the year 1970.
func secondOf(t time.Time) time.Time { return time.Unix(max(t.Unix(), 0), 0) }

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

// since is the first offset that the server got at t or later; end where there is none.
func (b *Broker) since(ctx context.Context, l layout, t time.Time, end int64) (int64, error) {
	s, err := b.attach(ctx, l, secondOf(t))
	if err != nil {
		return 0, err
	}
	defer s.close()
	batch, err := s.perhaps(ctx)
	if len(batch) == 0 {
		return end, err
	}
	return batch[0].Offset, err
}

func epochGap() *domain.Gap {
	return &domain.Gap{Reason: domain.GapEpoch, Lost: domain.LostUnknown}
}
