package access

import (
	"context"

	"culvert/domain"
	"culvert/ports"
)

// Viewer is next for topics that are not closed. Patterns are let through: next leaves closed topics out of them. But a cursor, which a stranger may have made up, could name one.
func (c Closed) Viewer(next ports.Viewer) ports.Viewer { return &viewer{next, c} }

type viewer struct {
	next   ports.Viewer
	closed Closed
}

func (v *viewer) View(ctx context.Context, view ports.View) (ports.Stream, error) {
	for _, pattern := range view.Topics {
		topic, one := pattern.Topic()
		if !one {
			continue
		}
		if err := v.closed.check(ctx, topic); err != nil {
			return nil, err
		}
	}
	if view.Resume != nil {
		known := v.closed.cursor(ctx, *view.Resume)
		view.Resume = &known
	}
	return v.next.View(ctx, view)
}

// cursor is cursor without the topics that the request of ctx may not name.
func (c Closed) cursor(ctx context.Context, cursor domain.Cursor) domain.Cursor {
	known := domain.Cursor{End: cursor.End}
	for _, t := range cursor.Topics {
		if topic, one := t.Topic.Topic(); one && c.check(ctx, topic) != nil {
			continue
		}
		known.Topics = append(known.Topics, t)
	}
	return known
}
