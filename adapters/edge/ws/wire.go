package ws

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/gorilla/websocket"

	"culvert/adapters/edge"
)

// wire is a socket's connection, and the one way out of it. Whoever has the turn writes whole frames; those who wait get it in the order in which they
// came, so no subscription outdoes another; who serves many sockets does not wait: see Try. gorilla is given the wire for a connection: what it and Melody write themselves, each frame in one Write,
// waits for its turn like everything else, and the deadlines that they set count for nothing, because the wire keeps its own.
type wire struct {
	net.Conn
	socket *socket // whose it is; it ends when writing fails, for edge.Slow where the client took nothing

	trier trier // the same connection; nil where it cannot be written to without waiting

	turn chan struct{} // holds one value; who has taken it writes, and owns the fields below
	// closed says that a close frame was the last one, or that writing failed: nothing may follow.
	closed bool
	open   int // how many bytes are missing of a frame that Try has begun
	// parting ends the connection when the client takes too long to close it.
	parting *time.Timer

	verdict []byte // the code and the reason of the close with which gorilla ended the reading; owned by the reader, as is
	intake
}

// trier is a connection that can be written to without waiting.
type trier interface {
	// TryWrite writes as much of b as the system takes at once.
	TryWrite(b []byte) (int, error)
}

func newWire(conn net.Conn, s *socket) *wire {
	w := &wire{Conn: conn, socket: s, turn: make(chan struct{}, 1)}
	w.turn <- struct{}{}
	w.trier, _ = conn.(trier)
	w.intake.ready, _ = conn.(readier)
	return w
}

var errClosed = errors.New("the socket is closed")

// Send writes frames, each slice whole ones, and returns when the kernel has them. It blocks while others write, and while the client takes what there is,
// however slowly; a client that takes nothing for the write timeout loses its socket. before, where it is not nil, is called in the turn, before anything is written. ctx
// ends the waiting, not the writing: once it has ended nothing is begun. An error says that the frames were not written, or not all.
func (w *wire) Send(ctx context.Context, before func(), frames ...[]byte) error {
	err := w.send(ctx, before, frames...)
	if err == nil {
		w.socket.conn.Pass(0, sizeOf(frames))
	}
	return err
}

// send is Send of what others count.
func (w *wire) send(ctx context.Context, before func(), frames ...[]byte) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.turn:
	}
	defer w.release()
	if ctx.Err() != nil { // the turn may have come at the same time
		return context.Cause(ctx)
	}
	if w.closed {
		return errClosed
	}
	if before != nil {
		before()
	}
	return w.put(frames)
}

// Try is for who serves other sockets, too: it writes as much of frames, which are whole ones, as the system takes at once, and tells how many bytes that were. It does not block: while others write, that is nothing, and Send goes on. Where it was a part,
// the turn is kept until Rest has written what is left, so that nothing comes between. An error says that the connection is over.
func (w *wire) Try(frames [][]byte) (int, error) {
	select {
	case <-w.turn:
	default:
		return 0, nil
	}
	if w.closed {
		w.release()
		return 0, errClosed
	}
	n, err := w.attempt(frames)
	switch {
	case err != nil:
		err = w.fail(err, nil)
	case n > 0 && n < sizeOf(frames):
		w.open = missing(frames, 0, n)
		return n, nil
	}
	w.release()
	return n, err
}

// Rest writes what a Try has left that wrote a part. It blocks as Send does.
func (w *wire) Rest(frames [][]byte) error {
	defer w.release()
	return w.put(frames)
}

// Finish writes the last frames, of which the very last is a close, and gives the client the close timeout to answer it. Where a close was
// written before, it does nothing. It blocks as Send does.
func (w *wire) Finish(frames []byte) {
	<-w.turn
	defer w.release()
	if w.closed {
		return
	}
	w.part()
	w.socket.conn.Pass(0, len(frames))
	_ = w.put([][]byte{frames}) // a failure has ended the connection, which is all that was wanted
}

// Write is for gorilla. After the last frame it takes what there is and writes nothing, so that a ping that comes while we part does not look
// like a broken connection. A close, which gorilla's reader writes when it cannot read on, is kept back: see Verdict.
func (w *wire) Write(p []byte) (int, error) {
	if p[0] == final|opClose {
		w.verdict = bytes.Clone(p[2:])
		return len(p), nil
	}
	<-w.turn
	defer w.release()
	if w.closed {
		return len(p), nil
	}
	if err := w.put([][]byte{p}); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Verdict is the close for err, with which gorilla ended the reading: answers that are due go before it. The code is 0 where nobody is left to be
// told. It is called by the reader.
func (w *wire) Verdict(err error) (code int, reason string) {
	switch {
	case errors.Is(err, websocket.ErrReadLimit): // for which gorilla has no reason, and for a length over 63 bits not even a close
		return closeTooLarge, w.socket.edge.tooLarge
	case w.verdict != nil:
		return int(binary.BigEndian.Uint16(w.verdict)), string(w.verdict[2:])
	}
	return 0, ""
}

func (w *wire) cfg() *Config { return &w.socket.edge.cfg }

func (w *wire) release() { w.turn <- struct{}{} }

// part marks the frame to come as the last one. The caller has the turn.
func (w *wire) part() {
	w.closed = true
	w.parting = time.AfterFunc(w.cfg().CloseTimeout, func() { w.Conn.Close() })
}

// put writes frames; where that fails, the connection is over. The deadline is set only where the client does not take all of it at once, since setting it costs. The caller has the turn.
func (w *wire) put(frames [][]byte) error {
	n, err := w.attempt(frames)
	if err == nil && n < sizeOf(frames) {
		var more int
		more, err = w.push(after(frames, n), w.cfg().WriteTimeout)
		n += more
	}
	if err != nil {
		left := after(frames, n)
		err = w.fail(err, upTo(left, missing(frames, w.open, n)))
	}
	w.open = 0
	return err
}

// fail ends the connection after a write that failed with err, and gives the error to tell. begun is what is missing of the frame that the client is in the middle of. The caller has the turn.
func (w *wire) fail(err error, begun [][]byte) error {
	stalled := errors.Is(err, os.ErrDeadlineExceeded)
	again := !w.closed && stalled
	w.closed = true
	if stalled {
		err = edge.Slow(err)
	}
	w.socket.cancel(err)
	if again {
		// Who only stalled can still read why it ends, if the frame that it is in the middle of is completed first.
		_, last := w.push(append(begun, appendClose(nil, closeSlow, slowReason)), w.cfg().CloseTimeout)
		w.forget(last)
	}
	w.Conn.Close()
	return err
}

// forget is called before a connection is closed, with the error of its last frames. Where the client takes nothing, the system does not keep for minutes what it could not send.
func (w *wire) forget(last error) {
	if conn, ok := w.Conn.(interface{ SetLinger(seconds int) error }); ok && errors.Is(last, os.ErrDeadlineExceeded) {
		_ = conn.SetLinger(0)
	}
}

// attempt writes as much of frames as the system takes at once. The caller has the turn.
func (w *wire) attempt(frames [][]byte) (n int, err error) {
	if w.trier == nil {
		return 0, nil
	}
	for _, f := range frames {
		m, err := w.trier.TryWrite(f)
		n += m
		if err != nil || m < len(f) {
			return n, err
		}
	}
	return n, nil
}

// push writes frames and tells how many bytes were taken. It fails when nothing at all is taken for a timeout; they are counted one after
// the other, so a client that stalls in the middle of one has until the end of the next. The caller has the turn.
func (w *wire) push(frames [][]byte, timeout time.Duration) (int, error) {
	rest := make(net.Buffers, len(frames))
	copy(rest, frames)
	written := 0
	for {
		if err := w.Conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return written, err
		}
		n, err := rest.WriteTo(w.Conn)
		written += int(n)
		if err == nil || n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
	}
}

// SetDeadline, SetReadDeadline and SetWriteDeadline do nothing: the wire keeps deadlines of its own.
func (w *wire) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing: see SetDeadline.
func (w *wire) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: see SetDeadline.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// Linger reads on after a close for what could not be read, until the client ends the connection or the close timeout does. Closing while its bytes are unread would reset the
// connection, and the client might never see the close. It is called by the reader; where nothing was closed it returns at once.
func (w *wire) Linger() {
	<-w.turn
	closed := w.closed
	w.release()
	if !closed {
		return
	}
	if half, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // the client may be gone already
	}
	_ = w.Conn.SetReadDeadline(time.Now().Add(w.cfg().CloseTimeout))
	_, _ = io.Copy(io.Discard, w.Conn)
}

// Release lets go of what the wire holds, when its connection has ended. It is called by the reader.
func (w *wire) Release() {
	<-w.turn
	defer w.release()
	w.closed = true
	if w.parting != nil {
		w.parting.Stop()
	}
	w.Conn.Close()
	w.intake.release()
}
