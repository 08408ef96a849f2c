package kafka

import (
	"context"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"culvert/domain"
)

const (
	// noOffset marks a message whose offset nobody told.
	noOffset = -1
	// batchOverhead is what a batch needs besides its records (the head of Kafka's record batch, version 2).
	batchOverhead = 61
	// laneMessages is how many messages may be under way to one partition. sarama's channels are as long, so that a partition that is stuck fills its own channel and
	// never the one before, on which the others wait.
	laneMessages = 1024
	// routeAge is how old what is known of a topic may be until it is looked at again, while publishing goes on with it, routeLimit until publishing waits for that.
	routeAge   = 2 * time.Second
	routeLimit = 5 * routeAge
)

// producer is the one producer of a Broker.
type producer struct {
	client    sarama.Client
	leaders   *leaders
	shortages *shortages
	giveUp    context.CancelFunc // ends waiting for leaders
	async     sarama.AsyncProducer
	idle      sync.WaitGroup // the goroutines that answer

	window  int64
	batch   int64                                         // the largest that sarama makes
	largest func(domain.Topic) (largest int64, told bool) // asks what a topic takes
	find    func(domain.Topic, *route) (*route, error)

	finding singleflight.Group // by topic
	mu      sync.Mutex         // guards what follows
	routes  map[domain.Topic]*route
	doubts  map[domain.Topic][]*outgoing // by topic that is being asked: what was refused with a batch
}

// startProducer connects and starts it.
func (b *Broker) startProducer(ctx context.Context) (*producer, error) {
	c := b.sarama(ctx)
	compression, err := codec(b.cfg.Compression)
	if err != nil {
		return nil, err
	}
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1 // which idempotence needs
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.Compression = compression
	c.Producer.MaxMessageBytes = b.cfg.MessageBytes
	c.Producer.Flush.Frequency = b.cfg.Linger
	// How long a leader waits for its replicas until it answers for want of them. That has to come long before sarama takes the connection for dead, and hold up the leader's other partitions for a
	// short time: nothing is sent to it meanwhile. A batch that is sent again is known, and waits on.
	c.Producer.Timeout = max(b.cfg.RequestTimeout/4, time.Millisecond)
	c.Producer.Return.Successes = true
	c.Producer.Return.Errors = true
	// Messages are answered at their own deadlines, so this only has to last longer: what is given up before would have been saved, where a leader was killed and the cluster has not missed it yet (9 s
	// by Kafka's default), and the partition's numbering begins anew. While there is no leader nothing is tried.
	c.Producer.Retry.Max = attemptsFor(max(b.cfg.PublishTimeout, time.Minute))
	c.Producer.Retry.BackoffFunc = func(retries, _ int) time.Duration {
		if ctx.Err() != nil { // nothing can be sent any more
			return 0
		}
		return pauseBefore(retries)
	}
	c.Metadata.RefreshFrequency = 30 * time.Second
	c.ChannelBufferSize = laneMessages
	client, err := sarama.NewClient(b.cfg.Brokers, c)
	if err != nil {
		return nil, err
	}
	patience, giveUp := context.WithCancel(ctx)
	leaders := newLeaders(patience, client)
	async, err := sarama.NewAsyncProducerFromClient(leaders)
	if err != nil {
		giveUp()
		_ = client.Close()
		return nil, err
	}
	p := &producer{
		client: client, leaders: leaders, shortages: newShortages(), giveUp: giveUp, async: async, window: int64(b.cfg.WindowBytes), batch: int64(b.cfg.MessageBytes + batchOverhead),
		routes: make(map[domain.Topic]*route), doubts: make(map[domain.Topic][]*outgoing),
	}
	p.find = func(topic domain.Topic, known *route) (*route, error) { return p.look(ctx, b, topic, known) }
	p.largest = func(topic domain.Topic) (int64, bool) { return b.largest(ctx, topic) }
	// Both goroutines end when the producer is closed.
	p.idle.Go(func() {
		for msg := range async.Successes() {
			acked(msg)
		}
	})
	p.idle.Go(func() {
		for e := range async.Errors() {
			p.failed(e)
		}
	})
	return p, nil
}

// pauseBefore is how long is waited before an attempt.
func pauseBefore(attempt int) time.Duration {
	return min(50*time.Millisecond<<min(attempt, 10), time.Second)
}

// attemptsFor is how many attempts it takes to last for so long.
func attemptsFor(limit time.Duration) int {
	n := 0
	for last := time.Duration(0); last < limit; last += pauseBefore(n) {
		n++
	}
	return n
}

// close sends what was taken, at most until ctx ends. For partitions that have no leader nothing is waited.
func (p *producer) close(ctx context.Context) error {
	p.giveUp()
	p.async.AsyncClose()
	flushed := make(chan struct{})
	go func() { // ends when the producer has, which the end of its connections brings about
		p.idle.Wait()
		close(flushed)
	}()
	select {
	case <-flushed:
		return nil
	case <-ctx.Done():
		return domain.Errorf(domain.Timeout, "not all messages were confirmed before the end").Because(ctx.Err())
	}
}

// release returns when nothing of the producer is left. Its connections have been closed.
func (p *producer) release() {
	p.idle.Wait()
	_ = p.client.Close()
}

// route is what publishing to a topic needs to know, and its windows.
type route struct {
	largest int64 // a message with its batch's overhead
	told    bool  // the cluster has told it
	window  int64 // of one partition
	least   int64 // what the smallest message weighs, so that not more than laneMessages fit

	mu    sync.Mutex // guards what follows
	known time.Time  // when the topic was there
	asked time.Time  // when the topic was asked what it takes
	lanes map[int32]*semaphore.Weighted
}

// lane is the window of one partition.
func (r *route) lane(partition int32) *semaphore.Weighted {
	r.mu.Lock()
	defer r.mu.Unlock()
	lane := r.lanes[partition]
	if lane == nil {
		lane = semaphore.NewWeighted(r.window)
		r.lanes[partition] = lane
	}
	return lane
}

// weight is what a message takes of the window.
func (r *route) weight(size int64) int64 { return min(max(size, r.least), r.window) }

// age is how long ago the topic was looked at.
func (r *route) age() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.known)
}

func (r *route) confirm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = time.Now()
}

// route gives the route of a topic, looking from time to time whether the topic is still there. Without this sarama would hold up every topic while it asks for
// one that is missing. All who publish to a topic share one look, and while it is published to again and again nobody waits for that: over a slow network messages would spend their time on it.
func (p *producer) route(ctx context.Context, topic domain.Topic) (*route, error) {
	r, found := p.refresh(topic)
	if found == nil || r != nil && r.age() < routeLimit && !p.shortages.lasting(topic) { // what is refused has to be so now
		return r, nil
	}
	select {
	case result := <-found:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*route), nil
	case <-ctx.Done():
		return nil, translate(topic, ctx.Err())
	}
}

// refresh gives the route of a topic that is known, and what a look at the topic will find, unless it is not time for one. It does not wait.
func (p *producer) refresh(topic domain.Topic) (known *route, found <-chan singleflight.Result) {
	p.mu.Lock()
	r := p.routes[topic]
	p.mu.Unlock()
	if r != nil && r.age() < routeAge {
		return r, nil
	}
	return r, p.finding.DoChan(string(topic), func() (any, error) { return p.find(topic, r) })
}

// look finds the route of a topic. One that is known stays what it is, unless the topic is gone.
func (p *producer) look(ctx context.Context, b *Broker, topic domain.Topic, known *route) (*route, error) {
	if !b.enter() {
		return nil, errClosed()
	}
	defer b.leave()
	ctx, cancel := context.WithTimeout(ctx, b.cfg.RequestTimeout)
	defer cancel()
	shape, err := b.ensure(ctx, topic)
	p.shortages.note(topic, b.short(ctx, topic, shape))
	switch {
	case err != nil && known != nil && domain.CodeOf(err) == domain.Unavailable:
		return known, nil // the leaders may be there all the same
	case err != nil:
		p.forget(topic)
		return nil, err
	case known != nil:
		known.confirm()
		if known.largest < p.batch { // its window is small for that: it may take more by now
			return p.measure(topic), nil
		}
		return known, nil
	}
	if _, err := within(ctx, b, func() ([]int32, error) { return p.client.Partitions(string(topic)) }); err != nil {
		return nil, translate(topic, err)
	}
	return p.measure(topic), nil
}

// newRoute makes a route to a topic whose largest batch is given, as sarama's is.
func newRoute(window, largest, batch int64, told bool) *route {
	if largest < batch {
		// sarama knows one size of batches for all topics. What is under way to a partition is the most that can become one batch.
		window = min(window, largest)
	}
	return &route{
		largest: largest,
		told:    told,
		window:  window,
		least:   (window + laneMessages - 1) / laneMessages,
		known:   time.Now(),
		asked:   time.Now(),
		lanes:   make(map[int32]*semaphore.Weighted),
	}
}

func (p *producer) forget(topic domain.Topic) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.routes, topic)
}
