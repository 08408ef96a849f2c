package inject

import (
	"context"
	"sync"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// injection is the window of one connection.
type injection struct {
	service *Service
	answer  func([]ports.Outcome)
	ended   <-chan struct{} // the end of the connection: from then on nobody is told
	changed chan struct{}   // wakes the one caller of Put, Reject or Flush that waits
	timer   *time.Timer     // runs expire; idle connections let it run out

	mu         sync.Mutex // guards what is below, and everything in lanes and batches
	last       uint64     // the number of the message that was put last
	unanswered int        // messages put whose answer has not been given
	bytes      int        // what they hold
	waiting    bool       // somebody waits for changed
	lanes      map[domain.Topic]*lane
	resting    []*lane  // those whose first batch gathers until it is sent
	open       []*batch // batches with messages that have no outcome, in no order
	ticking    bool     // timer runs

	outcomes      []ports.Outcome // to be told
	outcomesBytes int
	spare         []ports.Outcome // the room of outcomes that were told
	answering     bool            // the answering goroutine runs
}

// Put implements ports.Injection.
func (i *injection) Put(ctx context.Context, topic domain.Topic, m *domain.Message, id string) (uint64, error) {
	if err := i.check(m); err != nil {
		return i.Reject(ctx, id, err)
	}
	size := m.Size()
	if err := i.acquire(ctx, size); err != nil {
		return 0, err
	}
	defer i.mu.Unlock()
	now := time.Now()
	if m.Time.IsZero() {
		m.Time = time.UnixMilli(now.UnixMilli()).UTC()
	}
	deadline := now.Sub(i.service.started) + i.service.cfg.Timeout
	i.enqueue(topic, m, entry{n: i.last, id: id, size: size, deadline: deadline})
	if !i.ticking {
		i.ticking = true
		i.timer.Reset(i.service.cfg.Timeout)
	}
	return i.last, nil
}

// Reject implements ports.Injection.
func (i *injection) Reject(ctx context.Context, id string, err error) (uint64, error) {
	if refused := i.acquire(ctx, 0); refused != nil {
		return 0, refused
	}
	defer i.mu.Unlock()
	i.tell(ports.Outcome{N: i.last, ID: id, Err: err}, 0)
	return i.last, nil
}

func (i *injection) check(m *domain.Message) error {
	if m.Tombstone() && m.Key == nil {
		return domain.Errorf(domain.InvalidRequest, "a tombstone says that its key is gone: it needs a key")
	}
	return i.service.limits.Check(m)
}

// acquire waits for room in the window and takes the next number. Where it returns nil the caller holds mu.
func (i *injection) acquire(ctx context.Context, size int) error {
	i.mu.Lock()
	for {
		if err := i.refused(ctx); err != nil {
			i.mu.Unlock()
			return err
		}
		if i.unanswered == 0 && !i.service.enter() {
			i.mu.Unlock()
			return shuttingDown()
		}
		if i.unanswered == 0 || i.unanswered < i.service.cfg.Window && i.bytes+size <= i.service.cfg.WindowBytes {
			i.last++
			i.unanswered++
			i.bytes += size
			return nil
		}
		i.send()
		i.wait(ctx, i.ended, i.service.draining)
	}
}

// refused is why nothing can be put any more.
func (i *injection) refused(ctx context.Context) error {
	if i.over() {
		return domain.Errorf(domain.Unavailable, "the connection has ended")
	}
	if i.service.refuses() {
		return shuttingDown()
	}
	return gone(ctx)
}

func shuttingDown() error {
	return domain.Errorf(domain.Unavailable, "this server is shutting down")
}

// gone is the error of a caller whose context has ended, nil while it has not.
func gone(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return domain.Errorf(domain.Unavailable, "the request has ended").Because(context.Cause(ctx))
}

// wait lets go of mu until an answer was given, ctx ended, or one of the others, which may be nil, is closed.
func (i *injection) wait(ctx context.Context, ended, draining <-chan struct{}) {
	i.waiting = true
	i.mu.Unlock()
	select {
	case <-i.changed:
	case <-ctx.Done():
	case <-ended:
	case <-draining:
	}
	i.mu.Lock()
	i.waiting = false
}

// Send implements ports.Injection.
func (i *injection) Send() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.send()
}

// Flush implements ports.Injection. After the end of the connection it returns when everything is with the broker.
func (i *injection) Flush(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.send()
	for i.unanswered > 0 {
		if err := gone(ctx); err != nil {
			return err
		}
		i.wait(ctx, nil, nil)
	}
	return nil
}
