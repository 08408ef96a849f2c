package edge

import (
	"net/http"
	"strconv"

	"culvert/domain"
)

// retryAfter is the Retry-After of refusals that pass, in seconds.
const retryAfter = 2

// WriteProblem answers a request with err as a problem document (RFC 9457). Nothing of the response may have been written before. What
// err wraps is not told.
func WriteProblem(w http.ResponseWriter, err error) {
	e := domain.AsError(err)
	status := StatusOf(e.Code)
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Del("Content-Length")
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	w.WriteHeader(status)
	// A client that is gone by now needs no answer.
	_, _ = w.Write(appendProblem(nil, e))
}

func appendProblem(dst []byte, e *domain.Error) []byte {
	k := kindOf(e.Code)
	dst = append(dst, `{"code":`...)
	dst = AppendString(dst, string(e.Code))
	dst = append(dst, `,"title":`...)
	dst = AppendString(dst, k.title)
	dst = append(dst, `,"detail":`...)
	dst = AppendString(dst, DetailOf(e))
	dst = append(dst, `,"status":`...)
	dst = strconv.AppendInt(dst, int64(k.status), 10)
	dst = append(dst, `,"retryable":`...)
	dst = strconv.AppendBool(dst, e.Code.Retryable())
	return append(dst, "}\n"...)
}
