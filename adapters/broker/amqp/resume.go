package amqp

import (
	"context"

	"culvert/domain"
)

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

func epochGap() *domain.Gap {
	return &domain.Gap{Reason: domain.GapEpoch, Lost: domain.LostUnknown}
}
