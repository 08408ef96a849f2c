package inject_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"culvert/domain"
	"culvert/domain/inject"
	"culvert/ports"
)

// publisherFunc is a ports.Publisher made of one function.
type publisherFunc func(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error))

func (f publisherFunc) Publish(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
	f(ctx, topic, batch, done)
}

// confirm confirms everything at once.
func confirm(_ context.Context, _ domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
	for i := range batch {
		done(i, domain.Ack{}, nil)
	}
}

// answers collects what an injection answers.
type answers struct {
	mu      sync.Mutex
	all     []ports.Outcome
	running atomic.Int32
	overlap atomic.Bool // two calls at once
}

func (a *answers) take(outcomes []ports.Outcome) {
	if a.running.Add(1) > 1 {
		a.overlap.Store(true)
	}
	defer a.running.Add(-1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, outcomes...)
}

func (a *answers) sorted() []ports.Outcome {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := slices.Clone(a.all)
	slices.SortStableFunc(all, func(x, y ports.Outcome) int { return int(x.N) - int(y.N) })
	return all
}

func (a *answers) codes() []domain.Code {
	var codes []domain.Code
	for _, o := range a.sorted() {
		code := domain.Code("")
		if o.Err != nil {
			code = domain.CodeOf(o.Err)
		}
		codes = append(codes, code)
	}
	return codes
}

func newService(t testing.TB, p ports.Publisher, change func(*inject.Config)) *inject.Service {
	t.Helper()
	cfg := inject.DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	s, err := inject.New(p, cfg, domain.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func message(payload string) *domain.Message { return &domain.Message{Payload: []byte(payload)} }

// put puts a message, and sends it.
func put(t testing.TB, i ports.Injection, topic domain.Topic, m *domain.Message) uint64 {
	t.Helper()
	n, err := i.Put(t.Context(), topic, m, "")
	if err != nil {
		t.Fatalf("put: %v", err)
	}
	i.Send()
	return n
}
