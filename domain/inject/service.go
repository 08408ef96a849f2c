// Package inject writes messages to topics. Each connection has a window of messages without an answer; what arrives for a
// topic while its last batch is being handed to the broker is the next batch; and every message is answered exactly once, at the latest
// when its time is up.
//
// A connection costs a goroutine for each topic that it has messages for the broker, one while there are answers to give, and
// none when it is idle.
package inject

import (
	"context"
	"sync"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// Service implements ports.Injector over a broker's Publisher.
type Service struct {
	publisher ports.Publisher
	cfg       Config
	limits    domain.Limits
	started   time.Time // what deadlines are measured from, by the monotonic clock
	batches   sync.Pool // of *batch
	draining  chan struct{}

	mu   sync.Mutex    // guards what is below; taken after an injection's mu
	busy int           // injections with messages that are not answered
	rest chan struct{} // closed when busy falls to 0 while draining
}

var _ ports.Injector = (*Service)(nil)

// New makes the service over p. cfg and limits are checked.
func New(p ports.Publisher, cfg Config, limits domain.Limits) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := limits.Validate(); err != nil {
		return nil, err
	}
	s := &Service{publisher: p, cfg: cfg, limits: limits, started: time.Now(), draining: make(chan struct{}), rest: make(chan struct{})}
	s.batches.New = func() any { return new(batch) }
	return s, nil
}

// Open implements ports.Injector. The outcomes that answer is given are its own only until it returns. A call of answer that has begun when ctx ends is not called back;
// none begins after that.
func (s *Service) Open(ctx context.Context, answer func([]ports.Outcome)) ports.Injection {
	i := &injection{service: s, answer: answer, ended: ctx.Done(), changed: make(chan struct{}, 1)}
	i.timer = time.AfterFunc(s.cfg.Timeout, i.expire)
	i.timer.Stop()
	return i
}

// Drain refuses new messages, and returns when all that were taken are answered; with ctx's error where it ends first. It may be
// called more than once.
func (s *Service) Drain(ctx context.Context) error {
	s.mu.Lock()
	if !s.refuses() {
		close(s.draining)
		if s.busy == 0 {
			close(s.rest)
		}
	}
	s.mu.Unlock()
	select {
	case <-s.rest:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Service) refuses() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}

// enter counts an injection that is no longer idle, and reports false where the service drains.
func (s *Service) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuses() {
		return false
	}
	s.busy++
	return true
}

// exit counts an injection that is idle again.
func (s *Service) exit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	if s.busy == 0 && s.refuses() {
		close(s.rest)
	}
}
