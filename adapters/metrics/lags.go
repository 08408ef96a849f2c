package metrics

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"culvert/domain"
)

const (
	// lagInterval is the pause between two rounds of asking.
	lagInterval = 10 * time.Second
	// lagTimeout is how long a broker may take to tell of one queue.
	lagTimeout = 2 * time.Second
	// lagsAtOnce is how many queues are asked for at a time.
	lagsAtOnce = 8
	// lagValid is how long an answer is shown.
	lagValid = 30 * time.Second
	// lagUnwanted is how long brokers are asked after the last scrape. It is more than the longest interval at which anybody scrapes.
	lagUnwanted = 5 * time.Minute
)

// lags asks brokers how far queues are behind, in the background, for as long as somebody scrapes: a broker that is slow or hangs is in no scrape's way.
type lags struct {
	ask func(ctx context.Context, topic domain.Topic, queue domain.Queue) int64

	mu     sync.Mutex // guards what is below
	wanted []queueName
	last   time.Time // the last scrape
	known  map[queueName]sample
	stop   context.CancelFunc // of the asking that is under way
	ended  chan struct{}      // closed when that has ended; nil where there is none
	closed bool
}

// sample is what a broker answered, and when.
type sample struct {
	lag int64
	at  time.Time
}

func newLags(ask func(context.Context, domain.Topic, domain.Queue) int64) *lags {
	return &lags{ask: ask, known: make(map[queueName]sample)}
}

// of gives the lags of those of the queues of which they are known, and has brokers asked for all that the node is in. It does not block.
func (l *lags) of(queues []QueueStats) map[queueName]int64 {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.wanted = now, nil
	found := make(map[queueName]int64)
	for _, q := range queues {
		if !q.Standing {
			continue
		}
		l.wanted = append(l.wanted, q.name())
		if s, ok := l.known[q.name()]; ok && now.Sub(s.at) <= lagValid {
			found[q.name()] = s.lag
		}
	}
	if l.ended == nil && !l.closed {
		ctx, stop := context.WithCancel(context.Background())
		l.stop, l.ended = stop, make(chan struct{})
		// Ends with close, or when nobody has scraped for a while.
		go l.run(ctx)
	}
	return found
}

func (l *lags) run(ctx context.Context) {
	for queues, on := l.next(ctx); on; queues, on = l.next(ctx) {
		l.round(ctx, queues)
		pause(ctx, lagInterval)
	}
}

// next is what to ask for, or the end.
func (l *lags) next(ctx context.Context) (queues []queueName, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil || time.Since(l.last) > lagUnwanted {
		l.stop()
		close(l.ended)
		l.ended = nil
		return nil, false
	}
	known := make(map[queueName]sample, len(l.wanted))
	for _, q := range l.wanted {
		if s, ok := l.known[q]; ok {
			known[q] = s
		}
	}
	l.known = known
	return l.wanted, true
}

// round asks once for each queue.
func (l *lags) round(ctx context.Context, queues []queueName) {
	var asking errgroup.Group
	asking.SetLimit(lagsAtOnce)
	for _, q := range queues {
		// Ends with ctx, or its time-out.
		asking.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, lagTimeout)
			defer cancel()
			l.learn(q, l.ask(ctx, q.topic, q.queue))
			return nil
		})
	}
	_ = asking.Wait() // none of them fails
}

func (l *lags) learn(q queueName, lag int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lag == domain.LagUnknown {
		delete(l.known, q)
		return
	}
	l.known[q] = sample{lag, time.Now()}
}

// close ends the asking and lets none begin. It returns when that has ended, or with ctx's error when ctx does.
func (l *lags) close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	ended := l.ended
	if ended != nil {
		l.stop()
	}
	l.mu.Unlock()
	if ended == nil {
		return nil
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
