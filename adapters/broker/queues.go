package broker

import (
	"context"
	"maps"

	"culvert/domain"
)

// Queues implements ports.QueueCatalogue: the queues that have begun by this pair, also where Config.Catalogue is not set. Their lag is exact: the log's end minus the first
// offset that is not settled, retention or not.
func (p *Pair) Queues(_ context.Context, name domain.Topic) ([]domain.QueueInfo, error) {
	t, err := p.known(name)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	queues := maps.Clone(t.queues)
	t.mu.Unlock()
	infos := make([]domain.QueueInfo, 0, len(queues))
	for name, q := range queues {
		infos = append(infos, domain.QueueInfo{Queue: name, Lag: q.committed().Lag()})
	}
	return infos, nil
}

// Progress implements ports.QueueKeeper.
func (p *Pair) Progress(_ context.Context, topic domain.Topic, queue domain.Queue) (domain.Progress, error) {
	q, err := p.queue(topic, queue)
	if err != nil {
		return domain.Progress{}, err
	}
	partitions := []domain.Committed{q.committed()}
	return domain.Progress{Lag: domain.LagOf(partitions), Epoch: q.log.epoch, Partitions: partitions}, nil
}

// Forget implements ports.QueueKeeper.
func (p *Pair) Forget(_ context.Context, topic domain.Topic, queue domain.Queue) error {
	t, err := p.known(topic)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	q, ok := t.queues[queue]
	if !ok {
		return domain.NoQueue(topic, queue)
	}
	if q.occupied() {
		return domain.Occupied(topic, queue)
	}
	delete(t.queues, queue) // and who joins, which is done under t.mu, begins another
	return nil
}

// queue gives a queue that has begun. Else it is UnknownQueue, or what known says of the topic.
func (p *Pair) queue(topic domain.Topic, queue domain.Queue) (*queue, error) {
	t, err := p.known(topic)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	q, ok := t.queues[queue]
	if !ok {
		return nil, domain.NoQueue(topic, queue)
	}
	return q, nil
}

// committed is how far the queue is.
func (q *queue) committed() domain.Committed {
	q.mu.Lock()
	place := q.settled.Next
	q.mu.Unlock()
	return domain.Committed{Extent: q.log.extent(), Place: place} // whose end is taken later, and so not before the place
}

// occupied reports whether the queue has a member.
func (q *queue) occupied() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.members) > 0
}
