package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Problem is what a bridge says of a request or a message that failed (PROTOCOL §6).
type Problem struct {
	Code      string `json:"code"`
	Title     string `json:"title"`
	Detail    string `json:"detail"`
	Retryable bool   `json:"retryable"`
	// Status is of HTTP; 0 where the problem came by WebSocket.
	Status int `json:"-"`
	// RetryAfter is how long the bridge asks to wait; 0 where it does not say.
	RetryAfter time.Duration `json:"-"`
}

// Error is the problem as the bridge said it.
func (p *Problem) Error() string {
	switch {
	case p.Code == "":
		return fmt.Sprintf("the answer is %d %s, and no bridge's", p.Status, http.StatusText(p.Status))
	case p.Detail == "":
		return p.Code + ": " + p.Title
	}
	return p.Code + ": " + p.Detail
}

// problemOf reads the problem of an answer. One that is no problem document has no code.
func problemOf(answer *http.Response) *Problem {
	p := &Problem{}
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil || json.Unmarshal(text, p) != nil || p.Code == "" {
		*p = Problem{}
		switch answer.StatusCode {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			p.Retryable = true // what stands before a bridge says so while it restarts
		}
	}
	p.Status = answer.StatusCode
	p.RetryAfter = retryAfter(answer.Header.Get("Retry-After"), time.Now())
	return p
}

// retryAfter reads the field of RFC 9110 §10.2.3: seconds or a date.
func retryAfter(field string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(field, 10, 16); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(field); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}

// Unreachable is the error of a bridge that does not answer.
type Unreachable struct {
	URL   string
	Cause error
}

// Error names the URL and what went wrong.
func (u *Unreachable) Error() string {
	return fmt.Sprintf("no bridge answers at %s: %v", u.URL, u.Cause)
}

// Unwrap gives the cause.
func (u *Unreachable) Unwrap() error { return u.Cause }

func (a *API) unreachable(err error) error {
	if inner := (*url.Error)(nil); errors.As(err, &inner) {
		err = inner.Err // the URL is told once
	}
	return &Unreachable{a.URL(), err}
}

// passing reports whether what failed with err may go well later, unchanged: no answer, a broken connection, a farewell, and problems that say so.
func passing(err error) bool {
	var p *Problem
	if errors.As(err, &p) {
		return p.Retryable
	}
	var u *Unreachable
	var b *Bye
	return errors.As(err, &u) || errors.As(err, &b) || errors.Is(err, errBroken)
}

// Bye is the error of a connection that the bridge has ended and will take up again.
type Bye struct {
	Reason string
	Retry  time.Duration // how long the bridge asks to wait; 0 where it does not say
}

// Error says why.
func (b *Bye) Error() string { return "the bridge said goodbye: " + b.Reason }

// errBroken is a connection that ended without a farewell.
var errBroken = errors.New("the connection broke")

// asked is how long the bridge asks to wait by err.
func asked(err error) time.Duration {
	var p *Problem
	if errors.As(err, &p) {
		return p.RetryAfter
	}
	var b *Bye
	if errors.As(err, &b) {
		return b.Retry
	}
	return 0
}
