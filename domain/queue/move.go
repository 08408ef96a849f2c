package queue

import (
	"context"

	"culvert/domain"
	"culvert/ports"
)

// Reset implements ports.QueueAdmin.
func (s *Service) Reset(ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
	can := s.broker.Capabilities(topic)
	mover, ok := s.broker.(ports.QueueMover)
	if !ok || !can.Has(domain.Reset) {
		return nil, s.refusal(ctx, topic, "the broker of topic %q cannot move the place of a queue: delete it, and join it again", topic)
	}
	if _, timed := to.Time(); timed && !can.Has(domain.ResetTime) {
		return nil, s.refusal(ctx, topic, "the broker of topic %q finds no times: reset to earliest, latest or a cursor", topic)
	}
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	if err := s.vacate(ctx, name{topic, queue}); err != nil {
		return nil, err
	}
	return mover.Move(ctx, topic, queue, to)
}

// Delete implements ports.QueueAdmin.
func (s *Service) Delete(ctx context.Context, topic domain.Topic, queue domain.Queue) error {
	keeper, ok := s.broker.(ports.QueueKeeper)
	if !ok {
		return domain.Errorf(domain.Unsupported, "the broker of topic %q cannot forget a queue", topic)
	}
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	if err := s.vacate(ctx, name{topic, queue}); err != nil {
		return err
	}
	return keeper.Forget(ctx, topic, queue)
}

// vacate takes this node out of a queue that nobody here is interested in any more. It is Conflict where somebody is. Whether other nodes are in it the
// broker knows.
func (s *Service) vacate(ctx context.Context, queue name) error {
	s.mu.RLock()
	l := s.lanes[queue]
	s.mu.RUnlock()
	if l == nil {
		return nil
	}
	if !l.desert() {
		return domain.Occupied(queue.topic, queue.queue)
	}
	if await(ctx, l.ended) != nil {
		return domain.Errorf(domain.Unavailable, "this server is still leaving queue %q of topic %q: try again", queue.queue, queue.topic).Because(context.Cause(ctx))
	}
	return nil
}

// desert ends a lane that only lingers; false where somebody is interested in it.
func (l *lane) desert() bool {
	l.mu.Lock()
	if l.interest > 0 && !l.closing {
		l.mu.Unlock()
		return false
	}
	if l.closing {
		l.mu.Unlock()
		return true
	}
	bye := deserted()
	l.shut(bye)
	l.mu.Unlock()
	l.part(nil, bye)
	return true
}
