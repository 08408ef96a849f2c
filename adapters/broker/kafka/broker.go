package kafka

import (
	"context"
	"log/slog"
	"sync"

	"github.com/IBM/sarama"
	"github.com/rcrowley/go-metrics"

	"culvert/domain"
	"culvert/ports"
)

// Broker is a Kafka cluster. It implements ports.Broker, ports.Catalogue, ports.QueueCatalogue, ports.QueueKeeper, ports.QueueMover and ports.Creator.
type Broker struct {
	cfg  Config
	log  *slog.Logger
	base *sarama.Config

	// end closes every connection that does not belong to a caller's context.
	end      context.CancelFunc
	admin    lazy[admin]
	producer lazy[producer]

	mu     sync.Mutex // guards closed, and calls.Add against it
	closed bool
	calls  sync.WaitGroup // what still uses the connections
}

var (
	_ ports.Broker         = (*Broker)(nil)
	_ ports.Catalogue      = (*Broker)(nil)
	_ ports.QueueCatalogue = (*Broker)(nil)
	_ ports.QueueKeeper    = (*Broker)(nil)
	_ ports.QueueMover     = (*Broker)(nil)
	_ ports.Creator        = (*Broker)(nil)
)

// New makes the adapter. It does not connect: an unreachable cluster is no reason not to start. It fails when a setting cannot be, or a file that
// it names cannot be read.
func New(cfg Config, log *slog.Logger) (*Broker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	base, err := baseConfig(cfg)
	if err != nil {
		return nil, err
	}
	base.MetricRegistry = metrics.NewRegistry()
	ctx, end := context.WithCancel(context.Background())
	b := &Broker{cfg: cfg, log: log, base: base, end: end}
	b.admin.make = func() (*admin, error) { return b.connectAdmin(ctx) }
	b.producer.make = func() (*producer, error) { return b.startProducer(ctx) }
	return b, nil
}

// Capabilities implements ports.Describer.
func (b *Broker) Capabilities(topic domain.Topic) domain.Capabilities {
	can := domain.Capabilities{
		domain.History, domain.SeekTime, domain.ReceiptPosition, domain.KeyOrder, domain.Peek, domain.Reset, domain.ResetTime, domain.Lag, domain.Catalogue,
	}
	if _, creates := b.cfg.create(topic); creates {
		can = append(can, domain.Create)
	}
	return can
}

// Close implements ports.Lifecycle.
func (b *Broker) Close(ctx context.Context) error {
	b.mu.Lock()
	again := b.closed
	b.closed = true
	b.mu.Unlock()
	if again {
		return nil
	}
	var err error
	if p := b.producer.made.Load(); p != nil {
		err = p.close(ctx)
	}
	b.end()
	freed := make(chan struct{})
	// Ends when sarama has seen that its connections are closed, which may take it some tries.
	go func() {
		defer close(freed)
		b.free()
	}()
	select {
	case <-freed:
	case <-ctx.Done():
	}
	return err
}

// free returns when nothing is left of what the connections were used for.
func (b *Broker) free() {
	b.calls.Wait()
	if p := b.producer.made.Load(); p != nil {
		p.release()
	}
	if a := b.admin.made.Load(); a != nil {
		_ = a.client.Close() // its connections are closed already
	}
}

// enter lets a call use the broker's own connections until it calls leave; false once the broker is closed.
func (b *Broker) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.calls.Add(1)
	return true
}

func (b *Broker) leave() { b.calls.Done() }

func errClosed() error {
	return domain.Errorf(domain.Unavailable, "the broker is shutting down")
}

// within runs f, which knows no contexts, and gives what it gives, or ctx's error when ctx ends first. The goroutine ends with f, which the library's
// time-outs end, or Close.
func within[T any](ctx context.Context, b *Broker, f func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if !b.enter() {
		return none, errClosed()
	}
	answer := make(chan result, 1)
	go func() {
		defer b.leave()
		v, err := f()
		answer <- result{v, err}
	}()
	select {
	case r := <-answer:
		return r.v, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
