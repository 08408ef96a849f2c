// Package demo lets a bridge have something to show: sample prices, orders, and somebody who works on these. It knows the services only, and nothing of what is behind them.
package demo

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// What there is to see.
const (
	Prices = domain.Topic("prices") // one key for each symbol, with a tombstone where a symbol is gone for a while
	Orders = domain.Topic("orders")

	Billing  = domain.Queue("billing")  // of Orders; it has begun, and nobody works on it
	Shipping = domain.Queue("shipping") // of Orders; what it hands back too often becomes a dead letter
)

// Services are what the demo asks for.
type Services struct {
	Injector ports.Injector
	Queues   ports.Queues
}

// Run goes on until ctx ends, which is no error. All that it starts has ended when it returns.
func Run(ctx context.Context, s Services) error {
	if err := s.found(ctx); err != nil {
		return unlessOver(ctx, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	worked := make(chan error)
	// Ends with ctx, or when the queue does; both end the market, too.
	go func() {
		err := unlessOver(ctx, s.ship(ctx))
		cancel()
		worked <- err
	}()
	s.trade(ctx)
	cancel()
	return <-worked
}

// unlessOver is err, but for what comes of the end of ctx.
func unlessOver(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || domain.CodeOf(err) == domain.Unavailable) {
		return nil
	}
	return err
}

// found lets Billing begin before the first order, so that whoever looks into it finds all of them waiting.
func (s Services) found(ctx context.Context) error {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	_, err := s.Queues.Join(ctx, ports.Join{Topic: Orders, Queue: Billing, MaxInFlight: 1})
	return err
}

const (
	tick       = 200 * time.Millisecond // from one price to the next
	everyOrder = 5                      // ticks
	everyLeave = 75                     // ticks from one symbol's end to the next one's
	away       = 40                     // ticks until it is back
)

// trade injects prices and orders until ctx ends. What is refused meanwhile, since memory is short, say, is left out.
func (s Services) trade(ctx context.Context) {
	// Ends with ctx. Nobody waits for the answers.
	injection := s.Injector.Open(ctx, func([]ports.Outcome) {})
	put := func(topic domain.Topic, m *domain.Message) {
		_, _ = injection.Put(ctx, topic, m, "")
		injection.Send()
	}
	m := newMarket(rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	for _, price := range m.open() {
		put(Prices, price)
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		switch phase := n % everyLeave; {
		case phase == 0:
			put(Prices, m.leave())
		case phase == away && n > everyLeave:
			put(Prices, m.comeBack())
		default:
			put(Prices, m.move())
		}
		if n%everyOrder == 0 {
			put(Orders, m.order())
		}
	}
}
