package domain

import (
	"context"
	"time"
)

// Terms are on which a node joins a queue.
type Terms struct {
	// From, where it is not nil, is where the queue shall begin. One that has begun refuses it.
	From *Start
	// Order is what the queue shall promise of messages with the same key. Empty is as OrderKey where the broker can.
	Order Order
}

// LaneEvent is what a broker tells this node's membership of a queue.
type LaneEvent struct {
	// Order, in the first event, is OrderNone where the broker cannot keep the order of keys in this queue though it was wanted; else empty.
	Order Order
	// Assigned are partitions given to this node, each read through its claim.
	Assigned []Claim
	// Revoked are claims taken away, or gone with a connection that broke: their leases are void, and settling them does
	// nothing any more. It comes as soon as the broker knows, and no broker waits for it to be handled.
	Revoked []Claim
}

// Claim is one partition of a queue, as given to this node. It is comparable.
type Claim interface {
	// Partition is which one it is.
	Partition() int32
	// Fetch blocks until there are messages, and gives them in order; not asking is back-pressure. io.EOF says that the
	// claim was revoked. One goroutine calls it at a time.
	Fetch(ctx context.Context) (Haul, error)
	// Settle says that the queue is finished with the messages of these offsets, in any order. It does not block; the broker keeps it soon after: each
	// message for itself, or as a place, which is everything before the first message of the claim that is not settled.
	Settle(offsets ...int64)
}

// Haul is what one Fetch brings.
type Haul struct {
	// Gap, where it is not nil, is a hole before Messages.
	Gap      *Gap
	Messages []*Message
}

// Order is what a queue promises of messages with the same key.
type Order string

const (
	OrderKey  Order = "key"  // unsettled at one member at a time, in order
	OrderNone Order = "none" // given to whoever asks
)

// Settlement is the answer to done, nack and touch.
type Settlement struct {
	// Settled is how many messages were settled by it: none by nack or touch.
	Settled int
	// Unknown are the receipts that name no lease of this member: settled, handed on, or never given.
	Unknown []string
}

// Membership is what a member is told when it joins.
type Membership struct {
	Stream      string
	Topic       Topic
	Queue       Queue
	Order       Order
	MaxInFlight int
	Lease       time.Duration
	MaxAttempts int // 0: no limit
	Assigned    int
}
