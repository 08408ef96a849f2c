package edge

import (
	"context"
	"sync/atomic"

	"culvert/domain"
)

// room counts the streams and sockets that a node serves at a time.
type room struct {
	most int64
	used atomic.Int64
}

type roomKey struct{}

// Admit takes a place for a stream or a socket; release gives it back, once. Without room, and on a connection that may not stay, it fails with TooManyRequests. ctx is that of a request which
// came through a Server; any other has all the room there is.
func Admit(ctx context.Context) (release func(), err error) {
	if err := seatOf(ctx).admit(); err != nil {
		return nil, err
	}
	r, ok := ctx.Value(roomKey{}).(*room)
	if !ok {
		return func() {}, nil
	}
	if r.used.Add(1) > r.most {
		r.used.Add(-1)
		return nil, domain.Errorf(domain.TooManyRequests, "this node serves %d streams and sockets, as many as it may (limits.connections)", r.most)
	}
	return func() { r.used.Add(-1) }, nil
}

// Connections is how many streams and sockets the server has at this moment.
func (s *Server) Connections() int { return int(s.room.used.Load()) }
