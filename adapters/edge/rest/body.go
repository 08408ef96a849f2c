package rest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"culvert/domain"
)

// body reads the body of a request, with a deadline for each read. Its errors are domain.Errors, but for io.EOF.
type body struct {
	ended    <-chan struct{} // the end of the request
	unwanted <-chan struct{} // says that nothing more is wanted; nil where what has begun is read to its end
	r        io.Reader
	control  *http.ResponseController
	patience time.Duration
}

func newBody(ctx context.Context, w http.ResponseWriter, r *http.Request, patience time.Duration) *body {
	return &body{ended: ctx.Done(), r: r.Body, control: http.NewResponseController(w), patience: patience}
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if err := b.control.SetReadDeadline(time.Now().Add(b.patience)); err != nil {
		return 0, err
	}
	select {
	case <-b.ended:
		return 0, domain.Errorf(domain.Unavailable, "the request has ended")
	case <-b.unwanted:
		return 0, b.dropped()
	default:
	}
	n, err := b.r.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		// From here on net/http reads to see whether the client is still there, for as long as the answer takes.
		if err := b.control.SetReadDeadline(time.Time{}); err != nil {
			return n, err
		}
	case b.dropped() != nil:
		err = b.dropped()
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = domain.Errorf(domain.InvalidRequest, "nothing came of the body for %s", b.patience)
	default:
		err = domain.Errorf(domain.InvalidRequest, "the body broke off").Because(err)
	}
	return n, err
}

// dropped is nil as long as the body is wanted.
func (b *body) dropped() error {
	select {
	case <-b.unwanted:
		return domain.Errorf(domain.Unavailable, "nothing more of this is taken")
	default:
		return nil
	}
}

// stop ends a read that is under way. The request has ended, or the body is no longer wanted, so that no other begins.
func (b *body) stop() {
	// A connection that takes no deadline has ended.
	_ = b.control.SetReadDeadline(time.Unix(1, 0))
}

// firstBytes is how much memory a body gets before it comes; it has more as more of it is there, whatever length it announces.
const firstBytes = 32 << 10

// whole reads a body of at most limit bytes into memory of the caller's own, never nil. setting is the name of the limit.
func (b *body) whole(length int64, limit int, setting string) ([]byte, error) {
	tooLarge := domain.Errorf(domain.TooLarge, "the body has more than %d bytes, the most that is taken (%s)", limit, setting)
	if length > int64(limit) {
		return nil, tooLarge
	}
	buf := bytes.NewBuffer(make([]byte, 0, min(max(length, 0), firstBytes)+bytes.MinRead))
	n, err := buf.ReadFrom(io.LimitReader(b, int64(limit)+1))
	switch {
	case err != nil:
		return nil, err
	case n > int64(limit):
		return nil, tooLarge
	}
	return buf.Bytes(), nil
}
