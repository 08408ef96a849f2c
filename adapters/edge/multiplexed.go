package edge

import (
	"context"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// multiplexed is the answer on one stream of an HTTP/2 connection (RFC 9113), made to behave as one that has a connection for itself: a write deadline says for how long the client may take nothing of a
// write, as patient says. To net/http it is the time at which the stream ends, also where there is nothing to write. Only this stream is held up while its client does not take it, and only it ends.
//
// Deadlines may be set from any goroutine, also after the handler has returned, when they mean nothing; the rest is for the handler's time.
type multiplexed struct {
	http.ResponseWriter // nobody else may get at it: there is no Unwrap
	control             *http.ResponseController
	stalled             context.CancelCauseFunc // is told Slow

	mu       sync.Mutex    // guards what follows
	patience time.Duration // 0: without end; negative: nothing more is to be written
	timer    *time.Timer   // nil before the first write that has an end
	writing  bool          // a write is under way
	until    time.Time     // when that has waited for too long; zero: it has no end
	err      error         // why nothing more can be written
	over     bool          // the handler has returned: net/http has taken its writer back
}

// progress is how much the client has to take of a write for the write to have its whole time again. It is as much as a frame has by default (RFC 9113 §4.2).
const progress = 16 << 10

// overHTTP2 serves HTTP/2 by h with answers that are multiplexed, and everything else by h as it is.
func overHTTP2(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor < 2 {
			h.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		m := &multiplexed{ResponseWriter: w, control: http.NewResponseController(w), stalled: cancel}
		if server, ok := ctx.Value(http.ServerContextKey).(*http.Server); ok {
			m.patience = server.WriteTimeout
		}
		// net/http has set it already.
		_ = m.control.SetWriteDeadline(time.Time{})
		seat := seatOf(ctx)
		seat.begin()
		defer seat.done()
		defer m.end()
		h.ServeHTTP(m, r.WithContext(ctx))
	})
}

// end makes sure that nobody uses what net/http takes back.
func (m *multiplexed) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
	if m.timer != nil {
		m.timer.Stop()
	}
}

// Write writes all of b, or fails with os.ErrDeadlineExceeded when nothing is taken for as long as the last write deadline was away when it was set. Then the stream has been reset.
func (m *multiplexed) Write(b []byte) (written int, err error) {
	for {
		n := 0
		err := m.timed(func() (err error) {
			n, err = m.ResponseWriter.Write(b[written:min(len(b), written+progress)])
			return err
		})
		if written += n; err != nil || written == len(b) {
			return written, err
		}
	}
}

// FlushError is for http.ResponseController. It fails as Write does.
func (m *multiplexed) FlushError() error { return m.timed(m.control.Flush) }

// timed calls write, with an end to the client's patience.
func (m *multiplexed) timed(write func() error) error {
	if err := m.begin(); err != nil {
		return err
	}
	err := write()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writing = false
	m.wait()
	if m.err != nil { // which says more than what came of it
		return m.err
	}
	return err
}

// begin gives a write its time.
func (m *multiplexed) begin() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.writing = true
	m.wait()
	return nil
}

// wait gives the write under way its whole time from now on; where there is none, or it may take for ever, nothing is waited for. The caller holds mu.
func (m *multiplexed) wait() {
	switch {
	case !m.writing || m.patience <= 0:
		m.until = time.Time{}
		if m.timer != nil {
			m.timer.Stop()
		}
		return
	case m.timer == nil:
		m.timer = time.AfterFunc(m.patience, m.expired)
	default:
		m.timer.Reset(m.patience)
	}
	m.until = time.Now().Add(m.patience)
}

// expired is called by the timer, also now and then when a write has just ended in time.
func (m *multiplexed) expired() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over || m.err != nil || m.until.IsZero() || time.Now().Before(m.until) {
		return
	}
	m.stalled(Slow(os.ErrDeadlineExceeded))
	m.reset()
}

// reset ends the stream, and a write under way. The caller holds mu; net/http's loop for the connection, which is told, waits for no handler and no client.
func (m *multiplexed) reset() {
	m.err = os.ErrDeadlineExceeded
	_ = m.control.SetWriteDeadline(time.Unix(1, 0))
}

// SetWriteDeadline says how long the client may take nothing: from now until t. The zero time is without end; one that has passed ends the stream.
func (m *multiplexed) SetWriteDeadline(t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over || m.err != nil {
		return net.ErrClosed
	}
	m.patience = 0
	if !t.IsZero() {
		if m.patience = time.Until(t); m.patience <= 0 {
			m.patience = -1
		}
	}
	switch {
	case m.patience < 0:
		m.reset()
	case m.writing:
		m.wait()
	}
	return nil
}

// SetReadDeadline is for http.ResponseController, as net/http has it: a read under way fails when the time has come, and all that come later.
func (m *multiplexed) SetReadDeadline(t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return net.ErrClosed
	}
	return m.control.SetReadDeadline(t)
}

// EnableFullDuplex is for http.ResponseController. Streams always are.
func (m *multiplexed) EnableFullDuplex() error { return nil }
