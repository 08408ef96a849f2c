package ws

import (
	"time"

	"culvert/adapters/edge"
	"culvert/ports"
)

// way is the way of one view to its client. The edge's writers go it, who serve many at once, so that a view needs no goroutine of its own. It is the view's edge.Outlet.
type way struct {
	viewing edge.Viewing // in here, at hand for each delivery
	socket  *socket
	wire    *wire // the socket's
	render  func(p *edge.Parts, batch ports.Batch) error
	over    func(err error)
	begun   bool // Try has written a part
}

// newWay makes the way of a view that is still to be opened, with the way's viewing for its Waker. render and over are what edge.Outlet has as Render and End; heartbeat is the silence that is to be ended.
func (s *socket) newWay(heartbeat time.Duration, render func(*edge.Parts, ports.Batch) error, over func(error)) *way {
	w := &way{socket: s, render: render, over: over}
	w.viewing.Set(s.edge.writers, w, s.conn, heartbeat)
	return w
}

// begin lets the writers serve stream, until it ends, by itself or with its context, at whose end it wakes the viewing, as ports.Stream says. The socket waits for that.
func (w *way) begin(stream ports.Stream) {
	w.wire = w.socket.wire
	w.socket.tasks.Add(1)
	w.viewing.Begin(stream)
}

// Render implements edge.Outlet.
func (w *way) Render(p *edge.Parts, batch ports.Batch) error { return w.render(p, batch) }

// Try implements edge.Outlet.
func (w *way) Try(parts [][]byte) (n int, err error) {
	if len(parts) == 0 {
		return 0, nil
	}
	n, err = w.wire.Try(parts)
	w.begun = n > 0
	return n, err
}

// Finish implements edge.Outlet. It waits as long as the wire lets a client be slow.
func (w *way) Finish(rest [][]byte) error {
	if w.begun {
		return w.wire.Rest(rest)
	}
	return w.wire.send(w.socket.life, nil, rest...)
}

// End implements edge.Outlet.
func (w *way) End(err error) {
	defer w.socket.tasks.Done()
	defer w.socket.recovered(w.socket.life)
	w.over(err)
}
