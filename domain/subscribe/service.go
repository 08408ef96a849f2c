package subscribe

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"sync"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// Broker is what the service needs of a broker.
type Broker interface {
	ports.Tailer
	ports.Describer
}

// Service implements ports.Viewer.
type Service struct {
	broker   Broker
	cfg      Config
	replays  chan struct{} // a slot for each replay that may run
	draining chan struct{} // closed when no stream goes on
	work     sync.WaitGroup

	mu      sync.Mutex // guards what follows
	feeds   map[domain.Topic]*feed
	drained bool
}

// New makes the service. It starts nothing until the first view.
func New(b Broker, cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Service{
		broker:   b,
		cfg:      cfg,
		replays:  make(chan struct{}, cfg.Replays),
		draining: make(chan struct{}),
		feeds:    map[domain.Topic]*feed{},
	}, nil
}

// View opens a stream as ports.Viewer says.
func (s *Service) View(ctx context.Context, v ports.View) (ports.Stream, error) {
	topic, one := v.Topics[0].Topic()
	if !one || len(v.Topics) > 1 || v.To != nil {
		return nil, domain.Errorf(domain.Unsupported, "several topics, and to, are not supported by this server")
	}
	if err := s.admit(topic, &v); err != nil {
		return nil, err
	}
	f, err := s.feed(ctx, topic)
	if err != nil {
		return nil, err
	}
	st := newStream(f.log, v, s.cfg.BatchBytes, ctx.Done(), s.draining)
	st.replayFrom = func(from domain.Start) *replay { return s.startReplay(ctx, topic, from) }
	if err := st.open(ctx, topic, v, s.cfg.OpenTimeout); err != nil {
		s.leave(f)
		return nil, err
	}
	context.AfterFunc(ctx, func() { s.leave(f) })
	return st, nil
}

// admit refuses what the topic's broker cannot do, and settles the defaults that depend on it.
func (s *Service) admit(topic domain.Topic, v *ports.View) error {
	can := s.broker.Capabilities(topic)
	_, timed := v.From.Time()
	if v.Resume == nil && v.From.Vector() == nil && !v.From.Latest() {
		if !can.Has(domain.History) {
			return domain.Errorf(domain.Unsupported, "the broker of topic %q keeps no log to read from: only from=latest is possible", topic)
		}
		if timed && !can.Has(domain.SeekTime) {
			return domain.Errorf(domain.Unsupported, "the broker of topic %q cannot find a time", topic)
		}
	}
	switch v.Overflow {
	case ports.OverflowDefault:
		v.Overflow = ports.OverflowDrop
		if can.Has(domain.History) {
			v.Overflow = ports.OverflowResume
		}
	case ports.OverflowResume:
		if !can.Has(domain.History) {
			return domain.Errorf(domain.Unsupported, "the broker of topic %q keeps no log to read on from: overflow=drop or disconnect is possible", topic)
		}
	}
	return nil
}

// feed gives the feed of topic, opened, and counts the caller as a viewer of it and as work of the service.
func (s *Service) feed(ctx context.Context, topic domain.Topic) (*feed, error) {
	f, err := s.enter(topic)
	if err != nil {
		return nil, err
	}
	select {
	case <-f.opened:
		err = f.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		s.leave(f)
		return nil, err
	}
	return f, nil
}

// enter counts one viewer more in the feed of topic, and opens it for the first.
func (s *Service) enter(topic domain.Topic) (*feed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drained {
		return nil, domain.Errorf(domain.Unavailable, "this node is shutting down")
	}
	f := s.feeds[topic]
	if f == nil {
		if len(s.feeds) >= s.cfg.Feeds {
			return nil, domain.Errorf(domain.TooManyRequests, "%d topics are viewed on this node, which is its limit (subscribe.feeds)", s.cfg.Feeds)
		}
		var ctx context.Context
		f, ctx = newFeed(topic)
		s.feeds[topic] = f
		s.work.Add(1)
		// Ends when the feed is closed, or its broker's sequence ends.
		go func() {
			defer s.work.Done()
			f.run(ctx, s.broker, s.cfg, func() { s.forget(f) })
		}()
	}
	if f.linger != nil {
		f.linger.Stop()
	}
	f.viewers++
	s.work.Add(1)
	return f, nil
}

// leave counts one viewer less. The last one leaves the feed open for a while.
func (s *Service) leave(f *feed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.viewers--
	s.work.Done()
	if f.viewers > 0 {
		return
	}
	if s.drained {
		f.close(nil)
		return
	}
	f.linger = time.AfterFunc(s.cfg.Linger, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if f.viewers == 0 && s.feeds[f.topic] == f {
			delete(s.feeds, f.topic)
			f.close(nil)
		}
	})
}

// forget takes a feed that ended out of the map, so that the next viewer opens another.
func (s *Service) forget(f *feed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.feeds[f.topic] == f {
		delete(s.feeds, f.topic)
	}
}

// Drain says bye to all streams and returns when they and all feeds have ended, at most when ctx does. New streams are refused.
func (s *Service) Drain(ctx context.Context) error {
	s.mu.Lock()
	if !s.drained {
		s.drained = true
		close(s.draining)
	}
	for _, f := range s.feeds {
		f.close(nil)
	}
	s.mu.Unlock()

	done := make(chan struct{})
	// Ends with the last stream, which its edge closes after the bye.
	go func() {
		s.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// FeedStats tells of one feed.
type FeedStats struct {
	Topic    domain.Topic
	Viewers  int
	Messages int // in the log
	Bytes    int // in the log, about
	// Lag is how old the newest message was when it came into the log, by the broker's time.
	Lag time.Duration
}

// Feeds tells of all open feeds, in no order.
func (s *Service) Feeds() []FeedStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := make([]FeedStats, 0, len(s.feeds))
	for _, f := range s.feeds {
		st := FeedStats{Topic: f.topic, Viewers: f.viewers}
		if l := f.ready(); l != nil {
			st.Messages, st.Bytes, st.Lag = l.stats()
		}
		stats = append(stats, st)
	}
	return stats
}

// streamID names a stream so that nobody guesses it.
func streamID() string {
	var random [16]byte
	rand.Read(random[:])
	return "s_" + base64.RawURLEncoding.EncodeToString(random[:])
}
