package amqp

import (
	"context"
	"time"

	"culvert/domain"
)

// clockSkew is how far the server's clock and those of who made the messages may be apart for a time to be found.
const clockSkew = 10 * time.Second

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
