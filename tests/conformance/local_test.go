package conformance_test

import (
	"context"
	"errors"
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
		Broker:      b,
		Topic:       func(testing.TB) domain.Topic { return domain.Topic("topic-" + uuid.NewString()) },
		Partitions:  1,
		AutoCreate:  true,
		Unreachable: unreachable,
	}
}

func TestInproc(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Subject {
		b, err := inproc.New(inproc.DefaultConfig())
		s := local(t, b, err)
		s.Unreachable = nil
		return s
	})
}

// A plain channel sends each message from a goroutine of its own; what comes back is waited for, so that order holds all the same.
func TestPairThatGivesBack(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Subject {
		channel := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
		cfg := broker.DefaultConfig()
		cfg.ReceiptPosition = true
		b, err := broker.NewPair(channel, channel, cfg)
		return local(t, b, err)
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
		s := local(t, b, err)
		s.Unreachable = nil
		return s
	})
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
