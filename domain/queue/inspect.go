package queue

import (
	"context"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// adminTimeout is how long the broker may take to tell of queues, or to move one.
const adminTimeout = 5 * time.Second

// Inspect implements ports.QueueAdmin: what the broker tells, together with what this node's lane holds. Of a queue that this node is in, a broker that is away or cannot tell hides only
// how far it is.
func (s *Service) Inspect(ctx context.Context, topic domain.Topic, queue domain.Queue) (ports.QueueState, error) {
	set, err := s.cfg.settings(topic, queue, s.broker.Capabilities(topic))
	if err != nil {
		return ports.QueueState{}, err
	}
	progress, err := s.progress(ctx, topic, queue)
	// Looked at after the broker, so that who joins meanwhile is seen.
	l := s.standing(name{topic, queue})
	if err != nil {
		if code := domain.CodeOf(err); l == nil || !code.Retryable() && code != domain.Unsupported {
			return ports.QueueState{}, err
		}
		progress = domain.Progress{Lag: domain.LagUnknown}
	}
	state := ports.QueueState{
		Order: set.order, Lag: progress.Lag, Partitions: progress.Partitions,
		Lease: set.lease, MaxAttempts: set.maxAttempts, DeadLetter: set.deadLetter, Oldest: -1,
	}
	if progress.Order == domain.OrderNone {
		state.Order = domain.OrderNone
	}
	if l != nil {
		l.tellOf(&state, time.Now())
	}
	return state, nil
}

// Peek implements ports.Queues.
func (s *Service) Peek(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Start, error) {
	if !s.broker.Capabilities(topic).Has(domain.Peek) {
		return domain.Start{}, s.refusal(ctx, topic, "the broker of topic %q cannot show what is in a queue without taking it", topic)
	}
	progress, err := s.progress(ctx, topic, queue)
	return progress.Start(), err
}

// progress asks the broker how far queue is. It is Unsupported where that cannot tell.
func (s *Service) progress(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Progress, error) {
	keeper, ok := s.broker.(ports.QueueKeeper)
	if !ok {
		return domain.Progress{}, domain.Errorf(domain.Unsupported, "the broker of topic %q cannot tell of a queue", topic)
	}
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	return keeper.Progress(ctx, topic, queue)
}

// refusal is why something cannot be done to a queue of topic: Unsupported, with this detail, unless nobody may use the topic at all.
func (s *Service) refusal(ctx context.Context, topic domain.Topic, detail string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	if _, err := s.broker.Describe(ctx, topic); domain.CodeOf(err) == domain.NotAllowed {
		return err
	}
	return domain.Errorf(domain.Unsupported, detail, args...)
}

// standing is this node's membership in a queue, nil where there is none that stands.
func (s *Service) standing(of name) *lane {
	s.mu.RLock()
	l := s.lanes[of]
	s.mu.RUnlock()
	if l == nil {
		return nil
	}
	if _, stands := l.count(); !stands {
		return nil
	}
	return l
}

// tellOf adds to state what the lane holds.
func (l *lane) tellOf(state *ports.QueueState, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	state.Order, state.Members, state.InFlight = l.settings.order, len(l.members), l.leased
	if len(l.claims) > 0 {
		state.Oldest = 0
	}
	for _, c := range l.claims {
		if len(c.entries) > 0 {
			state.Oldest = max(state.Oldest, now.Sub(c.entries[0].from()))
		}
	}
}
