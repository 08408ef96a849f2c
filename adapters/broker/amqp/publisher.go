package amqp

import (
	"context"
	"sync"
	"time"

	"culvert/domain"
)

const (
	// mostSenders is how many topics are published to at a time at most: RabbitMQ allows 2047 channels on a connection unless it is told otherwise.
	mostSenders = 1000
	// senderIdle is after how long a topic that nobody publishes to loses its channel.
	senderIdle = time.Minute
)

// publisher has a sender for each topic that is published to.
type publisher struct {
	most int
	idle time.Duration

	start   func(domain.Topic) *sender
	end     context.CancelFunc // ends all senders
	running sync.WaitGroup     // their goroutines

	mu      sync.Mutex // guards what follows, and users and since of all senders
	senders map[domain.Topic]*sender
	parcels map[*parcel]struct{} // those that are not answered
	closing chan struct{}        // made by close; closed when there are no parcels
}

func newPublisher(b *Broker) *publisher {
	ctx, end := context.WithCancel(context.Background())
	p := &publisher{most: mostSenders, idle: senderIdle, end: end, senders: map[domain.Topic]*sender{}, parcels: map[*parcel]struct{}{}}
	p.start = func(topic domain.Topic) *sender {
		ctx, end := context.WithCancel(ctx)
		s := newSender(b, p, topic, end)
		p.running.Go(func() { // ends when the sender was idle for long, is evicted, or the publisher ends
			defer end()
			s.run(ctx)
		})
		return s
	}
	return p
}

// enter gives the sender of a topic, which stays until leave, and lets close wait for parcel.
func (p *publisher) enter(topic domain.Topic, parcel *parcel) (*sender, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing != nil {
		return nil, errClosed()
	}
	s := p.senders[topic]
	if s == nil {
		if len(p.senders) >= p.most && !p.evict() {
			return nil, domain.Errorf(domain.Unavailable, "too many topics are being published to at this time")
		}
		s = p.start(topic)
		p.senders[topic] = s
	}
	s.users++
	p.parcels[parcel] = struct{}{}
	return s, nil
}

func (p *publisher) leave(s *sender) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.users--
	s.since = time.Now()
}

// evict lets go of the sender that has been idle for longest. False: none is idle. p.mu is held.
func (p *publisher) evict() bool {
	var oldest *sender
	for _, s := range p.senders {
		if s.users == 0 && s.open.Load() == 0 && (oldest == nil || s.since.Before(oldest.since)) {
			oldest = s
		}
	}
	if oldest == nil {
		return false
	}
	delete(p.senders, oldest.topic)
	oldest.end()
	return true
}

// makeRoom lets go of an idle sender, since the server allows no more channels.
func (p *publisher) makeRoom() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.evict()
}

// retire lets go of s if it has been idle for long.
func (p *publisher) retire(s *sender) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.users > 0 || s.open.Load() > 0 || time.Since(s.since) < p.idle {
		return false
	}
	if p.senders[s.topic] == s {
		delete(p.senders, s.topic)
	}
	return true
}

// answered notes that all of parcel is answered.
func (p *publisher) answered(parcel *parcel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.parcels[parcel]; !ok {
		return // it was refused
	}
	delete(p.parcels, parcel)
	if p.closing != nil && len(p.parcels) == 0 {
		close(p.closing)
	}
}

// close takes nothing any more, waits until all is answered, and answers what is left when ctx ends. The senders may still be running: they end with their connection, see wait.
func (p *publisher) close(ctx context.Context) {
	p.mu.Lock()
	if p.closing == nil {
		p.closing = make(chan struct{})
		if len(p.parcels) == 0 {
			close(p.closing)
		}
	}
	closing := p.closing
	p.mu.Unlock()
	select {
	case <-closing:
	case <-ctx.Done():
		for _, parcel := range p.unanswered() {
			parcel.expire(errClosed())
		}
	}
	p.end()
}

func (p *publisher) unanswered() []*parcel {
	p.mu.Lock()
	defer p.mu.Unlock()
	parcels := make([]*parcel, 0, len(p.parcels))
	for parcel := range p.parcels {
		parcels = append(parcels, parcel)
	}
	return parcels
}

// wait waits until all goroutines have ended, after close and when the connection is closed.
func (p *publisher) wait() { p.running.Wait() }
