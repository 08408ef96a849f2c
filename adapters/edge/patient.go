package edge

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"culvert/domain"
)

// patient is a connection on which a write deadline says for how long nothing may be taken: a Write under way goes on as long as the client takes something, however little, and
// each Write has the whole time. So a client that is slow is told from one that has stalled, which net/http cannot: its writer fails for good at the first error, whatever was taken before it.
// A client that stalls has from one to two such times, since how much was taken is seen when the time is over.
//
// net.Buffers and what else goes past Write has a plain deadline, and looks after itself.
type patient struct {
	*net.TCPConn
	stalled context.CancelCauseFunc // is told Slow; may be nil
	seat    seat
	trial   trial
	// awaiting is nil before the first ReadReady.
	awaiting *awaiting

	mu       sync.Mutex    // guards what follows, and the order of deadlines
	patience time.Duration // 0: without end; negative: nothing more is to be written
	until    time.Time     // the deadline that TCPConn has
}

func newPatient(c *net.TCPConn, patience time.Duration) *patient {
	return &patient{TCPConn: c, patience: patience}
}

// Write writes all of b, or fails with os.ErrDeadlineExceeded when nothing is taken for as long as the last write deadline was away when it was set.
// Then the connection can only be closed, and what the system holds of it goes at once.
func (p *patient) Write(b []byte) (written int, err error) {
	if err := p.begin(); err != nil {
		return 0, err
	}
	for {
		n, err := p.TCPConn.Write(b[written:])
		written += n
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
		if again, stalled := p.goOn(n > 0); !again {
			if stalled {
				p.abandon(err)
			}
			return written, err
		}
	}
}

// Close implements net.Conn, and gives the connection's place back.
func (p *patient) Close() error {
	err := p.TCPConn.Close()
	p.seat.leave()
	return err
}

// begin gives a Write its time.
func (p *patient) begin() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.patience <= 0 {
		return nil
	}
	// A deadline is set anew when an eighth of it has gone, since setting it costs more than looking at the clock.
	if now := time.Now(); p.until.Sub(now) < p.patience-p.patience/8 {
		return p.set(now.Add(p.patience))
	}
	return nil
}

// goOn gives a Write whose time is over another one, if it may have it; else it tells whether that is for what the client did.
func (p *patient) goOn(progress bool) (again, stalled bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	switch {
	case p.until.IsZero() || now.Before(p.until):
		return true, false // the deadline was moved at the same time
	case p.patience < 0:
		return false, false
	case progress:
		return p.set(now.Add(p.patience)) == nil, false
	}
	return false, true
}

// set sets the deadline of TCPConn. The caller holds mu.
func (p *patient) set(t time.Time) error {
	p.until = t
	return p.TCPConn.SetWriteDeadline(t)
}

// abandon is called when the client has taken nothing for too long.
func (p *patient) abandon(err error) {
	// Closing would otherwise leave the system with what it could not send, for minutes.
	_ = p.SetLinger(0)
	if p.stalled != nil {
		p.stalled(Slow(err))
	}
}

// Slow is why the context of a client's streams ends when a write fails with err, since the client takes nothing.
func Slow(err error) error {
	return &domain.Bye{Reason: domain.ByeSlow, Reconnect: true, Cause: err}
}

// SetWriteDeadline says how long a client may take nothing: from now until t. The zero time is without end; one that has passed ends a Write under way.
func (p *patient) SetWriteDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.patience = 0
	if !t.IsZero() {
		p.patience = time.Until(t)
		if p.patience == 0 {
			p.patience = -1
		}
	}
	return p.set(t)
}

// SetDeadline sets both deadlines.
func (p *patient) SetDeadline(t time.Time) error {
	return errors.Join(p.SetReadDeadline(t), p.SetWriteDeadline(t))
}

// bear says how long a client may take nothing of each Write from now on, and who is told when it has. No Write is under way.
func (p *patient) bear(patience time.Duration, stalled context.CancelCauseFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.patience, p.stalled = patience, stalled
}

// ReadFrom copies r through Write, so that progress counts; no edge serves files, for which the system has a shorter way.
func (p *patient) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{p}, r)
}
