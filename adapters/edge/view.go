package edge

import (
	"context"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// View is what a client asks to be shown: topics, or what a queue of the one topic has before it, which is a view from the queue's place on.
type View struct {
	ports.View
	// Queue is the one that is peeked into; empty: none. Open finds its place, which is where the view begins.
	Queue domain.Queue
	found bool // From is that place
}

// Open opens the view, as ports.Viewer does. A queue is asked for its place before, as ports.Queues.Peek does: it must be there also where a cursor wins over its place.
func (v *View) Open(ctx context.Context, viewer ports.Viewer, queues ports.Queues) (ports.Stream, error) {
	if v.Queue != "" {
		topic, _ := v.Topics[0].Topic()
		start, err := queues.Peek(ctx, topic, v.Queue)
		if err != nil {
			return nil, err
		}
		v.From, v.found = start, true
	}
	return viewer.View(ctx, v.View)
}

// Place is the cursor of a view that could not be opened at now: who comes back with it misses nothing between the two requests. It is of no topic where the place of a
// queue was not found: any cursor would pass over what the queue has before it, and who comes back without one peeks anew.
func (v *View) Place(now time.Time) domain.Cursor {
	if v.Queue != "" && !v.found && v.Resume == nil {
		return domain.Cursor{}
	}
	return v.View.Place(now)
}
