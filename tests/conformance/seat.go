package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"

	"culvert/domain"
)

// seat is one Join: it fetches from every claim that it is given, and keeps what comes.
type seat struct {
	cancel context.CancelFunc
	ended  chan struct{} // closed when the sequence and all fetching have ended

	mu       sync.Mutex // guards what follows
	changed  chan struct{}
	assigned map[domain.Claim]bool // true while it is ours
	got      []delivery
	gaps     []domain.Gap
	err      error
}

// delivery is one message and the claim that it came through.
type delivery struct {
	claim   domain.Claim
	message *domain.Message
}

func (d delivery) settle() { d.claim.Settle(d.message.Offset) }

// number is that of a numbered message.
func (d delivery) number() int {
	n, _ := strconv.Atoi(string(d.message.Payload))
	return n
}

// join takes a seat and returns when the membership stands.
func (b *bench) join(ctx context.Context, topic domain.Topic, queue domain.Queue, from *domain.Start) (*seat, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &seat{cancel: cancel, ended: make(chan struct{}), changed: make(chan struct{}), assigned: map[domain.Claim]bool{}}
	stands := make(chan struct{})
	go s.run(ctx, b, topic, queue, from, sync.OnceFunc(func() { close(stands) })) // ends with ctx, or with the membership
	select {
	case <-stands:
		return s, nil
	case <-s.ended:
		s.cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err == nil {
			return nil, errors.New("the membership ended before it stood")
		}
		return nil, s.err
	}
}

func (s *seat) run(ctx context.Context, b *bench, topic domain.Topic, queue domain.Queue, from *domain.Start, stands func()) {
	var fetchers sync.WaitGroup
	for event, err := range b.Broker.Join(ctx, topic, queue, domain.Terms{From: from}) {
		if err != nil {
			s.change(func() { s.err = err })
			break
		}
		s.change(func() {
			for _, c := range event.Revoked {
				s.assigned[c] = false
			}
			for _, c := range event.Assigned {
				s.assigned[c] = true
				fetchers.Go(func() { s.fetch(ctx, c) }) // ends with ctx or its claim
			}
		})
		stands()
	}
	s.cancel()
	fetchers.Wait()
	close(s.ended)
}

func (s *seat) fetch(ctx context.Context, c domain.Claim) {
	for {
		haul, err := c.Fetch(ctx)
		if err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				s.change(func() { s.err = fmt.Errorf("fetch: %w", err) })
			}
			return
		}
		s.change(func() {
			if haul.Gap != nil {
				s.gaps = append(s.gaps, *haul.Gap)
			}
			for _, m := range haul.Messages {
				s.got = append(s.got, delivery{c, m})
			}
		})
	}
}

func (s *seat) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// until waits until ok, which is called with the seat locked, or fails saying what was waited for.
func (s *seat) until(ctx context.Context, what string, ok func() bool) error {
	for {
		s.mu.Lock()
		fine, err, changed, n := ok(), s.err, s.changed, len(s.got)
		s.mu.Unlock()
		switch {
		case err != nil:
			return fmt.Errorf("waiting for %s: %w", what, err)
		case fine:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting in vain for %s; %d messages came", what, n)
		}
	}
}

// receive waits for n messages in all, and gives them.
func (s *seat) receive(ctx context.Context, n int) ([]delivery, error) {
	err := s.until(ctx, fmt.Sprintf("%d messages", n), func() bool { return len(s.got) >= n })
	return s.all(), err
}

// all is what came so far.
func (s *seat) all() []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// told are the gaps that came so far.
func (s *seat) told() []domain.Gap {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.gaps)
}

// next is closed when something has happened after now.
func (s *seat) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// holds is how many partitions the seat has.
func (s *seat) holds() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held()
}

// held is how many partitions the seat has. The caller holds mu.
func (s *seat) held() (n int) {
	for _, is := range s.assigned {
		if is {
			n++
		}
	}
	return n
}

// leave ends the membership and returns when it has ended, with what was settled committed.
func (s *seat) leave() error {
	s.cancel()
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
