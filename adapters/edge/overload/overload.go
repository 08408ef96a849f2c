// Package overload refuses new work while the node has no memory for it, so that there is memory for what is under way: first what is new for long (streams, sockets, subscriptions), then messages too.
// What is open goes on, what was taken is answered, and leases can be settled.
package overload

import (
	"context"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// Guard implements edge.Overload. Its functions are asked with each request and each message, and must not block.
type Guard struct {
	// Streams reports whether there is no room for more streams, sockets and subscriptions.
	Streams func() bool
	// Messages reports whether there is none for messages either.
	Messages func() bool
}

var _ edge.Overload = Guard{}

// errOverloaded is what a refused client is told: by a status or a close that the node is not available, and that this passes; by the end of a stream that the node is overloaded.
var errOverloaded = &domain.Bye{
	Reason: domain.ByeOverload, Reconnect: true,
	Cause: domain.Errorf(domain.Unavailable, "this node has no memory for more (limits.memory_bytes); what is open goes on, come back later"),
}

// Stream implements edge.Overload.
func (g Guard) Stream() error { return refusedIf(g.Streams()) }

// Message implements edge.Overload.
func (g Guard) Message() error { return refusedIf(g.Messages()) }

func refusedIf(overloaded bool) error {
	if overloaded {
		return errOverloaded
	}
	return nil
}

// Injector is next; messages for which there is no room are answered with why, each in its place.
func (g Guard) Injector(next ports.Injector) ports.Injector { return &injector{next, g} }

type injector struct {
	next  ports.Injector
	guard Guard
}

func (i *injector) Open(ctx context.Context, answer func([]ports.Outcome)) ports.Injection {
	return &injection{i.next.Open(ctx, answer), i.guard}
}

type injection struct {
	ports.Injection
	guard Guard
}

func (i *injection) Put(ctx context.Context, topic domain.Topic, m *domain.Message, id string) (uint64, error) {
	if err := i.guard.Message(); err != nil {
		return i.Reject(ctx, id, err)
	}
	return i.Injection.Put(ctx, topic, m, id)
}
