package ws

import (
	"context"
	"time"

	"culvert/adapters/edge"
	"culvert/ports"
)

// way is the way of one view to its client. The edge's writers go it, who serve many at once, so that a view needs no goroutine of its own. It is the view's edge.Outlet.
type way struct {
	socket  *socket
	viewing *edge.Viewing
	render  func(p *edge.Parts, batch ports.Batch) error
	send    func(frames [][]byte) error
	over    func(err error)
	unwatch func() bool // ends the waiting for the end of the view's context

	begun bool // Try has written a part
}

// newWay makes the way of a view that is still to be opened, with the way's viewing for its Waker. render and over are what edge.Outlet has as Render and End; heartbeat is the silence that is to be ended.
func (s *socket) newWay(ctx context.Context, heartbeat time.Duration, render func(*edge.Parts, ports.Batch) error, over func(error)) *way {
	w := &way{socket: s, render: render}
	w.send = func(frames [][]byte) error { return s.wire.Send(ctx, nil, frames...) }
	w.over = func(err error) {
		defer s.recovered(ctx)
		over(err)
	}
	w.viewing = s.edge.writers.Viewing(w, heartbeat)
	return w
}

// begin lets the writers serve stream, until it ends, by itself or with life. The socket waits for that.
func (w *way) begin(life context.Context, stream ports.Stream) {
	w.socket.tasks.Add(1)
	w.unwatch = context.AfterFunc(life, w.viewing.Wake)
	w.viewing.Begin(stream)
}

// Render implements edge.Outlet.
func (w *way) Render(p *edge.Parts, batch ports.Batch) error { return w.render(p, batch) }

// Try implements edge.Outlet.
func (w *way) Try(parts [][]byte) (n int, err error) {
	if len(parts) == 0 {
		return 0, nil
	}
	n, err = w.socket.wire.Try(parts)
	w.begun = n > 0
	return n, err
}

// Finish implements edge.Outlet. It waits as long as the wire lets a client be slow.
func (w *way) Finish(rest [][]byte) error {
	if w.begun {
		return w.socket.wire.Rest(rest)
	}
	return w.send(rest)
}

// End implements edge.Outlet.
func (w *way) End(err error) {
	defer w.socket.tasks.Done()
	w.unwatch()
	w.over(err)
}
