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
		infos = append(infos, domain.QueueInfo{Queue: name, Lag: q.lag()})
	}
	return infos, nil
}

// lag is how far the queue's place is from the end.
func (q *queue) lag() int64 {
	q.mu.Lock()
	next := q.settled.Next
	q.mu.Unlock()
	return q.log.extent().End - next // which is taken later, and so not before it
}
