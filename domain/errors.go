package domain

import (
	"errors"
	"fmt"
	"time"
)

// Code names a kind of failure. The set is closed: every edge turns these, and only these, into its own statuses.
type Code string

// The registry of PROTOCOL §6.
const (
	InvalidRequest       Code = "invalid-request"
	InvalidCursor        Code = "invalid-cursor"
	Unauthenticated      Code = "unauthenticated"
	NotAllowed           Code = "not-allowed"
	UnknownTopic         Code = "unknown-topic"
	UnknownQueue         Code = "unknown-queue"
	UnknownStream        Code = "unknown-stream"
	UnknownRoute         Code = "unknown-route"
	MethodNotAllowed     Code = "method-not-allowed"
	NotAcceptable        Code = "not-acceptable"
	Conflict             Code = "conflict"
	TooLarge             Code = "too-large"
	UnsupportedMediaType Code = "unsupported-media-type"
	Misdirected          Code = "misdirected"
	UpgradeRequired      Code = "upgrade-required"
	TooManyRequests      Code = "too-many-requests"
	Internal             Code = "internal"
	Unsupported          Code = "unsupported"
	Unavailable          Code = "unavailable"
	Timeout              Code = "timeout"
)

// Retryable reports whether the same request may succeed later, unchanged.
func (c Code) Retryable() bool {
	return c == Unavailable || c == Timeout || c == TooManyRequests
}

// Error is a failure with a code. Detail is written for the stranger who caused it; Cause is for the log only.
type Error struct {
	Code   Code
	Detail string
	Cause  error
}

func (e *Error) Error() string {
	s := string(e.Code)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an error whose detail is shown to the caller. It does not wrap: see Because.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Because gives e with cause as what the log shall say besides.
func (e *Error) Because(cause error) *Error {
	return &Error{Code: e.Code, Detail: e.Detail, Cause: cause}
}

// AsError finds the Error in err. Anything else is Internal, with err as its cause and no detail.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: Internal, Cause: err}
}

// CodeOf is the code of err; Internal where it has none.
func CodeOf(err error) Code { return AsError(err).Code }

// Bye is the error by which a stream ends. It is the server's decision, told to the client before the stream closes.
type Bye struct {
	Reason    ByeReason
	Reconnect bool
	Retry     time.Duration // how long a client shall wait before it comes back; 0 leaves it to the edge
	Cause     error         // for the log only
}

// ByeReason is why a stream ends.
type ByeReason string

// The reasons of PROTOCOL §3.
const (
	ByeEnd         ByeReason = "end"         // the stream reached its limit
	ByeShutdown    ByeReason = "shutdown"    // this node is going away
	ByeUnavailable ByeReason = "unavailable" // the broker cannot be reached
	ByeOverload    ByeReason = "overload"    // this node has no room
	ByeSlow        ByeReason = "slow"        // the client did not keep up
	ByeRotate      ByeReason = "rotate"      // its connection is to be another one
	ByeInternal    ByeReason = "internal"    // a defect of ours
)

func (b *Bye) Error() string {
	if b.Cause != nil {
		return fmt.Sprintf("bye (%s): %v", b.Reason, b.Cause)
	}
	return fmt.Sprintf("bye (%s)", b.Reason)
}

func (b *Bye) Unwrap() error { return b.Cause }

// ByeFor turns the error that ended a stream into the Bye that tells it.
func ByeFor(err error) *Bye {
	var bye *Bye
	if errors.As(err, &bye) {
		return bye
	}
	switch CodeOf(err) {
	case Unavailable, Timeout, UnknownTopic, UnknownQueue, Conflict: // who comes back for what is gone, or is another thing now, is told so by a status
		return &Bye{Reason: ByeUnavailable, Reconnect: true, Cause: err}
	case TooManyRequests:
		return &Bye{Reason: ByeOverload, Reconnect: true, Cause: err}
	default:
		return &Bye{Reason: ByeInternal, Reconnect: true, Cause: err}
	}
}
