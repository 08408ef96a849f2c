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
	// Topics are those that patterns can name.
	ports.Catalogue
}

// Service implements ports.Viewer and ports.Feeds.
type Service struct {
	broker    Broker
	cfg       Config
	replays   replays
	discovery discovery
	memories  sync.Pool     // of *memory
	draining  chan struct{} // closed when no stream goes on
	work      sync.WaitGroup

	mu      sync.Mutex // guards what follows; it is taken before the discovery's and the logs'
	feeds   map[domain.Topic]*feed
	drained bool
}

// New makes the service. It starts nothing until the first view.
func New(b Broker, cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Service{
		broker:    b,
		cfg:       cfg,
		replays:   newReplays(cfg),
		discovery: discovery{list: b.Topics, every: cfg.Discovery},
		memories:  sync.Pool{New: func() any { return new(memory) }},
		draining:  make(chan struct{}),
		feeds:     map[domain.Topic]*feed{},
	}, nil
}

// View opens a stream as ports.Viewer says.
func (s *Service) View(ctx context.Context, v ports.View) (ports.Stream, error) {
	st := newStream(s, v, ctx.Done())
	if err := st.open(ctx, v, s.cfg.OpenTimeout); err != nil {
		st.end()
		return nil, err
	}
	if v.Waker != nil {
		st.bell.unheard()
	}
	context.AfterFunc(ctx, st.end)
	return st, nil
}

// admit refuses what the topic's broker cannot do, and settles the default that depends on it. A cursor is admitted anywhere: what cannot be honoured is a gap.
func (s *Service) admit(topic domain.Topic, from domain.Start, to *domain.Stop, overflow ports.Overflow) (ports.Overflow, error) {
	can := s.broker.Capabilities(topic)
	_, timed := from.Time()
	switch {
	case from.Vector() == nil && !from.Latest() && !can.Has(domain.History):
		return "", domain.Errorf(domain.Unsupported, "the broker of topic %q keeps no log to read from: only from=latest is possible", topic)
	case timed && !can.Has(domain.SeekTime):
		return "", domain.Errorf(domain.Unsupported, "the broker of topic %q cannot find a time", topic)
	case to != nil && !to.Time.IsZero() && !can.Has(domain.SeekTime):
		return "", domain.Errorf(domain.Unsupported, "the broker of topic %q tells no times to end at: to=latest and a cursor are possible", topic)
	case overflow == ports.OverflowResume && !can.Has(domain.History):
		return "", domain.Errorf(domain.Unsupported, "the broker of topic %q keeps no log to read on from: overflow=drop or disconnect is possible", topic)
	case overflow == ports.OverflowDefault && can.Has(domain.History):
		return ports.OverflowResume, nil
	case overflow == ports.OverflowDefault:
		return ports.OverflowDrop, nil
	}
	return overflow, nil
}

// watch rings b when other topics are there than before. unwatch is called once.
func (s *Service) watch(b *bell) (unwatch func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drained {
		return nil, domain.Errorf(domain.Unavailable, "this node is shutting down")
	}
	return s.discovery.watch(b, &s.work), nil
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
		f.bells.ringAll()
	}
	s.mu.Unlock()
	// Streams that are polled do not see the closing by themselves. What they wait for is a feed, or one of these.
	s.replays.ringAll()
	s.discovery.ringAll()

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

// Feeds implements ports.Feeds: it tells of all open feeds.
func (s *Service) Feeds() []ports.FeedStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	stats := make([]ports.FeedStats, 0, len(s.feeds))
	for _, f := range s.feeds {
		st := ports.FeedStats{Topic: f.topic, Viewers: f.viewers}
		if l := f.ready(); l != nil {
			st.Messages, st.Bytes, st.Lag = l.stats()
			st.Rate = l.rate.PerSecond(now)
		}
		stats = append(stats, st)
	}
	return stats
}

// Behind implements ports.Feeds.
func (s *Service) Behind(topic domain.Topic, place *domain.Vector) (messages int64, age time.Duration, known bool) {
	s.mu.Lock()
	f := s.feeds[topic]
	s.mu.Unlock()
	if f == nil || place == nil {
		return 0, 0, false
	}
	l := f.ready()
	if l == nil {
		return 0, 0, false
	}
	return l.behind(place, time.Now())
}

// streamID names a stream so that nobody guesses it.
func streamID() string {
	var random [16]byte
	rand.Read(random[:])
	return "s_" + base64.RawURLEncoding.EncodeToString(random[:])
}
