package broker

import (
	"slices"
	"sync"

	"culvert/domain"
)

// queue is a lane over the log: what has been settled, and who reads. The one partition belongs to the member that has been there
// longest; the others stand by.
type queue struct {
	log *log

	mu      sync.Mutex // guards what follows; log.mu is not taken under it
	settled Settled
	gap     *domain.Gap // a hole at the queue's beginning that nobody has been told yet
	members []*member   // by when they joined
	claim   *claim      // the first member's; nil where there is no member
}

// member is one Join. Its claim comes through the channel; there is at most one ever.
type member struct {
	claims chan *claim
}

// join makes a member of the queue of that name, which is made to begin at from where it is new. It is one step, so that nobody enters a queue that is being forgotten.
func (t *topic) join(name domain.Queue, from *domain.Start) (*queue, *member, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	q, ok := t.queues[name]
	if ok && from != nil {
		return nil, nil, domain.Begun(t.name, name)
	}
	if !ok {
		if len(t.queues) >= t.cfg.Queues {
			return nil, nil, domain.Errorf(domain.Unavailable, "there is no room for queue %q: this broker keeps %d queues of a topic at most (its setting queues)", name, t.cfg.Queues)
		}
		q = t.log.queue(from)
		t.queues[name] = q
	}
	return q, q.enter(), nil
}

// queue makes a queue that begins at from; at the end where that is nil.
func (l *log) queue(from *domain.Start) *queue {
	begin := domain.StartLatest()
	if from != nil {
		begin = *from
	}
	q := &queue{log: l}
	q.settled.Next, q.gap = l.locate(begin)
	return q
}

// enter makes a member, which is given the partition where nobody has it.
func (q *queue) enter() *member {
	m := &member{claims: make(chan *claim, 1)}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.members = append(q.members, m)
	if q.claim == nil {
		q.assign()
	}
	return m
}

// leave takes the partition from m, where m has it, and gives it to the next member.
func (q *queue) leave(m *member) {
	q.mu.Lock()
	defer q.mu.Unlock()
	held := q.members[0] == m
	q.members = slices.DeleteFunc(q.members, func(other *member) bool { return other == m })
	if held {
		close(q.claim.revoked)
		q.claim = nil
		if len(q.members) > 0 {
			q.assign()
		}
	}
}

// assign gives the partition to the first member. The caller holds mu.
func (q *queue) assign() {
	q.claim = &claim{queue: q, place: q.settled.Next, revoked: make(chan struct{})}
	q.members[0].claims <- q.claim
}
