package subscribe

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"culvert/domain"
)

// discovery watches which topics there are, for the streams that show topics by patterns. It asks the brokers only while there are such streams.
type discovery struct {
	list  func(context.Context) ([]domain.Topic, error)
	every time.Duration
	// known are the topics found last, by name; what is stored is never changed.
	known atomic.Pointer[[]domain.Topic]

	mu     sync.Mutex // guards what follows
	asking *listing   // that is under way
	bells  map[*bell]struct{}
	stop   context.CancelFunc
}

// listing is one question which topics there are. Who asks at the same time as others gets their answer.
type listing struct {
	done   chan struct{} // closed when the others are set
	topics []domain.Topic
	err    error
}

// now asks which topics there are.
func (d *discovery) now(ctx context.Context) ([]domain.Topic, error) {
	d.mu.Lock()
	l := d.asking
	if l != nil {
		d.mu.Unlock()
		select {
		case <-l.done:
			return l.topics, l.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	l = &listing{done: make(chan struct{})}
	d.asking = l
	d.mu.Unlock()
	l.topics, l.err = d.look(context.WithoutCancel(ctx)) // it is the answer of others, too
	d.mu.Lock()
	d.asking = nil
	if l.err == nil {
		d.learn(l.topics)
	}
	d.mu.Unlock()
	close(l.done)
	return l.topics, l.err
}

// look gives the topics that patterns can name, by name.
func (d *discovery) look(ctx context.Context) (topics []domain.Topic, err error) {
	topics, err = d.list(ctx)
	slices.Sort(topics)
	return topics, err
}

// watch rings b when the topics that there are have changed. unwatch is called once.
func (d *discovery) watch(b *bell, work *sync.WaitGroup) (unwatch func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.bells) == 0 {
		ctx, cancel := context.WithCancel(context.Background())
		d.bells, d.stop = map[*bell]struct{}{}, cancel
		work.Add(1)
		// Ends when the last watcher is gone.
		go func() {
			defer work.Done()
			d.run(ctx)
		}()
	}
	d.bells[b] = struct{}{}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if delete(d.bells, b); len(d.bells) == 0 {
			d.stop()
		}
	}
}

func (d *discovery) run(ctx context.Context) {
	tick := time.NewTicker(d.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		_, _ = d.now(ctx) // a broker that cannot be reached now is asked again
	}
}

// learn tells the watchers where there are other topics than before. Whoever asked: a topic that is gone when somebody asks, and there again at the
// next look, has to be noticed both times. The caller holds mu.
func (d *discovery) learn(topics []domain.Topic) {
	if had := d.known.Load(); had != nil && slices.Equal(*had, topics) {
		return
	}
	d.known.Store(&topics)
	d.ring()
}

// ringAll tells all watchers.
func (d *discovery) ringAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ring()
}

// ring is ringAll of who holds mu.
func (d *discovery) ring() {
	for b := range d.bells {
		b.ring()
	}
}
