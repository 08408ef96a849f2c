package ws

import (
	"sync"
	"time"
)

// intake is the reading side of a wire. What the client has sent is read as much at a time as there is, which is far more than gorilla asks for; the memory for that is there only while something of
// it is left. It belongs to the reader.
type intake struct {
	ready readier // the connection; nil where it cannot be read so
	until time.Time
	held  *[]byte // nil where nothing is left
	left  []byte
}

// readier is a connection that needs no memory while nothing comes.
type readier interface {
	// ReadReady waits for bytes, and then reads n of them into memory of the pool.
	ReadReady(pool *sync.Pool) (memory *[]byte, n int, err error)
}

// intakes are memory for what is read at once.
var intakes = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

// Read reads for at most pongWait in silence. That is counted from when reading begins, so a socket that was not read for a while,
// because its window was full, is not dead for it.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.left) > 0 {
		return w.intake.take(p), nil
	}
	w.socket.heard()
	// A deadline is set anew when an eighth of it has gone, since setting it costs more than looking at the clock.
	if now, wait := time.Now(), w.cfg().PongWait; w.until.Sub(now) < wait-wait/8 {
		w.until = now.Add(wait)
		if err := w.Conn.SetReadDeadline(w.until); err != nil {
			return 0, err
		}
	}
	if w.ready == nil || len(p) >= 16<<10 {
		return w.Conn.Read(p)
	}
	memory, n, err := w.ready.ReadReady(&intakes)
	if err != nil {
		return 0, err
	}
	w.held, w.left = memory, (*memory)[:n]
	return w.intake.take(p), nil
}

// take moves to p what is left, as far as it fits.
func (i *intake) take(p []byte) int {
	n := copy(p, i.left)
	if i.left = i.left[n:]; len(i.left) == 0 {
		i.release()
	}
	return n
}

// release gives the memory back.
func (i *intake) release() {
	if i.held != nil {
		intakes.Put(i.held)
	}
	i.held, i.left = nil, nil
}
