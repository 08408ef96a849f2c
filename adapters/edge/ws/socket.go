package ws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/gorilla/websocket"
	"github.com/olahol/melody"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// dialect is what a socket speaks: one of the subprotocols.
type dialect interface {
	// start is called once, when the handshake has been answered. It does not block.
	start(ctx context.Context)
	// hear takes one WebSocket message. While it blocks, nothing more is read. The message is the dialect's from then on.
	hear(ctx context.Context, text bool, message []byte)
	// send hands over what was heard. The reader calls it when it may have to wait for more, and when it ends.
	send()
	// flush returns when all that was heard has been answered, or ctx ends. It is not called during hear.
	flush(ctx context.Context)
	// farewell makes b the end of all that the socket is given, which flush waits for then, and gives the close for it, and the frames before that. It does not block.
	farewell(b *domain.Bye) (code int, reason string, last []byte)
	// uses are as edge.Holder says.
	uses() []edge.Use
}

// socket is one WebSocket, from the handshake to the end of its connection. It implements edge.Holder.
type socket struct {
	edge *Edge
	// life ends when the socket does, and outlives the handler that answered the handshake.
	life    context.Context //nolint:containedctx // Melody's handlers are given none, and to keep a request for it costs each idle socket as much as its wire and its dialect
	dialect dialect
	refusal error // why the socket is upgraded only to be closed; nil where it is not
	entered bool  // it is among the edge's live ones
	conn    *edge.Connection
	cancel  context.CancelCauseFunc
	wire    *wire // set when up is

	up    atomic.Bool    // the handshake has been answered
	entry chan struct{}  // holds one value from then on; who has taken it may call the dialect's hear and flush
	tasks sync.WaitGroup // the goroutines of the dialect, and what the writers serve
}

func socketOf(ms *melody.Session) *socket {
	return ms.WebsocketConnection().NetConn().(*wire).socket
}

// newSocket makes a socket whose life is ended by cancel.
func newSocket(life context.Context, e *Edge, cancel context.CancelCauseFunc) *socket {
	return &socket{edge: e, life: life, cancel: cancel, conn: new(edge.Connection), entry: make(chan struct{}, 1)}
}

// opened lets in who waits for the handshake to be answered.
func (s *socket) opened() {
	s.up.Store(true)
	s.entry <- struct{}{}
}

// attach makes the wire of conn.
func (s *socket) attach(conn net.Conn) net.Conn {
	s.wire = newWire(conn, s)
	return s.wire
}

func errMessageTooLarge(limits domain.Limits) error {
	return domain.Errorf(domain.TooLarge, "a message may have a payload of %d bytes (limits.message_bytes)", limits.MessageBytes)
}

// connected is called by the reader before it reads.
func (s *socket) connected(ctx context.Context) {
	defer s.opened()
	switch {
	case s.refusal != nil:
		s.report(ctx, "socket refused", s.refusal)
		code, reason := closeFor(s.refusal)
		s.close(code, reason, nil)
	case ctx.Err() != nil: // the node goes away since the socket was opened
		s.close(s.dialect.farewell(edge.GoingAway()))
	default:
		s.dialect.start(ctx)
		s.conn.Hold(s)
	}
}

// hear is called by the reader with each message.
func (s *socket) hear(ctx context.Context, text bool, message []byte) {
	select {
	case <-s.entry: // nearly always, and cheaper than waiting for either
	default:
		select {
		case <-ctx.Done():
			return
		case <-s.entry:
		}
	}
	defer func() { s.entry <- struct{}{} }()
	defer s.recovered(ctx)
	if ctx.Err() == nil {
		s.dialect.hear(ctx, text, message)
	}
}

// task runs f in a goroutine of the socket. The caller says what ends it.
func (s *socket) task(ctx context.Context, f func()) {
	s.tasks.Go(func() {
		defer s.recovered(ctx)
		f()
	})
}

// recovered, deferred, makes a panic the end of this socket alone.
func (s *socket) recovered(ctx context.Context) {
	if v := recover(); v != nil {
		s.broken(ctx, fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
	}
}

// broken ends the socket for a defect.
func (s *socket) broken(ctx context.Context, err error) {
	s.report(ctx, "socket ended", err)
	code, reason := closeFor(err)
	s.close(code, reason, nil)
}

var errClientClosed = errors.New("the client has closed the socket")

// closedByClient answers a client's close with its own code (RFC 6455 §5.5.1). The reader calls it.
func (s *socket) closedByClient(code int) {
	s.cancel(errClientClosed)
	s.wire.Finish(appendClose(nil, code, ""))
}

// heard is called by the reader when it has given all that has come.
func (s *socket) heard() {
	if s.dialect != nil {
		s.dialect.send()
	}
}

// unreadable is called by the reader when it can read no more.
func (s *socket) unreadable(ctx context.Context, err error) {
	s.heard()
	if code, reason := s.wire.Verdict(err); code != 0 && s.refusal == nil {
		due, cancel := context.WithTimeout(ctx, s.edge.cfg.CloseTimeout)
		defer cancel()
		s.leave(due, code, reason, nil)
	}
	s.cancel(err)
	var closed *websocket.CloseError
	if !errors.As(err, &closed) {
		s.wire.Linger()
	}
}

// part closes the socket after what was heard is answered, for which the close timeout is given. last are frames before the close. The caller is the
// dialect's hear.
func (s *socket) part(ctx context.Context, code int, reason string, last []byte) {
	due, cancel := context.WithTimeout(ctx, s.edge.cfg.CloseTimeout)
	defer cancel()
	s.dialect.flush(due)
	s.close(code, reason, last)
}

// leave is part for all other callers. It waits for hear to end, at most until due does.
func (s *socket) leave(due context.Context, code int, reason string, last []byte) {
	select {
	case <-s.entry:
		s.dialect.flush(due)
		s.close(code, reason, last)
		s.entry <- struct{}{}
	case <-due.Done():
		s.close(code, reason, last)
	}
}

// close ends the socket: its context ends, and then last and a close are the last frames.
func (s *socket) close(code int, reason string, last []byte) {
	s.cancel(errClosed)
	s.wire.Finish(appendClose(last, code, reason))
}

// drain ends the socket because the node goes away. gone is closed when nothing is left of it.
func (s *socket) drain(ctx context.Context, gone <-chan struct{}) {
	if !s.up.Load() {
		s.cancel(errGoingAway()) // its view may be a long time in opening
		select {
		case <-s.entry:
			s.entry <- struct{}{}
		case <-gone:
			return
		case <-ctx.Done():
			return
		}
	}
	if s.refusal != nil {
		return
	}
	code, reason, last := s.dialect.farewell(edge.GoingAway())
	s.leave(ctx, code, reason, last)
}

// Uses implements edge.Holder.
func (s *socket) Uses() []edge.Use { return s.dialect.uses() }

// Rotate implements edge.Holder.
func (s *socket) Rotate() {
	// It ends with the socket, or after the close timeout.
	go func() {
		due, cancel := context.WithTimeout(s.life, s.edge.cfg.CloseTimeout)
		defer cancel()
		code, reason, last := s.dialect.farewell(edge.Rotation())
		s.leave(due, code, reason, last)
	}()
}

// cut breaks what is left of the socket.
func (s *socket) cut() {
	s.cancel(errGoingAway())
	if s.up.Load() { // else the handshake ends with the context
		s.wire.Conn.Close()
	}
}

// end lets go of everything, when the reader has ended or the handshake failed.
func (s *socket) end() {
	if s.wire != nil {
		s.wire.Release()
	}
	s.cancel(errClosed)
	s.tasks.Wait()
	s.conn.Leave()
	if s.entered {
		s.edge.leave(s)
	}
}

// closeFor is the close code and the reason for err. That is the code of PROTOCOL §6 where err has one, also where it is the cause of a bye.
func closeFor(err error) (int, string) {
	var bye *domain.Bye
	if errors.As(err, &bye) && !errors.As(err, new(*domain.Error)) {
		return closeForBye(bye)
	}
	e := domain.AsError(err)
	code := edge.CloseCodeOf(e.Code)
	if code == edge.NoClose {
		code = edge.CloseCodeOf(domain.Internal)
		if e.Code.Retryable() {
			code = edge.CloseCodeOf(domain.Unavailable)
		}
	}
	return code, edge.CloseReason(e)
}

// report logs an error that strangers are told only the outside of.
func (s *socket) report(ctx context.Context, what string, err error) {
	level := slog.LevelDebug
	switch e := domain.AsError(err); {
	case errors.As(err, new(*domain.Bye)), errors.Is(err, context.Canceled):
		// The one is an end as agreed, with the other the client was gone first.
	case e.Code == domain.Internal:
		level = slog.LevelError
	case e.Cause != nil:
		level = slog.LevelWarn
	}
	s.edge.log.LogAttrs(ctx, level, "socket trouble", slog.String("what", what), slog.Any("error", err))
}

// reportFirst logs the first failure among outcomes: when a broker is away they all fail alike.
func (s *socket) reportFirst(ctx context.Context, outcomes []ports.Outcome) {
	for _, o := range outcomes {
		if o.Err != nil {
			s.report(ctx, "message not injected", o.Err)
			return
		}
	}
}
