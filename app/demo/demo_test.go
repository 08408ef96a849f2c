package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"culvert/adapters/broker/inproc"
	"culvert/domain"
	"culvert/domain/inject"
	"culvert/domain/queue"
	"culvert/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is the services over an in-process broker.
func house(t *testing.T) (Services, ports.Broker, *queue.Service, func()) {
	t.Helper()
	b, err := inproc.New(inproc.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	injector, err := inject.New(b, inject.DefaultConfig(), domain.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	queues, err := queue.New(b, queue.DefaultConfig(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return Services{injector, queues}, b, queues, func() {
		for _, stop := range []func(context.Context) error{queues.Drain, injector.Drain, b.Close} {
			if err := stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

// log is what topic has.
func log(t *testing.T, b ports.Broker, topic domain.Topic) (messages []*domain.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, chunks, err := b.Tail(ctx, topic, domain.StartEarliest())
	if err != nil {
		t.Fatal(err)
	}
	for chunk, err := range chunks {
		if err != nil {
			break
		}
		messages = append(messages, chunk.Messages...)
	}
	return messages
}

// In two minutes there are prices of ten symbols, of which some leave and all come back but one, and orders, of which those of nothing end as dead letters; Billing has them all before it.
func TestWhatThereIsToSee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b, queues, stop := house(t)
		defer stop()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute+time.Second/10)
		defer cancel()
		if err := Run(ctx, s); err != nil {
			t.Fatal(err)
		}

		prices := log(t, b, Prices)
		if want := 10 + int(2*time.Minute/tick); len(prices) != want {
			t.Errorf("%d prices, not %d", len(prices), want)
		}
		gone, left := map[string]bool{}, 0
		symbols := map[string]bool{}
		for _, m := range prices {
			key := string(m.Key)
			symbols[key] = true
			if m.Tombstone() {
				gone[key] = true
				left++
				continue
			}
			delete(gone, key)
			var price struct {
				Symbol string  `json:"symbol"`
				Price  float64 `json:"price"`
			}
			if err := json.Unmarshal(m.Payload, &price); err != nil || price.Symbol != key || price.Price < 10 || price.Price > 1000 {
				t.Errorf("%s of %s: %v", m.Payload, key, err)
			}
		}
		if len(symbols) != 10 || left != 8 || len(gone) != 1 {
			t.Errorf("of %v %d left, and %v did not come back", slices.Sorted(maps.Keys(symbols)), left, gone)
		}

		orders := log(t, b, Orders)
		if len(orders) != 120 {
			t.Errorf("%d orders", len(orders))
		}
		state, err := queues.Inspect(t.Context(), Orders, Billing)
		if err != nil || state.Members != 0 || len(state.Partitions) != 1 || state.Lag != 120 {
			t.Errorf("%s: %+v, %v", Billing, state, err)
		}
		letters := log(t, b, Orders+"."+domain.Topic(Shipping)+".dlq")
		if len(letters) < 7 {
			t.Errorf("%d dead letters", len(letters))
		}
		for _, m := range letters {
			if !bytes.Contains(m.Payload, []byte(`"quantity":0`)) {
				t.Errorf("%s died", m.Payload)
			}
		}
	})
}

// A symbol that left is not priced until it is back.
func TestWhatIsGoneIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b, _, stop := house(t)
		defer stop()
		ctx, cancel := context.WithTimeout(t.Context(), everyLeave*tick+away*tick-tick/2)
		defer cancel()
		if err := Run(ctx, s); err != nil {
			t.Fatal(err)
		}
		gone := ""
		for _, m := range log(t, b, Prices) {
			if gone != "" && string(m.Key) == gone {
				t.Errorf("%s is gone, and %s", gone, m.Payload)
			}
			if m.Tombstone() {
				gone = string(m.Key)
			}
		}
		if gone == "" {
			t.Error("none left")
		}
	})
}

// Where its queue ends, the demo does, and says why.
func TestItEndsWithItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, queues, stop := house(t)
		defer stop()
		ended := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		// Ends when Run does.
		go func() { ended <- Run(ctx, s) }()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if err := queues.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-ended; domain.CodeOf(err) != domain.Unavailable {
			t.Errorf("it ended with %v", err)
		}
	})
}
