package ws

import (
	"context"

	"culvert/ports"
)

// inlet is the window of one socket's injected messages, opened with the first of them. Whoever has the socket's entry calls its methods.
type inlet struct {
	injection ports.Injection
}

// answerer is a dialect that tells its client what became of injected messages.
type answerer interface {
	answers(ctx context.Context, outcomes []ports.Outcome)
}

// window is where the messages are put of the socket s, whose answers are d's.
func (i *inlet) window(s *socket, d answerer) ports.Injection {
	if i.injection == nil {
		i.injection = s.edge.injector.Open(s.life, func(outcomes []ports.Outcome) { d.answers(s.life, outcomes) })
	}
	return i.injection
}

// send implements dialect.
func (i *inlet) send() {
	if i.injection != nil {
		i.injection.Send()
	}
}

// flush implements dialect.
func (i *inlet) flush(ctx context.Context) {
	if i.injection != nil {
		_ = i.injection.Flush(ctx) // it ended in time or not; the socket closes either way
	}
}
