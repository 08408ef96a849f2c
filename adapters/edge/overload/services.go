package overload

import (
	"context"

	"culvert/domain"
	"culvert/ports"
)

// Viewer is next while there is room.
func (g Guard) Viewer(next ports.Viewer) ports.Viewer { return &viewer{next, g} }

type viewer struct {
	next  ports.Viewer
	guard Guard
}

func (v *viewer) View(ctx context.Context, view ports.View) (ports.Stream, error) {
	if v.guard.Streams() {
		return nil, errOverloaded
	}
	return v.next.View(ctx, view)
}

// Queues is next; while there is no room, nobody joins.
func (g Guard) Queues(next ports.Queues) ports.Queues { return &queues{next, g} }

type queues struct {
	ports.Queues
	guard Guard
}

func (q *queues) Join(ctx context.Context, j ports.Join) (ports.Member, error) {
	if q.guard.Streams() {
		return nil, errOverloaded
	}
	return q.Queues.Join(ctx, j)
}

// Injector is next; while there is no room, messages are answered with why, each in its place.
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
	if i.guard.Messages() {
		return i.Reject(ctx, id, errOverloaded)
	}
	return i.Injection.Put(ctx, topic, m, id)
}
