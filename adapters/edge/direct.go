package edge

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"
)

// Direct is a connection that one answer has for itself, from its head on: net/http, its buffers, the request and the goroutine that served it are let go when the handler returns. What is written is what
// goes over the wire: chunks, which the caller makes, or, over HTTP/1.0, a body that ends with the connection. One method is called at a time, but for Cut.
type Direct struct {
	conn *patient
	// Chunked says that all that is written are chunks, the last one LastChunk. There are clients that wait for some hundred bytes of a body without chunks before they look at it.
	Chunked bool
}

// TakeOver makes d, which is new, the connection of r, taken from net/http, for an answer that begins with Open. It gives false, and w and r are as they were, where that is not possible: over HTTP/2, over
// TLS, and on connections that Listen has not accepted. Else the caller lets go of w and r, returns from its handler, and in the end calls Close.
//
// patience is how long the client may take nothing of what is written. gone is called when it has, with Slow, and when the client is gone or the connection was closed, with nil: for both where both are
// so, from any goroutine. It must not block.
func (d *Direct) TakeOver(w http.ResponseWriter, r *http.Request, patience time.Duration, gone context.CancelCauseFunc) bool {
	p := patientOf(r.Context())
	if p == nil || r.ProtoMajor != 1 || r.TLS != nil {
		return false
	}
	if _, _, err := http.NewResponseController(w).Hijack(); err != nil {
		if !errors.Is(err, http.ErrNotSupported) {
			p.Close() // nobody else would
		}
		return false
	}
	p.bear(patience, gone)
	go p.attend(gone) // ends with the connection, from whichever side that is closed
	d.conn, d.Chunked = p, r.ProtoMinor > 0
	return true
}

// Open sends the head of an answer with status 200 and these fields, and the beginning of its body.
func (d *Direct) Open(fields http.Header, body []byte) error {
	var head bytes.Buffer
	fields.Del("Content-Length")
	fields.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	fields.Set("Connection", "close")
	if d.Chunked {
		head.WriteString("HTTP/1.1 200 OK\r\n")
		fields.Set("Transfer-Encoding", "chunked")
	} else {
		head.WriteString("HTTP/1.0 200 OK\r\n")
	}
	if err := fields.Write(&head); err != nil {
		return err
	}
	head.WriteString("\r\n")
	head.Write(body)
	n, err := d.conn.TryWrite(head.Bytes())
	if err == nil && n < head.Len() {
		_, err = d.conn.Write(head.Bytes()[n:])
	}
	return err
}

// Try is as Outlet says.
func (d *Direct) Try(parts [][]byte) (written int, err error) {
	for _, part := range parts {
		n, err := d.conn.TryWrite(part)
		written += n
		if err != nil || n < len(part) {
			return written, err
		}
	}
	return written, nil
}

// Finish is as Outlet says. It gives up when the client has taken nothing for as long as it may.
func (d *Direct) Finish(rest [][]byte) error {
	for _, part := range rest {
		if _, err := d.conn.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the connection. What was written is still sent. It may be called again.
func (d *Direct) Close() { _ = d.conn.Close() }

// Cut ends the connection, a write under way, and what the system has not sent yet. It may be called from any goroutine.
func (d *Direct) Cut() {
	_ = d.conn.SetLinger(0)
	_ = d.conn.Close()
}

// mostUnasked is how much a client may say that nobody has asked for, in bytes.
const mostUnasked = 64 << 10

// attend reads what the client says, which means nothing, so that its end is noticed at once; then, or when it says too much, the connection is closed.
func (p *patient) attend(gone context.CancelCauseFunc) {
	var b [64]byte
	for left := mostUnasked; left > 0; {
		n, err := p.Read(b[:])
		if err != nil {
			break
		}
		left -= n
	}
	_ = p.Close() // which ends a write under way
	gone(nil)
}
