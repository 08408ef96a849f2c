package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

const subprotocol = "culvert.v1.json"

// maxFrames is how many frames go in one WebSocket message: a tenth of what a bridge takes by default.
const maxFrames = 100

// session publishes on one connection until that ends, and says why it did. Where it ended because nothing is left to do the error does not count.
func (p *Publisher) session(ctx context.Context, met chan struct{}) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	conn, err := p.api.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }() // it has ended, or nothing is owed to it
	select {
	case <-met:
	default:
		close(met)
	}
	most := maxFrames
	if p.single {
		most = 1
	}
	written := make(chan struct{})
	// Ends with ctx, or when the window is drained.
	go func() {
		defer close(written)
		p.write(ctx, conn, most)
	}()
	// Ends with ctx.
	go p.watch(ctx, cancel)

	err = p.hear(ctx, conn)
	cancel(nil)
	<-written
	return err
}

// dial opens a WebSocket.
func (a *API) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	//nolint:bodyclose // Dial closes it, and leaves a copy of its beginning.
	conn, answer, err := websocket.Dial(ctx, a.at(url.Values{"batch": {"1"}}, "v1", "ws"), &websocket.DialOptions{
		HTTPClient:   a.http,
		HTTPHeader:   a.header.Clone(),
		Subprotocols: []string{subprotocol},
	})
	switch {
	case err == nil && conn.Subprotocol() != subprotocol:
		// A bridge that refuses the handshake closes at once, and says why.
		_, _, err := conn.Read(ctx)
		_ = conn.CloseNow() // as above
		if websocket.CloseStatus(err) != -1 {
			return nil, closed(err)
		}
		return nil, fmt.Errorf("what answers at %s does not speak %s", a.URL(), subprotocol)
	case err == nil:
		conn.SetReadLimit(maxLine)
		return conn, nil
	case answer != nil && answer.StatusCode != http.StatusSwitchingProtocols && answer.Body != nil:
		return nil, problemOf(answer)
	}
	return nil, a.unreachable(err)
}

// write sends what the window has to send, most frames at most in one WebSocket message.
func (p *Publisher) write(ctx context.Context, conn *websocket.Conn, most int) {
	var buf []byte
	for {
		batch := p.window.take(ctx, buf[:0], most)
		if batch == nil {
			break
		}
		if conn.Write(ctx, websocket.MessageText, batch) != nil {
			return // the reader sees why
		}
		if buf = batch; cap(buf) > 4*maxBatch {
			buf = nil // one long message does not keep its memory
		}
	}
	if ctx.Err() == nil {
		_ = conn.Close(websocket.StatusNormalClosure, "") // all is confirmed: how the bridge parts is no matter
	}
}

// watch ends the connection when the bridge has not answered for too long.
func (p *Publisher) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(max(p.cfg.Timeout/4, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if p.window.silent() > p.cfg.Timeout {
				cancel(fmt.Errorf("%w: nothing was answered for %s", errBroken, p.cfg.Timeout))
			}
		case <-ctx.Done():
			return
		}
	}
}

// hear takes the answers, until the connection ends.
func (p *Publisher) hear(ctx context.Context, conn *websocket.Conn) error {
	var bye *Bye
	explained := false // the last answer said that a message is too large
	for {
		_, message, err := conn.Read(ctx)
		if err != nil {
			return p.parted(ctx, err, bye, explained)
		}
		for line := range bytes.SplitSeq(message, []byte{'\n'}) {
			f, err := parse(line)
			if err != nil {
				return err
			}
			explained = f.Op == "err" && f.Code == "too-large"
			switch f.Op {
			case "ack", "err":
				err = p.outcome(f)
			case "bye":
				bye = f.bye()
			}
			if err != nil {
				return err
			}
		}
	}
}

// outcome takes an ack or an err.
func (p *Publisher) outcome(f *Frame) error {
	id, err := strconv.ParseUint(f.ID, 10, 64)
	switch {
	case err != nil && f.Op == "err":
		return f.problem() // nothing that was sent lacks an id, so this is about the whole
	case err != nil:
		return nil
	case f.Op == "ack":
		p.window.confirm(id)
	default:
		p.window.refuse(id, f.problem())
	}
	return nil
}

// errAnew is a connection that ended for one message, and is made anew for the others.
var errAnew = errors.New("the connection is made anew")

// parted says why a connection ended, and deals with a message that was too large to be read.
func (p *Publisher) parted(ctx context.Context, err error, bye *Bye, explained bool) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case websocket.CloseStatus(err) == websocket.StatusMessageTooBig && !explained:
		// Too many frames would be told alike. Alone, it is the message.
		if p.single {
			p.window.failLargest(closed(err))
		}
		p.single = true
		return errAnew
	case websocket.CloseStatus(err) == websocket.StatusMessageTooBig:
		return errAnew // that message has failed; the others have done nothing wrong
	case bye != nil:
		return bye
	}
	return closed(err)
}

// closed is the error of a connection that ended with err: of a close, by its code, a problem that passes or one that stays.
func closed(err error) error {
	var c websocket.CloseError
	if !errors.As(err, &c) {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	code, detail, told := strings.Cut(c.Reason, ": ")
	if !told {
		code, detail = fmt.Sprintf("closed with %d", int(c.Code)), c.Reason
	}
	return &Problem{Code: code, Detail: detail, Title: "the bridge has closed the connection", Retryable: c.Code < 4500}
}
