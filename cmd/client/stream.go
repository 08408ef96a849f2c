package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const typeNDJSON = "application/x-ndjson"

// maxLine is how long a frame may be that is taken: far beyond what a bridge lets a message have.
const maxLine = 64 << 20

// stream is one connection on which frames come as NDJSON.
type stream struct {
	body    io.ReadCloser
	lines   *bufio.Reader
	line    []byte
	silence time.Duration // after so much of it the connection is taken for dead
	watch   *time.Timer
	cancel  context.CancelCauseFunc
}

// openStream opens a stream whose path has these names. ctx is its lifetime. The stream is nil where the bridge says that it has ended for good (204).
func (a *API) openStream(ctx context.Context, query url.Values, cursor string, names ...string) (*stream, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	// Until ready says otherwise: a bridge may take its time to open a view, but not that long.
	s := &stream{silence: time.Minute, cancel: cancel}
	s.watch = time.AfterFunc(s.silence, func() { cancel(fmt.Errorf("%w: nothing came for %s", errBroken, s.silence)) })
	header := http.Header{"Accept": {typeNDJSON}}
	if cursor != "" {
		header.Set("Last-Event-ID", cursor)
	}
	//nolint:bodyclose // The stream does.
	answer, err := a.do(ctx, http.MethodGet, a.at(query, names...), header, http.NoBody)
	if err != nil {
		s.stop()
		return nil, err
	}
	s.body = answer.Body
	if answer.StatusCode == http.StatusNoContent {
		s.close()
		return nil, nil
	}
	if err := a.expect(answer, typeNDJSON); err != nil {
		s.close()
		return nil, err
	}
	s.lines = bufio.NewReaderSize(answer.Body, 64<<10)
	return s, nil
}

// next blocks until a frame has come. However the connection ends, that is errBroken; half a frame is none.
func (s *stream) next(ctx context.Context) (*Frame, error) {
	s.line = s.line[:0]
	for {
		part, err := s.lines.ReadSlice('\n')
		s.line = append(s.line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(s.line) < maxLine:
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("the bridge sent a line of over %d bytes", maxLine)
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, errBroken
		case errors.Is(err, errBroken):
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errBroken, err)
		}
		break
	}
	s.watch.Reset(s.silence)
	f, err := parse(bytes.TrimSuffix(s.line, []byte("\n")))
	if err == nil && f.Op == "ready" && f.HeartbeatMS > 0 {
		s.silence = 3 * time.Duration(f.HeartbeatMS) * time.Millisecond
		s.watch.Reset(s.silence)
	}
	return f, err
}

// waiting reports whether a whole frame has come that next has not given.
func (s *stream) waiting() bool {
	some, _ := s.lines.Peek(s.lines.Buffered())
	return bytes.IndexByte(some, '\n') >= 0
}

// close ends the connection.
func (s *stream) close() {
	s.body.Close()
	s.stop()
}

func (s *stream) stop() {
	s.watch.Stop()
	s.cancel(nil)
}
