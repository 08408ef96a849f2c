package sse

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// showing is a view on its way to one client. It implements edge.Outlet, and edge.Holder.
type showing struct {
	// What each delivery needs lies together.
	viewing edge.Viewing
	format  *domain.Format // of events that all see alike; nil where the wire's look is its own
	way     way            // nil until the answer begins; guarded by the edge's mu until the showing is begun
	direct  edge.Direct    // the way, where the connection could be taken over
	failed  bool           // a write has failed: nothing more reaches the client

	edge    *Edge
	wire    wire
	stream  ports.Stream
	queue   domain.Queue            // what is peeked into; empty: none
	end     context.CancelCauseFunc // ends the stream, and wakes its viewing
	conn    *edge.Connection
	ended   chan struct{} // closed when it is over; nil where nobody waits for that
	chunked bool          // what is written are chunks, which net/http does not make
	begun   bool          // the writers have it, and End is called when it is over
	rotated atomic.Bool   // the end is a rotation
}

// way is how bytes get to a client: over a connection of their own, or through net/http. Try and Finish are as edge.Outlet says.
type way interface {
	Try(parts [][]byte) (n int, err error)
	Finish(rest [][]byte) error
	// Close says that this was all.
	Close()
	// Cut ends a write under way, where that is not for net/http to do. It is called from any goroutine.
	Cut()
}

// open begins the answer to r with body. Where the connection stays with net/http, it ends with r's context, and the showing is waited for.
func (s *showing) open(w http.ResponseWriter, r *http.Request, body []byte) error {
	if s.direct.TakeOver(w, r, s.edge.cfg.WriteTimeout, s.end) {
		s.edge.onWay(s, &s.direct)
		s.choose(s.direct.Chunked)
		return s.direct.Open(head(w.Header(), s.wire.contentType()), s.framed(body, 0))
	}
	s.choose(false)
	s.ended = make(chan struct{})
	edge.Stays(w.Header(), r)
	c, err := s.edge.open(w, s.wire.contentType())
	if err != nil {
		return err
	}
	s.edge.onWay(s, c)
	return c.send(body)
}

// choose says whether all that is written is to be chunks.
func (s *showing) choose(chunked bool) {
	s.chunked = chunked
	switch look := s.wire.look(); {
	case look == nil:
	case chunked:
		s.format = look.chunked
	default:
		s.format = look.plain
	}
}

// framed makes what b has from a place on fit to be written.
func (s *showing) framed(b []byte, from int) []byte {
	if s.chunked {
		return edge.Chunk(b, from)
	}
	return b
}

// Render implements edge.Outlet.
func (s *showing) Render(p *edge.Parts, batch ports.Batch) error {
	if len(batch.Spans) == 0 {
		tail := p.Tail()
		p.SetTail(s.framed(s.wire.silence(tail, batch.Mark, s.place), len(tail)))
		return nil
	}
	for _, span := range batch.Spans {
		if s.format != nil && span.Own == nil {
			p.Share(span.Run.Frames(s.format).Between(span.From, span.To))
			continue
		}
		tail := p.Tail()
		from := len(tail)
		for _, event := range span.Events() {
			tail = s.wire.append(tail, event)
		}
		p.SetTail(s.framed(tail, from))
	}
	return nil
}

// place is the cursor that the client has reached.
func (s *showing) place() string { return s.stream.Cursor().String() }

// Try implements edge.Outlet.
func (s *showing) Try(parts [][]byte) (int, error) {
	n, err := s.way.Try(parts)
	s.failed = err != nil
	return n, err
}

// Finish implements edge.Outlet.
func (s *showing) Finish(rest [][]byte) error {
	err := s.way.Finish(rest)
	s.failed = err != nil
	return err
}

// End implements edge.Outlet: the client is told why its stream has ended, if it still hears that.
func (s *showing) End(err error) {
	defer s.leave()
	bye := s.parting(err)
	if s.failed || bye == nil {
		return
	}
	if bye.Reason == domain.ByeInternal {
		var topics []domain.Pattern
		for _, at := range s.stream.Cursor().Topics {
			topics = append(topics, at.Topic)
		}
		s.edge.log.Error("a view failed", slog.Any("topics", topics), slog.Any("error", err))
	}
	farewell := s.framed(s.edge.farewell(s.wire, bye, s.stream.Cursor()), 0)
	if s.chunked {
		farewell = append(farewell, edge.LastChunk...)
	}
	s.conn.Pass(0, len(farewell))
	// A client that is gone by now needs no farewell.
	_ = s.way.Finish([][]byte{farewell})
}

// parting is what to say at the end of the stream with err; nil where the client is gone.
func (s *showing) parting(err error) *domain.Bye {
	canceled := errors.Is(err, context.Canceled) // as the stream says that its context has ended
	if canceled && s.rotated.Load() {
		return edge.Rotation()
	}
	return parting(err, canceled)
}

// Uses implements edge.Holder.
func (s *showing) Uses() []edge.Use { return edge.UsesOf(s.stream, s.queue) }

// Rotate implements edge.Holder.
func (s *showing) Rotate() {
	s.rotated.Store(true)
	s.end(edge.Rotation())
}

// leave gives back all that the showing holds. Only then those go on who wait for it.
func (s *showing) leave() {
	if s.way != nil {
		s.way.Close()
	}
	s.end(nil)
	s.conn.Leave()
	s.edge.leave(s)
	if s.ended != nil {
		close(s.ended)
	}
}
