package sse

import (
	"net/http"
	"sync"
	"time"

	"culvert/adapters/edge"
)

// connection writes to one client through net/http, with a deadline for each write: on what edge.Listen accepts, that is how long the client may take nothing, so a batch of any size is one write.
type connection struct {
	w       http.ResponseWriter
	flush   *http.ResponseController
	timeout time.Duration
	buffers *sync.Pool
	lost    bool // a write has failed
}

// coalesceBytes is how much is copied into one write rather than written part by part.
const coalesceBytes = 64 << 10

// head adds the fields of a stream to what the server has set.
func head(h http.Header, contentType string) http.Header {
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no")
	h.Add("Vary", "Accept")
	return h
}

// open sends the header of a stream.
func (e *Edge) open(w http.ResponseWriter, contentType string) (*connection, error) {
	head(w.Header(), contentType)
	w.WriteHeader(http.StatusOK)
	w = edge.Inner(w)
	c := &connection{w: w, flush: http.NewResponseController(w), timeout: e.cfg.WriteTimeout, buffers: &e.buffers}
	if err := c.deadline(); err != nil {
		return nil, err
	}
	return c, c.flush.Flush()
}

// Try takes nothing: net/http may wait for the client whatever it is given.
func (c *connection) Try([][]byte) (int, error) { return 0, nil }

// Finish sends frames, and returns when they are with the operating system. An error is final.
func (c *connection) Finish(frames [][]byte) error {
	if len(frames) == 1 {
		return c.send(frames[0])
	}
	buf := c.buffer()
	defer c.release(buf)
	for _, f := range frames {
		if len(*buf) > 0 && len(*buf)+len(f) > coalesceBytes {
			if err := c.put(*buf); err != nil {
				return err
			}
			*buf = (*buf)[:0]
		}
		if len(f) > coalesceBytes {
			if err := c.put(f); err != nil {
				return err
			}
			continue
		}
		*buf = append(*buf, f...)
	}
	return c.send(*buf)
}

// Close leaves it to net/http to end the answer when its handler returns.
func (c *connection) Close() {}

// Cut leaves that to net/http as well.
func (c *connection) Cut() {}

// send puts the last bytes of a batch and flushes.
func (c *connection) send(b []byte) error {
	if err := c.put(b); err != nil {
		return err
	}
	return c.flush.Flush()
}

func (c *connection) put(b []byte) error {
	if err := c.deadline(); err != nil {
		return err
	}
	_, err := c.w.Write(b)
	c.lost = c.lost || err != nil
	return err
}

func (c *connection) deadline() error {
	return c.flush.SetWriteDeadline(time.Now().Add(c.timeout))
}

// buffer is memory for frames, until release.
func (c *connection) buffer() *[]byte { return c.buffers.Get().(*[]byte) }

func (c *connection) release(buf *[]byte) {
	// A buffer that one large message has stretched is not kept; nor is one whose write has failed: over HTTP/2 net/http may be busy with it still, and it would be another client's.
	if cap(*buf) <= 2*coalesceBytes && !c.lost {
		*buf = (*buf)[:0]
		c.buffers.Put(buf)
	}
}
