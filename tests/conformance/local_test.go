package conformance_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"culvert/adapters/broker"
	"culvert/adapters/broker/inproc"
	"culvert/adapters/broker/routing"
	"culvert/domain"
	"culvert/ports"
	"culvert/tests/conformance"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// local is the subject that a broker without a server is.
func local(t *testing.T, b ports.Broker, err error) conformance.Subject {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return conformance.Subject{
		Broker:     b,
		Topic:      func(testing.TB) domain.Topic { return domain.Topic("topic-" + uuid.NewString()) },
		Partitions: 1,
		AutoCreate: true,
		InProcess:  true,
	}
}

func TestInproc(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Subject {
		b, err := inproc.New(inproc.DefaultConfig())
		return local(t, b, err)
	})
}

// A plain channel sends each message from a goroutine of its own; what comes back is waited for, so that order holds all the same.
func TestPairThatGivesBack(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Subject {
		channel := &fragile{GoChannel: gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})}
		cfg := broker.DefaultConfig()
		cfg.ReceiptPosition = true
		b, err := broker.NewPair(channel, channel, cfg)
		return fragileSubject(local(t, b, err), channel)
	})
}

// A pair of which nothing is known declares neither positions nor order.
func TestPairOfWhichNothingIsKnown(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Subject {
		channel := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
		b, err := broker.NewPair(channel, channel, broker.DefaultConfig())
		return local(t, b, err)
	})
}

// Routing changes names and nothing else.
func TestRouting(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Subject {
		behind, err := inproc.New(inproc.DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		b, err := routing.New([]routing.Route{{Name: "topic-*", Allow: true, Physical: "t.*.v1"}}, map[string]ports.Broker{"main": behind}, "main")
		return local(t, b, err)
	})
}

// fragile is a channel that can be stopped, as a server can: what subscribes is cut off, what comes is refused.
type fragile struct {
	*gochannel.GoChannel

	mu      sync.Mutex // guards what follows
	stopped bool
	cuts    []context.CancelFunc
}

// fragileSubject is a subject over a channel that can be stopped, as a server can.
func fragileSubject(s conformance.Subject, channel *fragile) conformance.Subject {
	s.InProcess = false
	s.Unreachable = unreachable
	s.Outage = func(testing.TB) (conformance.Subject, func() func()) { return s, channel.stop }
	return s
}

// stop stops the channel and gives what starts it again.
func (f *fragile) stop() (start func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	for _, cut := range f.cuts {
		cut()
	}
	f.cuts = nil
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.stopped = false
	}
}

func (f *fragile) Publish(topic string, messages ...*message.Message) error {
	f.mu.Lock()
	stopped := f.stopped
	f.mu.Unlock()
	if stopped {
		return errAway
	}
	return f.GoChannel.Publish(topic, messages...)
}

func (f *fragile) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return nil, errAway
	}
	ctx, cut := context.WithCancel(ctx)
	messages, err := f.GoChannel.Subscribe(ctx, topic)
	if err != nil {
		cut()
		return nil, err
	}
	f.cuts = append(f.cuts, cut)
	return messages, nil
}

// unreachable is a pair whose backend is not there.
func unreachable(t testing.TB) ports.Broker {
	b, err := broker.NewPair(away{}, away{}, broker.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// away is a Watermill backend that is not there.
type away struct{}

var errAway = errors.New("connection refused")

func (away) Publish(string, ...*message.Message) error { return errAway }
func (away) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	return nil, errAway
}
func (away) Close() error { return nil }
