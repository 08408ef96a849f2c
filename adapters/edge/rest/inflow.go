package rest

import (
	"sync"

	"culvert/adapters/edge"
	"culvert/domain"
)

// inflow is the body of a stream, which may be ended before its client ends it. It implements edge.Holder.
type inflow struct {
	topic domain.Topic
	once  sync.Once
	bye   *domain.Bye   // set before over is closed
	over  chan struct{} // closed when nothing more of it is wanted
}

func (f *inflow) end(bye *domain.Bye) {
	f.once.Do(func() {
		f.bye = bye
		close(f.over)
	})
}

// why is what the client is told of a stream that has ended early: where nobody has ended it, the service has, which shuts down.
func (f *inflow) why() *domain.Bye {
	select {
	case <-f.over:
		return f.bye
	default:
		return edge.GoingAway()
	}
}

// Uses implements edge.Holder.
func (f *inflow) Uses() []edge.Use {
	return []edge.Use{{Topic: domain.Pattern(f.topic), Mode: edge.ModeInject}}
}

// Rotate implements edge.Holder.
func (f *inflow) Rotate() { f.end(edge.Rotation()) }
