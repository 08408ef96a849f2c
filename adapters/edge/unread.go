package edge

import (
	"net/http"
	"time"

	"culvert/domain"
)

// unreadTimeout is how long an answer waits for the rest of a body that nobody wants.
const unreadTimeout = time.Second

// BoundUnread bounds the wait for what a handler leaves unread of the body. net/http takes it off the connection before it answers, so that the next request can
// follow, and on its own would wait for as long as the client does; where it does not come in time, the connection is closed behind the answer.
func BoundUnread(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	// A connection that takes no deadline has ended.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(unreadTimeout))
}

// checkBody lets only those requests have a body whose handlers read it. In a GET one means nothing (RFC 9110 §9.3.1), and a stream could not tell it from a client
// that is gone.
func checkBody(w http.ResponseWriter, r *http.Request) error {
	switch {
	case r.ContentLength == 0 || r.Method == http.MethodPost:
		return nil
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return domain.Errorf(domain.InvalidRequest, "a %s has no body", r.Method)
	}
	BoundUnread(w, r)
	return nil
}
