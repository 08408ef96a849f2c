package ws

import (
	"context"

	"culvert/ports"
)

// inlet is the window of one socket's injected messages, opened with the first of them. Whoever has the socket's entry calls its methods.
type inlet struct {
	injector  ports.Injector
	answer    func(ctx context.Context, outcomes []ports.Outcome)
	injection ports.Injection
}

// window is where the socket's messages are put. ctx is the socket's.
func (i *inlet) window(ctx context.Context) ports.Injection {
	if i.injection == nil {
		i.injection = i.injector.Open(ctx, func(outcomes []ports.Outcome) { i.answer(ctx, outcomes) })
	}
	return i.injection
}

// flush implements dialect.
func (i *inlet) flush(ctx context.Context) {
	if i.injection != nil {
		_ = i.injection.Flush(ctx) // it ended in time or not; the socket closes either way
	}
}
