package subscribe

import (
	"context"
	"slices"
	"sync"

	"culvert/domain"
)

// replays are those of one service: who reads where, and how many may.
type replays struct {
	slots chan struct{} // one for each reader that may run
	most  int           // readers that one client may have opened

	mu      sync.Mutex // guards what follows, and what the replays say; it is taken before the logs'
	topics  map[domain.Topic][]*replay
	clients map[string]*clientReplays
}

// clientReplays are the readers that one client has opened, or waits for.
type clientReplays struct {
	slots chan struct{}
	users int
}

func newReplays(cfg Config) replays {
	return replays{
		slots:   make(chan struct{}, cfg.Replays),
		most:    cfg.ReplaysPerClient,
		topics:  map[domain.Topic][]*replay{},
		clients: map[string]*clientReplays{},
	}
}

// replay gives a viewer a part in a replay of topic that begins at from, or passes it soon; alone asks for one that nobody else has begun, and that begins just there. leave
// is called once.
func (s *Service) replay(topic domain.Topic, from domain.Start, checked uint64, client string, alone bool) (r *replay, leave func()) {
	rs := &s.replays
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if !alone {
		for _, have := range rs.topics[topic] {
			if have.accepts(from) {
				have.viewers++
				return have, func() { rs.leave(have) }
			}
		}
	}
	if !alone {
		from = withLead(from)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r = &replay{
		topic: topic, from: from, client: client, stop: cancel, checked: checked,
		hungry: make(chan struct{}, 1), opened: make(chan struct{}), viewers: 1,
	}
	rs.topics[topic] = append(rs.topics[topic], r)
	s.work.Add(1)
	// Ends when the broker's sequence does, or when its last viewer leaves.
	go func() {
		defer s.work.Done()
		defer rs.forget(r)
		defer cancel()
		release, err := rs.acquire(ctx, r)
		if err != nil {
			r.fail(err)
			return
		}
		defer release()
		r.run(ctx, s.broker, s.cfg.replayWindow())
	}()
	return r, func() { rs.leave(r) }
}

// leave counts one viewer less. The last one ends the reading.
func (rs *replays) leave(r *replay) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r.viewers--; r.viewers == 0 {
		rs.remove(r)
		r.stop()
	}
}

// forget takes a replay that ended out of sight, so that nobody else comes by.
func (rs *replays) forget(r *replay) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.remove(r)
}

func (rs *replays) remove(r *replay) {
	left := slices.DeleteFunc(rs.topics[r.topic], func(have *replay) bool { return have == r })
	if len(left) == 0 {
		delete(rs.topics, r.topic)
	} else {
		rs.topics[r.topic] = left
	}
}

// acquire waits until r may read: first for its client's turn, then for its own. ctx ends the waiting.
func (rs *replays) acquire(ctx context.Context, r *replay) (release func(), err error) {
	mine, leave := rs.of(r.client)
	for i, slots := range []chan struct{}{mine, rs.slots} {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			if i > 0 {
				<-mine
			}
			leave()
			return nil, ctx.Err()
		}
	}
	rs.mu.Lock()
	r.asked = true
	rs.mu.Unlock()
	return func() {
		<-rs.slots
		<-mine
		leave()
	}, nil
}

// of are the slots of a client. leave is called when they are of no more use to the caller.
func (rs *replays) of(client string) (slots chan struct{}, leave func()) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	c := rs.clients[client]
	if c == nil {
		c = &clientReplays{slots: make(chan struct{}, rs.most)}
		rs.clients[client] = c
	}
	c.users++
	return c.slots, func() {
		rs.mu.Lock()
		defer rs.mu.Unlock()
		if c.users--; c.users == 0 {
			delete(rs.clients, client)
		}
	}
}

// waits reports whether a replay has not got its turn yet.
func (rs *replays) waits(r *replay) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return r != nil && !r.asked
}

// Replays is how many readers of the brokers' own logs there are for viewers, those that wait for their turn included.
func (s *Service) Replays() (n int) {
	s.replays.mu.Lock()
	defer s.replays.mu.Unlock()
	for _, running := range s.replays.topics {
		n += len(running)
	}
	return n
}
