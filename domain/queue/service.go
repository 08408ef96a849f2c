// Package queue shares topics among members. This node takes part in a queue once, through a lane, however many members are
// connected to it: they come and go without the broker noticing. The lane fetches what the broker assigns, gives each
// message to one member that asks, and settles it when the member says so; what is handed back, or held for too long, is given
// again, and after too many tries goes to the dead-letter topic.
//
// A lane costs two goroutines, one more for each partition that it has, and one timer.
package queue

import (
	"context"
	"log/slog"
	"sync"

	"culvert/domain"
	"culvert/ports"
)

// Broker is what queues need of a broker. Where it is a ports.Creator too, dead-letter topics are made when a queue is joined.
type Broker interface {
	ports.Joiner
	ports.Publisher
	ports.Describer
}

// Service implements ports.Queues and ports.QueueAdmin.
type Service struct {
	broker Broker
	cfg    Config
	log    *slog.Logger

	mu       sync.RWMutex // guards what is below; not held together with a lane's mu
	draining bool
	lanes    map[name]*lane
	streams  map[string]*member
	tallies  map[name]*tally // of all lanes there are, and of some that were
}

// name is what tells lanes apart.
type name struct {
	topic domain.Topic
	queue domain.Queue
}

var (
	_ ports.Queues     = (*Service)(nil)
	_ ports.QueueAdmin = (*Service)(nil)
)

// New makes the service over b. cfg is checked. log is told of dead letters that cannot be written.
func New(b Broker, cfg Config, log *slog.Logger) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Service{broker: b, cfg: cfg, log: log, lanes: make(map[name]*lane), streams: make(map[string]*member), tallies: make(map[name]*tally)}, nil
}

// Join implements ports.Queues. It blocks while the broker lets this node into the queue, and while an earlier membership of this node
// is being ended.
func (s *Service) Join(ctx context.Context, j ports.Join) (ports.Member, error) {
	if j.MaxInFlight < 1 {
		return nil, domain.Errorf(domain.InvalidRequest, "max_in_flight is %d: it must be at least 1", j.MaxInFlight)
	}
	set, err := s.cfg.settings(j.Topic, j.Queue, s.broker.Capabilities(j.Topic))
	if err != nil {
		return nil, err
	}
	m, err := s.join(ctx, j, set)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// join is Join with settings of the caller's, which hold where the lane is opened by it.
func (s *Service) join(ctx context.Context, j ports.Join, set settings) (*member, error) {
	for {
		l, opener, err := s.lane(j, set)
		if err != nil {
			return nil, err
		}
		if !opener && !l.enter() {
			if err := await(ctx, l.ended); err != nil {
				return nil, err
			}
			continue
		}
		if err := await(ctx, l.opened); err != nil {
			l.exit()
			return nil, err
		}
		m, err := l.join(ctx, j, opener)
		if err != nil {
			return nil, err
		}
		if m != nil {
			return m, nil
		}
	}
}

// lane finds the lane of j's queue, or opens it; opener tells which. Whoever opened it has entered it.
func (s *Service) lane(j ports.Join, set settings) (l *lane, opener bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return nil, false, shuttingDown()
	}
	key := name{j.Topic, j.Queue}
	if l := s.lanes[key]; l != nil {
		return l, false, nil
	}
	l = newLane(s, key, set, j.From, s.tallyOf(key))
	s.lanes[key] = l
	return l, true, nil
}

// serving is nil until the service is drained, and then why it gives nothing.
func (s *Service) serving() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.draining {
		return shuttingDown()
	}
	return nil
}

func shuttingDown() error {
	return domain.Errorf(domain.Unavailable, "this server is shutting down")
}

// await returns nil when done is closed, and an error when ctx ends before it.
func await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return domain.Errorf(domain.Unavailable, "the request has ended").Because(context.Cause(ctx))
	}
}

// remove forgets a lane that has ended.
func (s *Service) remove(l *lane) {
	missed := l.untold()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tallies[l.name].missed = missed
	delete(s.lanes, l.name)
	s.forgetTallies(l.name)
}

// Settler implements ports.Queues.
func (s *Service) Settler(stream string) (ports.Settler, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	m := s.streams[stream]
	if m == nil {
		return nil, domain.Errorf(domain.UnknownStream, "this server has no such stream: it has ended, or belongs to another server")
	}
	return m, nil
}

func (s *Service) register(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams[m.stream] = m
}

func (s *Service) unregister(members ...*member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range members {
		delete(s.streams, m.stream)
	}
}

// Drain refuses new members and gives nothing more; what members hold may be settled for the configured grace. Then they are told
// that the server shuts down, their leases end, and the broker keeps what was settled. It returns when all memberships have ended;
// with ctx's error where it ends first, and then they end without being waited for.
func (s *Service) Drain(ctx context.Context) error {
	lanes := s.drain()
	for _, l := range lanes {
		l.hush()
	}
	grace, cancel := context.WithTimeout(ctx, s.cfg.DrainGrace)
	defer cancel()
	for _, l := range lanes {
		select {
		case <-l.idle:
		case <-l.ended:
		case <-grace.Done():
		}
	}
	for _, l := range lanes {
		l.close(&domain.Bye{Reason: domain.ByeShutdown, Reconnect: true, Cause: shuttingDown()})
	}
	for _, l := range lanes {
		select {
		case <-l.ended:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (s *Service) drain() []*lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	lanes := make([]*lane, 0, len(s.lanes))
	for _, l := range s.lanes {
		lanes = append(lanes, l)
	}
	return lanes
}
