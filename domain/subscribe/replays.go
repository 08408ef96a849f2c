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
	begun   uint64 // how many have asked the broker
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

// company is with whom a viewer can share a replay.
type company int

const (
	nearby company = iota // whose replay comes by soon
	same                  // whose replay begins just there
	nobody
)

// replay gives a viewer a part in a replay of topic: in one that others have begun, as far as with allows, or in one that begins at from, and a little before that where those nearby are to share
// it. leave is called once.
func (s *Service) replay(topic domain.Topic, from domain.Start, checked uint64, client string, with company) (r *replay, leave func()) {
	rs := &s.replays
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, have := range rs.topics[topic] {
		if with != nobody && (with == nearby || have.from.Equal(from)) && have.accepts(from) {
			return have, rs.join(have, client)
		}
	}
	if with == nearby {
		from = withLead(from)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r = &replay{
		topic: topic, from: from, client: client, stop: cancel, checked: checked,
		hungry: make(chan struct{}, 1), opened: make(chan struct{}), pace: newPace(),
	}
	leave = rs.join(r, client)
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
	return r, leave
}

// join counts one viewer more of r. The caller holds mu. leave counts it out: the last one ends the reading, and the last of the client who began it is not charged for it
// any longer.
func (rs *replays) join(r *replay, client string) (leave func()) {
	r.viewers++
	if client == r.client {
		r.mine++
	}
	return func() {
		if uncharge := rs.leave(r, client); uncharge != nil {
			uncharge()
		}
	}
}

func (rs *replays) leave(r *replay, client string) (uncharge func()) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r.viewers--; r.viewers == 0 {
		rs.remove(r)
		r.stop()
	}
	if client == r.client {
		if r.mine--; r.mine == 0 {
			return r.uncharge
		}
	}
	return nil
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
	if err := rs.charge(ctx, r); err != nil {
		return nil, err
	}
	select {
	case rs.slots <- struct{}{}:
	case <-ctx.Done():
		r.uncharge()
		return nil, ctx.Err()
	}
	rs.mu.Lock()
	r.asked = true
	rs.begun++
	rs.mu.Unlock()
	return func() {
		<-rs.slots
		r.uncharge()
	}, nil
}

// charge waits for a slot of r's client, which r has until none of its viewers is of that client any more.
func (rs *replays) charge(ctx context.Context, r *replay) error {
	c := rs.of(r.client)
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		rs.done(c, r.client)
		return ctx.Err()
	}
	uncharge := sync.OnceFunc(func() {
		<-c.slots
		rs.done(c, r.client)
	})
	rs.mu.Lock()
	r.uncharge = uncharge
	gone := r.mine == 0
	rs.mu.Unlock()
	if gone {
		uncharge()
	}
	return nil
}

// of is what a client has begun, until done is called.
func (rs *replays) of(client string) *clientReplays {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	c := rs.clients[client]
	if c == nil {
		c = &clientReplays{slots: make(chan struct{}, rs.most)}
		rs.clients[client] = c
	}
	c.users++
	return c
}

func (rs *replays) done(c *clientReplays, client string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if c.users--; c.users == 0 {
		delete(rs.clients, client)
	}
}

// ringAll tells all viewers of replays.
func (rs *replays) ringAll() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, running := range rs.topics {
		for _, r := range running {
			r.bells.ringAll()
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

// ReplaysBegun is how many such readers there have been: where viewers come back together, few for all of them.
func (s *Service) ReplaysBegun() uint64 {
	s.replays.mu.Lock()
	defer s.replays.mu.Unlock()
	return s.replays.begun
}
