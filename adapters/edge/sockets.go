package edge

import (
	"context"
	"math"
	"net"
	"sync/atomic"
	"time"

	"culvert/domain"
)

// Sockets bounds how many connections listeners hold at a time: each is a descriptor, and a process without one can neither reach its brokers nor tell anybody so. Who comes beyond the bound is not left to
// wait: a few of those are visitors, who are answered and sent away at once; who finds no room even as that is disconnected. Its methods may be called from any goroutine.
type Sockets struct {
	most, visitors int64
	visit          time.Duration // how long a visitor may stay
	// crowded is called when the bound is reached, and not again before a good part of the connections has gone. It does not block.
	crowded func()

	open    atomic.Int64 // visitors included
	refused atomic.Int64
	told    atomic.Bool // crowded was called
}

// NewSockets makes a bound of most connections, and so many visitors beyond it.
func NewSockets(most, visitors int, crowded func()) *Sockets {
	return &Sockets{most: int64(most), visitors: int64(visitors), visit: 2 * time.Second, crowded: crowded}
}

// Unbounded holds any number of connections.
func Unbounded() *Sockets { return NewSockets(math.MaxInt, 0, func() {}) }

// Open is how many connections there are.
func (s *Sockets) Open() int64 { return s.open.Load() }

// Refused is how many connections came beyond the bound, so far.
func (s *Sockets) Refused() int64 { return s.refused.Load() }

// scarce reports whether what is left is for those who do not stay.
func (s *Sockets) scarce() bool { return s.open.Load() > s.most-s.most/8 }

// enter counts a connection in. Where it may not be held, entered is false, and it is not counted.
func (s *Sockets) enter() (entered, visits bool) {
	n := s.open.Add(1)
	if n <= s.most {
		return true, false
	}
	s.refused.Add(1)
	if s.told.CompareAndSwap(false, true) {
		s.crowded()
	}
	if n > s.most+s.visitors {
		s.open.Add(-1)
		return false, false
	}
	return true, true
}

func (s *Sockets) leave() {
	if n := s.open.Add(-1); n < s.most-s.most/8 && s.told.Load() {
		s.told.Store(false)
	}
}

// seat is a connection's place among the sockets.
type seat struct {
	sockets *Sockets // nil: the connection is not counted
	visits  bool
	end     *time.Timer // of a visit; else nil
	left    atomic.Bool
	streams atomic.Int32 // requests under way, where there may be several: over HTTP/2
}

// take counts c in, with place for its own. Where it may not be held it is disconnected.
func (s *Sockets) take(c *net.TCPConn, place *seat) bool {
	entered, visits := s.enter()
	if !entered {
		_ = c.SetLinger(0) // else the system would keep the rest of it for a while
		_ = c.Close()
		return false
	}
	place.sockets, place.visits = s, visits
	if visits {
		// Whatever it is doing, and if it says nothing at all.
		place.end = time.AfterFunc(s.visit, func() { _ = c.Close() })
	}
	return true
}

// leave gives the place back. It may be called again, from any goroutine.
func (s *seat) leave() {
	if s.sockets == nil || s.left.Swap(true) {
		return
	}
	if s.end != nil {
		s.end.Stop()
	}
	s.sockets.leave()
}

// seatOf is the place of the connection on which the request of ctx came; nil where it came otherwise.
func seatOf(ctx context.Context) *seat {
	if p := patientOf(ctx); p != nil {
		return &p.seat
	}
	return nil
}

// admit refuses what would stay on a visitor's connection.
func (s *seat) admit() error {
	if s == nil || !s.visits {
		return nil
	}
	return domain.Errorf(domain.TooManyRequests, "this node holds %d connections, as many as it may have descriptors for; come back later, another node may answer", s.sockets.most)
}

// begin counts a request in that shares the connection with others.
func (s *seat) begin() {
	if s != nil {
		s.streams.Add(1)
	}
}

// done counts it out.
func (s *seat) done() {
	if s != nil {
		s.streams.Add(-1)
	}
}

// brief reports whether the connection is to end with the request that is answered: not while it has others, since their client would open another one beside it.
func (s *seat) brief() bool {
	return s != nil && (s.visits || s.sockets.scarce() && s.streams.Load() <= 1)
}
