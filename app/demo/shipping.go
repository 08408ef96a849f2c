package demo

import (
	"context"
	"encoding/json"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// takes is how many orders are worked on at a time, and pause how long one that cannot be shipped rests before the next try.
const (
	takes = 4
	pause = 500 * time.Millisecond
)

// ship is the member of Shipping: it settles orders, and hands back those of nothing. It returns when ctx or the membership ends.
func (s Services) ship(ctx context.Context) error {
	member, err := s.Queues.Join(ctx, ports.Join{Topic: Orders, Queue: Shipping, MaxInFlight: takes})
	if err != nil {
		return err
	}
	for {
		events, err := member.Next(ctx, takes)
		if err != nil {
			return err
		}
		for _, e := range events {
			switch {
			case e.Message == nil:
			case shippable(e.Message):
				member.Done(e.Receipt)
			default:
				member.Nack(pause, e.Receipt)
			}
		}
	}
}

// shippable reports whether m is an order of something. What others inject and is no order at all is not.
func shippable(m *domain.Message) bool {
	var o order
	return json.Unmarshal(m.Payload, &o) == nil && o.Quantity > 0
}
