package conformance_test

import (
	"context"
	"errors"
	"slices"
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
func local(t testing.TB, b ports.Broker, err error) conformance.Subject {
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
		return trimmed(inprocSubject(t, inproc.DefaultConfig()), func(t testing.TB) conformance.Subject {
			cfg := inproc.DefaultConfig()
			cfg.LogMessages = few
			return inprocSubject(t, cfg)
		})
	})
}

func inprocSubject(t testing.TB, cfg inproc.Config) conformance.Subject {
	t.Helper()
	b, err := inproc.New(cfg)
	return local(t, b, err)
}

// few is how many messages the log of a topic keeps that retention has to overtake: no fewer than the suite puts there before.
const few = 40

// trimmed is a subject beside which there is one whose logs keep few messages: what is published takes others away.
func trimmed(s conformance.Subject, keepsFew func(t testing.TB) conformance.Subject) conformance.Subject {
	s.Trim = func(t testing.TB) (conformance.Subject, func(domain.Topic)) {
		s := keepsFew(t)
		return s, func(topic domain.Topic) {
			_, chunks, err := s.Broker.Tail(t.Context(), topic, domain.StartLatest())
			if err != nil {
				t.Fatal(err)
			}
			batch := slices.Repeat([]*domain.Message{{Payload: []byte("one takes another's place")}}, few/4)
			s.Broker.Publish(t.Context(), topic, batch, func(_ int, _ domain.Ack, err error) {
				if err != nil {
					t.Error(err)
				}
			})
			kept := 0
			for chunk, err := range chunks {
				if err != nil {
					t.Fatal(err)
				}
				if kept += len(chunk.Messages); kept == len(batch) {
					break
				}
			}
		}
	}
	return s
}

// A plain channel sends each message from a goroutine of its own; what comes back is waited for, so that order holds all the same.
func TestPairThatGivesBack(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Subject {
		return trimmed(fragileSubject(t, broker.DefaultConfig()), func(t testing.TB) conformance.Subject {
			cfg := broker.DefaultConfig()
			cfg.LogMessages = few
			return fragileSubject(t, cfg)
		})
	})
}

// A pair of which nothing is known declares neither positions nor order.
func TestPairOfWhichNothingIsKnown(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Subject {
		return trimmed(plainSubject(t, broker.DefaultConfig()), func(t testing.TB) conformance.Subject {
			cfg := broker.DefaultConfig()
			cfg.LogMessages = few
			return plainSubject(t, cfg)
		})
	})
}

func plainSubject(t testing.TB, cfg broker.Config) conformance.Subject {
	t.Helper()
	channel := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
	b, err := broker.NewPair(channel, channel, cfg)
	return local(t, b, err)
}

// Routing changes names and nothing else.
func TestRouting(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Subject {
		return trimmed(routedSubject(t, inproc.DefaultConfig()), func(t testing.TB) conformance.Subject {
			cfg := inproc.DefaultConfig()
			cfg.LogMessages = few
			return routedSubject(t, cfg)
		})
	})
}

func routedSubject(t testing.TB, cfg inproc.Config) conformance.Subject {
	t.Helper()
	behind, err := inproc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b, err := routing.New([]routing.Route{{Name: "topic-*", Allow: true, Physical: "t.*.v1"}}, map[string]ports.Broker{"main": behind}, "main")
	return local(t, b, err)
}

// fragile is a channel that can be stopped, as a server can: what subscribes is cut off, what comes is refused.
type fragile struct {
	*gochannel.GoChannel

	mu      sync.Mutex // guards what follows
	stopped bool
	cuts    []context.CancelFunc
}

// fragileSubject is a subject over a channel that can be stopped, as a server can.
func fragileSubject(t testing.TB, cfg broker.Config) conformance.Subject {
	t.Helper()
	channel := &fragile{GoChannel: gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})}
	cfg.ReceiptPosition = true
	b, err := broker.NewPair(channel, channel, cfg)
	s := local(t, b, err)
	s.InProcess = false
	s.Another = func(testing.TB) ports.Broker { return b } // there is no other one that knows the queues
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
