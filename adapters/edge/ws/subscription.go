package ws

import (
	"context"
	"errors"
	"sync/atomic"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// subscription is one sub of a conversation: a view, or a membership where join names a queue. One goroutine runs it.
type subscription struct {
	conversation *conversation
	id           string // of the frame that began it; empty where it had none
	name         string
	cancel       context.CancelCauseFunc
	leaving      bool    // an unsub came; guarded by the conversation's mu
	credit       *credit // nil: without limit

	view  ports.View
	ended bool // the view was at its end before it began
	join  ports.Join
	ack   edge.Ack
	// member is set before anything that it gave is sent.
	member atomic.Pointer[ports.Member]

	parcel *parcel
	// written is called when the frames in the parcel have been written; nil where nobody needs to know.
	written func()
}

// unsubscribed ends the context of a subscription for an unsub with this id.
type unsubscribed struct{ id string }

func (u *unsubscribed) Error() string { return "unsubscribed" }

// errRefused says that a subscription could not begin.
type errRefused struct{ error }

// run serves the subscription until it ends, and says why as its last. ctx is the socket's, life is the subscription's own.
func (s *subscription) run(ctx, life context.Context) {
	c := s.conversation
	s.parcel = c.edge.newParcel(c.lines)
	defer c.edge.release(s.parcel)
	cursor, err := "", error(nil)
	switch {
	case s.ended:
		cursor, err = s.view.Resume.String(), &domain.Bye{Reason: domain.ByeEnd}
	case s.join.Queue != "":
		err = s.belong(life)
	default:
		cursor, err = s.watch(life)
	}
	last := s.last(life, cursor, err)
	// The name is free once nobody can write in between: not before, or a client that uses it again could read the end of the old after the ready of the
	// new one; and not after, or one that has read the end would be told conflict.
	_ = c.socket.wire.Send(ctx, s.forget, appendFrame(nil, opText, last)) // where it fails the socket has ended, and the name with it
	s.cancel(nil)
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
	if errors.As(context.Cause(life), &left) {
		frame := []byte(`{"op":"end"`)
		if left.id != "" {
			frame = edge.AppendString(append(frame, `,"id":`...), left.id)
		}
		return append(edge.AppendString(append(frame, `,"sub":`...), s.name), '}')
	}
	var refused *errRefused
	if errors.As(err, &refused) {
		s.conversation.socket.report(life, "sub refused", refused.error)
		frame := edge.AppendErr(nil, s.id, refused.error)
		frame = append(frame[:len(frame)-1], `,"sub":`...)
		return append(edge.AppendString(frame, s.name), '}')
	}
	bye := domain.ByeFor(err)
	if bye.Cause != nil && life.Err() == nil {
		s.conversation.socket.report(life, "sub ended", bye.Cause)
	}
	return edge.AppendByeBody(s.head("bye"), bye, edge.RetryOf(bye, s.conversation.edge.cfg.Retry), cursor)
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

// flush writes what the parcel holds.
func (s *subscription) flush(life context.Context) error {
	if s.parcel.empty() {
		return nil
	}
	if err := s.conversation.socket.wire.Send(life, nil, s.parcel.take()); err != nil {
		return err
	}
	if s.written != nil {
		s.written()
	}
	return nil
}

// mark says that nothing came for a while, with the cursor where there is a newer one.
func (s *subscription) mark(life context.Context, cursor string) error {
	head := s.head("mark")
	if cursor == "" {
		head = head[:len(head)-1] // the comma: nothing follows
	}
	s.parcel.add(edge.AppendMarkBody(head, cursor), nil)
	return s.flush(life)
}

// addMessage adds a message to the parcel and spends the credit for it, which must be there. It writes the parcel when it is full.
func (s *subscription) addMessage(life context.Context, head, body []byte) error {
	s.credit.take()
	s.parcel.add(head, body)
	if s.parcel.full() {
		return s.flush(life)
	}
	return nil
}
