package queue

import (
	"sync/atomic"

	"culvert/domain"
)

// tally is what is counted of one queue at this node since the program started, also while it is not in the queue.
type tally struct {
	stood       atomic.Bool // the node was in the queue once
	missed      holes       // that the last lane could tell nobody of, for the next one; guarded by the service's mu
	redelivered atomic.Uint64
	dead        atomic.Uint64
	unburied    atomic.Uint64
	expired     atomic.Uint64
}

// maxTallies is how many queues are remembered that this node is not in any more, beyond which what was counted of them is forgotten: strangers choose their names.
const maxTallies = 1000

// LaneStats is what there is to know of one queue that this node is in, or was.
type LaneStats struct {
	Topic domain.Topic
	Queue domain.Queue
	// Standing is whether this node is in the queue; if not, there are no Members and nothing is InFlight.
	Standing bool
	Members  int
	InFlight int
	// Redelivered are messages that were given at least for the second time, Dead those that the dead-letter topic has taken, Unburied the times that it has not, Expired leases that
	// came to their end. All of them are counted since the program started.
	Redelivered, Dead, Unburied, Expired uint64
}

// Lanes tells of the queues that this node is in or was in, in no order. It does not block.
func (s *Service) Lanes() []LaneStats {
	s.mu.RLock()
	stats := make([]LaneStats, 0, len(s.tallies))
	lanes := make([]*lane, 0, len(s.tallies))
	for of, t := range s.tallies {
		stats = append(stats, LaneStats{
			Topic: of.topic, Queue: of.queue,
			Redelivered: t.redelivered.Load(), Dead: t.dead.Load(), Unburied: t.unburied.Load(), Expired: t.expired.Load(),
		})
		lanes = append(lanes, s.lanes[of])
	}
	s.mu.RUnlock()
	for i, l := range lanes {
		if l == nil {
			continue
		}
		at := &stats[i]
		if at.Members, at.Standing = l.count(); at.Standing {
			at.InFlight = l.inFlight()
		}
	}
	return stats
}

// inFlight is how many messages members hold.
func (l *lane) inFlight() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leased
}

// tallyOf is what is counted of a queue. The caller holds s.mu.
func (s *Service) tallyOf(queue name) *tally {
	t := s.tallies[queue]
	if t == nil {
		t = new(tally)
		s.tallies[queue] = t
	}
	return t
}

// forgetTallies keeps the queues that are remembered within bounds when the lane of ended is gone, and forgets that one at once if it could not be joined. The caller holds s.mu.
func (s *Service) forgetTallies(ended name) {
	if !s.tallies[ended].stood.Load() {
		delete(s.tallies, ended)
	}
	for of := range s.tallies {
		if len(s.tallies)-len(s.lanes) <= maxTallies {
			return
		}
		if s.lanes[of] == nil {
			delete(s.tallies, of)
		}
	}
}
