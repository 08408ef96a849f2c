package edge

import (
	"context"
	"sync/atomic"

	"culvert/domain"
)

// Overload tells what a node has no room for, however few there are of it. It is asked with each request and must not block.
type Overload interface {
	// Stream is nil where a stream, a socket or a subscription may begin.
	Stream() error
	// Message is nil where a message may be taken.
	Message() error
}

// idle is a node with room for everything.
type idle struct{}

func (idle) Stream() error  { return nil }
func (idle) Message() error { return nil }

// Heed makes s refuse what o has no room for. It is called before the handler serves.
func (s *Server) Heed(o Overload) { s.room.overload = o }

// room is what a server has for streams and sockets.
type room struct {
	most     int64
	used     atomic.Int64
	refused  atomic.Int64
	overload Overload
	// connections are those that operators are shown.
	connections *Connections
}

type roomKey struct{}

// roomOf is nil where the request of ctx did not come through a Server: it has all the room there is.
func roomOf(ctx context.Context) *room {
	r, _ := ctx.Value(roomKey{}).(*room)
	return r
}

// Admit takes a place for what lasts as long as a stream; release gives it back, once. Where there are as many as there may be, and on a connection that may not stay, it fails with TooManyRequests; where
// the node is overloaded, with Unavailable.
func Admit(ctx context.Context) (release func(), err error) {
	r := roomOf(ctx)
	if r == nil {
		return func() {}, nil
	}
	if err := r.counted(r.enter(seatOf(ctx))); err != nil {
		return nil, err
	}
	return r.leave, nil
}

// AdmitMore is Admit for a subscription on a socket, which has its place.
func AdmitMore(ctx context.Context) error {
	if r := roomOf(ctx); r != nil {
		return r.counted(r.overload.Stream())
	}
	return nil
}

// AdmitBody fails with Unavailable where the messages in the body of ctx's request would not be taken. Then it is not to be read: all such bodies together are what there is no room for.
func AdmitBody(ctx context.Context) error {
	if r := roomOf(ctx); r != nil {
		return r.counted(r.overload.Message())
	}
	return nil
}

func (r *room) enter(s *seat) error {
	if err := s.admit(); err != nil {
		return err
	}
	if err := r.overload.Stream(); err != nil {
		return err
	}
	if r.used.Add(1) > r.most {
		r.used.Add(-1)
		return domain.Errorf(domain.TooManyRequests, "this node serves %d streams and sockets, as many as it may (limits.connections)", r.most)
	}
	return nil
}

func (r *room) leave() { r.used.Add(-1) }

// counted is err, as one more refusal where it is one.
func (r *room) counted(err error) error {
	if err != nil {
		r.refused.Add(1)
	}
	return err
}

// Connections is how many streams and sockets the server has at this moment.
func (s *Server) Connections() int { return int(s.room.used.Load()) }

// Refused is how many streams, sockets, subscriptions and bodies the server had no room for, so far.
func (s *Server) Refused() int64 { return s.room.refused.Load() }
