package broker

import (
	"context"
	"iter"

	"culvert/domain"
)

// Tail implements ports.Tailer. The reader is a place in the topic's log.
func (p *Pair) Tail(ctx context.Context, name domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
	t, err := p.open(ctx, name)
	if err != nil {
		return domain.Opening{}, nil, err
	}
	next, gap := t.log.locate(from)
	opening := domain.Opening{Vector: domain.NewVector(t.log.epoch, domain.Place{Next: next})}
	if gap != nil {
		opening.Gaps = []domain.Gap{*gap}
	}
	return opening, func(yield func(domain.Chunk, error) bool) {
		for {
			s, err := t.log.take(ctx, nil, next)
			if err != nil {
				if ctx.Err() == nil { // so the log has ended
					yield(domain.Chunk{}, errClosed())
				}
				return
			}
			next = s.next
			if !yield(domain.Chunk{Gap: s.gap, Messages: s.messages, Next: s.next}, nil) {
				return
			}
		}
	}, nil
}
