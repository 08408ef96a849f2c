package access

import (
	"context"

	"culvert/domain"
	"culvert/ports"
)

// Injector is next for topics that are not closed: a message for another one is answered in its place.
func (c Closed) Injector(next ports.Injector) ports.Injector { return &injector{next, c} }

type injector struct {
	next   ports.Injector
	closed Closed
}

func (i *injector) Open(ctx context.Context, answer func([]ports.Outcome)) ports.Injection {
	return &injection{Injection: i.next.Open(ctx, answer), closed: i.closed}
}

type injection struct {
	ports.Injection
	closed Closed
	passed domain.Topic // was not closed, the last time that one was looked at
}

func (i *injection) Put(ctx context.Context, topic domain.Topic, m *domain.Message, id string) (uint64, error) {
	if topic != i.passed {
		if err := i.closed.check(ctx, topic); err != nil {
			return i.Reject(ctx, id, err)
		}
		i.passed = topic
	}
	return i.Injection.Put(ctx, topic, m, id)
}
