package domain

import (
	"strings"
	"time"
)

// Stop says where reading topics ends. One of its fields is set.
type Stop struct {
	// Latest is the end as of when the reading begins.
	Latest bool
	// Time ends a partition at its first message of this time or later, or when the clock passes it.
	Time time.Time
	// Cursor ends each partition at its place; one that is pending there ends at that time.
	Cursor *Cursor
}

// ParseTo reads `to`: latest, @RFC3339, @unix-ms, @-15m, or a cursor. now is what relative times are measured from. What cannot be read is an
// InvalidRequest or InvalidCursor error.
func ParseTo(s string, now time.Time) (Stop, error) {
	switch {
	case s == "latest":
		return Stop{Latest: true}, nil
	case strings.HasPrefix(s, "@"):
		t, err := parseTime(s[1:], now)
		return Stop{Time: t}, err
	case s != "":
		if c, err := ParseCursor(s); err == nil || looksLikeCursor(s) {
			return Stop{Cursor: &c}, err
		}
	}
	return Stop{}, Errorf(InvalidRequest, "to=%q is none of latest, @2026-01-02T15:04:05Z, @1767366245000 (unix ms), @-15m, or a cursor", shorten(s))
}
