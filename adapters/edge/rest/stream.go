package rest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// retry is what a client waits before it sends again what was not taken.
const retry = 2 * time.Second

// stream takes the body as NDJSON, a pub a line, and answers with the outcomes, a line each, while the body is still coming.
func (e *Edge) stream(w http.ResponseWriter, r *http.Request, at place, mode resultsMode) error {
	conn, err := edge.Connect(r, edge.ProtocolPostNDJSON)
	if err != nil {
		return err
	}
	defer conn.Leave()
	// net/http ends the request's context at the first read that fails, be it only late; the client is still told how the lines
	// before it fared. That it is gone shows in reads and writes.
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
		return err
	}
	body := newBody(ctx, w, r, e.cfg.IdleTimeout)
	feed := &inflow{topic: at.topic, over: make(chan struct{})}
	body.unwanted = feed.over
	defer edge.BoundUnread(w, r)
	finished := make(chan struct{})
	defer close(finished)
	// It ends with the stream, which it ends when the server drains or an operator wants it.
	go func() {
		select {
		case <-e.draining:
			feed.end(edge.GoingAway())
		case <-feed.over:
		case <-finished:
			return
		}
		body.stop()
	}()
	conn.Hold(feed)
	opened := begin(w, r, body)
	results := newResults(ctx, edge.Inner(w), conn, mode, e.cfg)
	written := make(chan struct{})
	// It ends when the results are finished, or at the first write that fails, which ends the reading too.
	go func() {
		defer close(written)
		if results.write() != nil {
			cancel()
			body.stop()
		}
	}()
	injection := e.injector.Open(ctx, results.take)
	lines := newLineReader(reading{opened, injection.Send}, edge.MaxPubBytes(e.limits))
	refused, last := e.putAll(ctx, injection, at, lines, feed)
	if injection.Flush(ctx) == nil {
		results.finish(refused, last)
	} else {
		cancel()
		results.abandon()
	}
	<-written
	return nil
}

// putAll puts line after line until the body ends. Where it ends otherwise, last is what the client is to be told of it, after the
// outcome of the line that was refused, if there was one.
func (e *Edge) putAll(ctx context.Context, injection ports.Injection, at place, lines *lineReader, feed *inflow) (refused []ports.Outcome, last []byte) {
	var o edge.Object
	for {
		line, tooLong, err := lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil
		case domain.CodeOf(err) == domain.Unavailable:
			return nil, e.goodbye(feed.why())
		case err != nil:
			return []ports.Outcome{{Err: err}}, nil
		case !tooLong && len(bytes.TrimSpace(line)) == 0:
			continue
		}
		id := ""
		if tooLong {
			_, err = injection.Reject(ctx, "", domain.Errorf(domain.TooLarge, "the line has more than %d bytes", lines.most))
		} else {
			id, err = put(ctx, injection, at, &o, line)
		}
		if err != nil {
			return []ports.Outcome{{ID: id, Err: err}}, e.goodbye(feed.why())
		}
	}
}

// goodbye is the last line to a client whose stream ends before its body does.
func (e *Edge) goodbye(bye *domain.Bye) []byte {
	return append(edge.AppendByeBody([]byte(`{"op":"bye",`), bye, edge.RetryOf(bye, retry, e.cfg.Drain), ""), '\n')
}

// beginning is a body with what happens before its first bytes are given on: the header of the answer is sent.
type beginning struct {
	io.Reader
	w    http.ResponseWriter
	sent bool
}

// begin sends the header of the answer at once, or, where the client waits to be told to send its body, after the first
// read, which tells it. Over HTTP/1 the connection ends with the answer: when a body breaks off, the header is out already, and what still comes of the body must not be
// taken for the next request.
func begin(w http.ResponseWriter, r *http.Request, body io.Reader) io.Reader {
	h := w.Header()
	h.Set("Content-Type", typeLines)
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no")
	edge.Stays(h, r)
	if r.ProtoMajor == 1 {
		h.Set("Connection", "close")
	}
	b := &beginning{Reader: body, w: w}
	if r.Header.Get("Expect") == "" {
		b.send()
	}
	return b
}

// Read implements io.Reader.
func (b *beginning) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if !b.sent {
		b.send()
	}
	return n, err
}

func (b *beginning) send() {
	b.sent = true
	b.w.WriteHeader(http.StatusOK)
	// Whether the client is there is told by the next read.
	_ = http.NewResponseController(edge.Inner(b.w)).Flush()
}
