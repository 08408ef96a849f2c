package edge

import (
	"net/http"
	"unicode/utf8"

	"culvert/domain"
)

// NoClose is the close code of an error that no WebSocket ends with.
const NoClose = 0

// The WebSocket close codes of PROTOCOL §4 that do not follow from an error's code.
const (
	CloseNormal    = 1000
	CloseGoingAway = 1001
	CloseGap       = 4002 // a hole in what a raw client reads, or a client too slow
	CloseRotate    = 4006 // the client is to come back on another connection
)

// kind is how one code looks from outside.
type kind struct {
	status int
	close  int
	title  string
}

// kindOf is the table of PROTOCOL §6.
func kindOf(code domain.Code) kind {
	switch code {
	case domain.InvalidRequest:
		return kind{http.StatusBadRequest, 4501, "The request cannot be read"}
	case domain.InvalidCursor:
		return kind{http.StatusBadRequest, 4501, "The cursor cannot be used"}
	case domain.Unauthenticated:
		return kind{http.StatusUnauthorized, 4500, "Not authenticated"}
	case domain.NotAllowed:
		return kind{http.StatusForbidden, 4505, "Not allowed"}
	case domain.UnknownTopic:
		return kind{http.StatusNotFound, 4504, "No such topic"}
	case domain.UnknownQueue:
		return kind{http.StatusNotFound, 4504, "No such queue"}
	case domain.UnknownStream:
		return kind{http.StatusNotFound, NoClose, "No such stream"}
	case domain.UnknownRoute:
		return kind{http.StatusNotFound, NoClose, "No such route"}
	case domain.MethodNotAllowed:
		return kind{http.StatusMethodNotAllowed, NoClose, "Method not allowed"}
	case domain.NotAcceptable:
		return kind{http.StatusNotAcceptable, NoClose, "Not acceptable"}
	case domain.Conflict:
		return kind{http.StatusConflict, 4507, "Conflict"}
	case domain.TooLarge:
		return kind{http.StatusRequestEntityTooLarge, 1009, "Too large"}
	case domain.UnsupportedMediaType:
		return kind{http.StatusUnsupportedMediaType, NoClose, "Unsupported media type"}
	case domain.Misdirected:
		return kind{http.StatusMisdirectedRequest, NoClose, "Misdirected request"}
	case domain.UpgradeRequired:
		return kind{http.StatusUpgradeRequired, NoClose, "Upgrade required"}
	case domain.TooManyRequests:
		return kind{http.StatusTooManyRequests, 4005, "Too many requests"}
	case domain.Unsupported:
		return kind{http.StatusNotImplemented, 4506, "Not supported"}
	case domain.Unavailable:
		return kind{http.StatusServiceUnavailable, 4001, "Not available"}
	case domain.Timeout:
		return kind{http.StatusGatewayTimeout, NoClose, "No answer in time"}
	default:
		return kind{http.StatusInternalServerError, 1011, "Internal error"}
	}
}

// StatusOf is the HTTP status of code.
func StatusOf(code domain.Code) int { return kindOf(code).status }

// CloseCodeOf is the code that a WebSocket is closed with because of code; NoClose where no WebSocket ends with it.
func CloseCodeOf(code domain.Code) int { return kindOf(code).close }

// CloseCodeOfBye is the code that a WebSocket is closed with when a stream that it stands for ends.
func CloseCodeOfBye(reason domain.ByeReason) int {
	switch reason {
	case domain.ByeEnd:
		return CloseNormal
	case domain.ByeShutdown, domain.ByeUnavailable:
		return CloseCodeOf(domain.Unavailable)
	case domain.ByeOverload:
		return CloseCodeOf(domain.TooManyRequests)
	case domain.ByeSlow:
		return CloseGap
	case domain.ByeRotate:
		return CloseRotate
	default:
		return CloseCodeOf(domain.Internal)
	}
}

// DetailOf is what a stranger may read of err. An error of ours that is no domain.Error tells nothing.
func DetailOf(err *domain.Error) string {
	if err.Detail == "" || err.Code == domain.Internal {
		return kindOf(err.Code).title
	}
	return err.Detail
}

// maxReason is how many bytes a close frame has for its reason (RFC 6455 §5.5).
const maxReason = 123

// CloseReason is the reason of a close frame, `<code>: <detail>`, cut to what fits at the boundary of a rune.
func CloseReason(err error) string {
	e := domain.AsError(err)
	return cut(string(e.Code)+": "+DetailOf(e), maxReason)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
