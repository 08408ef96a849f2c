package ws

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// subscription is one sub of a conversation: a view, which may be one into a queue, or a membership where join names a queue. One goroutine runs it, but a view that may be given whatever there is has one
// only until it is opened, and is served by the edge's writers then.
type subscription struct {
	conversation *conversation
	id           string // of the frame that began it; empty where it had none
	name         string
	cancel       context.CancelCauseFunc
	leaving      bool    // it is to end; guarded by the conversation's mu
	credit       *credit // nil: without limit
	sent         int64   // messages that were put into the parcel
	passed       int64   // how many of them were written

	answered chan struct{} // is closed when the frame that began it has been answered
	answer   func()        // closes it, more than once if need be
	gone     chan struct{} // is closed when the last has been said
	msg, gap []byte        // the heads of such frames

	view   edge.View
	stream ports.Stream // the view's, once it is open; guarded by the conversation's mu
	ended  bool         // the view was at its end before it began
	join   ports.Join
	ack    edge.Ack
	// member is set before anything that it gave is sent.
	member atomic.Pointer[ports.Member]

	parcel parcel
	// written is called when the frames in the parcel have been written; nil where nobody needs to know.
	written func()
}

// unsubscribed ends the context of a subscription for an unsub with this id.
type unsubscribed struct{ id string }

func (u *unsubscribed) Error() string { return "unsubscribed" }

// errRefused says that a subscription could not begin.
type errRefused struct{ error }

func newSubscription(c *conversation, id, name string) *subscription {
	s := &subscription{conversation: c, id: id, name: name, answered: make(chan struct{}), gone: make(chan struct{})}
	s.answer = sync.OnceFunc(func() { close(s.answered) })
	s.parcel = newParcel(c.lines, &c.edge.buffers)
	s.msg, s.gap = s.head("msg"), s.head("gap")
	return s
}

// run serves the subscription until it ends, and says why as its last, unless the socket has ended, whose close says all; or until the writers serve it. ctx is the socket's, life is the
// subscription's own.
func (s *subscription) run(ctx, life context.Context) {
	shown := false
	defer func() {
		if !shown {
			s.end()
		}
	}()
	cursor, err := "", error(nil)
	switch {
	case s.ended:
		cursor, err = s.view.Resume.String(), &domain.Bye{Reason: domain.ByeEnd}
	case s.join.Queue != "":
		err = s.belong(life)
	case s.asks():
		cursor, err = s.watch(ctx, life)
	default:
		err = s.show(ctx, life)
		shown = err == nil
	}
	if !shown {
		s.part(ctx, life, cursor, err)
	}
}

// end lets go of what the subscription holds, when its last has been said.
func (s *subscription) end() {
	s.parcel.release()
	s.cancel(nil)
	s.answer()
	close(s.gone)
}

// part says as the subscription's last why it ends, unless the socket has ended.
func (s *subscription) part(ctx, life context.Context, cursor string, err error) {
	if ctx.Err() != nil {
		return
	}
	s.parcel.add(s.last(life, cursor, err), nil)
	// The name is free once nobody can write in between: not before, or a client that uses it again could read the end of the old after the ready of the
	// new one; and not after, or one that has read the end would be told conflict.
	_ = s.conversation.socket.wire.Send(ctx, s.forget, s.parcel.frames()) // where it fails the socket has ended, and the name with it
}

func (s *subscription) forget() {
	c := s.conversation
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subs, s.name)
}

// last is the frame that tells why the subscription ended.
func (s *subscription) last(life context.Context, cursor string, err error) []byte {
	var left *unsubscribed
	cause := context.Cause(life)
	if errors.As(cause, &left) {
		frame := []byte(`{"op":"end"`)
		if left.id != "" {
			frame = edge.AppendString(append(frame, `,"id":`...), left.id)
		}
		return append(edge.AppendString(append(frame, `,"sub":`...), s.name), '}')
	}
	var refused *errRefused
	if errors.As(err, &refused) {
		if cause != nil {
			refused.error = errParting(cause) // which is what broke it off
		}
		s.conversation.socket.report(life, "sub refused", refused.error)
		return refusal(s.id, s.name, refused.error)
	}
	if cause != nil && !errors.As(err, new(*domain.Bye)) {
		err = cause
	}
	bye := domain.ByeFor(err)
	if bye.Cause != nil && life.Err() == nil {
		s.conversation.socket.report(life, "sub ended", bye.Cause)
	}
	return edge.AppendByeBody(s.head("bye"), bye, edge.RetryOf(bye, s.conversation.edge.cfg.Retry, s.conversation.edge.cfg.Drain), cursor)
}

// head is the beginning of the frames of an op.
func (s *subscription) head(op string) []byte {
	head := append([]byte(`{"op":"`), op...)
	head = append(head, `","sub":`...)
	return append(edge.AppendString(head, s.name), ',')
}

// ready is the beginning of the frame that answers the sub.
func (s *subscription) ready() []byte {
	head := []byte(`{"op":"ready",`)
	if s.id != "" {
		head = edge.AppendString(append(head, `"id":`...), s.id)
		head = append(head, ',')
	}
	head = append(head, `"sub":`...)
	return append(edge.AppendString(head, s.name), ',')
}

// open writes the frame that answers the sub.
func (s *subscription) open(ctx context.Context, ready []byte) error {
	defer s.answer()
	s.parcel.add(ready, nil)
	return s.flush(ctx)
}

// flush writes what the parcel holds. Where ctx ends before, that is lost.
func (s *subscription) flush(ctx context.Context) error {
	if s.parcel.empty() {
		return nil
	}
	err := s.conversation.socket.wire.Send(ctx, nil, s.parcel.frames())
	s.parcel.release()
	if err != nil {
		return err
	}
	s.conversation.socket.conn.Pass(int(s.sent-s.passed), 0)
	s.passed = s.sent
	if s.written != nil {
		s.written()
	}
	return nil
}

// mark says that nothing came for a while, with the cursor where there is a newer one.
func (s *subscription) mark(ctx context.Context, cursor string) error {
	s.parcel.add(s.markOf(cursor), nil)
	return s.flush(ctx)
}

func (s *subscription) markOf(cursor string) []byte {
	head := s.head("mark")
	if cursor == "" {
		head = head[:len(head)-1] // the comma: nothing follows
	}
	return edge.AppendMarkBody(head, cursor)
}

// addMessage adds a message to the parcel and spends the credit for it, which must be there. It writes the parcel when it is full.
func (s *subscription) addMessage(ctx context.Context, body []byte) error {
	s.credit.take()
	s.sent++
	s.parcel.add(s.msg, body)
	if s.parcel.full() {
		return s.flush(ctx)
	}
	return nil
}
