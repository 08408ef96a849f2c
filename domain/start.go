package domain

import (
	"strconv"
	"strings"
	"time"
)

// Start says where reading a topic begins. The zero Start is the end as of now.
type Start struct {
	kind   startKind
	last   int64
	time   time.Time
	vector *Vector
}

type startKind uint8

const (
	startLatest startKind = iota
	startEarliest
	startLast
	startTime
	startVector
)

// StartLatest begins at the end as of now: only what comes after is read.
func StartLatest() Start { return Start{} }

// StartEarliest begins at the first message that the broker still has.
func StartEarliest() Start { return Start{kind: startEarliest} }

// StartLast begins n offsets before the end of each partition.
func StartLast(n int64) Start { return Start{kind: startLast, last: n} }

// StartTime begins at the first message of each partition with time t or later.
func StartTime(t time.Time) Start { return Start{kind: startTime, time: t} }

// StartVector begins at the places of v, partition by partition.
func StartVector(v *Vector) Start {
	if v.Last > 0 {
		return StartLast(v.Last)
	}
	return Start{kind: startVector, vector: v}
}

// Latest reports whether reading begins at the end as of now.
func (s Start) Latest() bool { return s.kind == startLatest }

// Earliest reports whether reading begins at the first message there is.
func (s Start) Earliest() bool { return s.kind == startEarliest }

// Last is how many offsets before the end reading begins, and whether s says so.
func (s Start) Last() (int64, bool) { return s.last, s.kind == startLast }

// Time is the time at which reading begins, and whether s says so.
func (s Start) Time() (time.Time, bool) { return s.time, s.kind == startTime }

// Vector holds the places at which reading begins, nil where s does not say so.
func (s Start) Vector() *Vector { return s.vector }

// ParseFrom reads `from`: latest, earliest, -N, @RFC3339, @unix-ms, @-15m, or a cursor. One of the two results counts: the cursor where it
// is not nil. now is what relative times are measured from. What cannot be read is an InvalidRequest or InvalidCursor error.
func ParseFrom(s string, now time.Time) (Start, *Cursor, error) {
	switch {
	case s == "latest":
		return StartLatest(), nil, nil
	case s == "earliest":
		return StartEarliest(), nil, nil
	case strings.HasPrefix(s, "@"):
		t, err := parseTime(s[1:], now)
		return StartTime(t), nil, err
	case strings.HasPrefix(s, "-") && len(s) < 20:
		if n, err := strconv.ParseInt(s[1:], 10, 64); err == nil && n >= 0 {
			return StartLast(n), nil, nil
		}
	case s != "":
		if c, err := ParseCursor(s); err == nil || looksLikeCursor(s) {
			return Start{}, &c, err
		}
	}
	return Start{}, nil, Errorf(InvalidRequest, "from=%q is none of latest, earliest, -N (the last N), @2026-01-02T15:04:05Z, @1767366245000 (unix ms), @-15m, or a cursor", shorten(s))
}

// looksLikeCursor tells a damaged cursor from a word that was never one.
func looksLikeCursor(s string) bool { return len(s) >= 24 }

func parseTime(s string, now time.Time) (time.Time, error) {
	if strings.HasPrefix(s, "-") {
		if d, err := time.ParseDuration(s[1:]); err == nil && d >= 0 {
			return now.Add(-d), nil
		}
	} else if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.UnixMilli(ms).UTC(), nil
	} else if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	return time.Time{}, Errorf(InvalidRequest, "@%s is no time: give @2026-01-02T15:04:05Z, @1767366245000 (unix ms) or @-15m", shorten(s))
}

func shorten(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// VectorAt is the place of a stream that could not be opened at now: who comes back with it misses nothing that
// came after now, nor what s asked for from before it.
func (s Start) VectorAt(now time.Time) *Vector {
	switch s.kind {
	case startEarliest:
		return &Vector{}
	case startLast:
		if s.last > 0 {
			return &Vector{Last: s.last}
		}
	case startTime:
		return &Vector{Since: s.time}
	case startVector:
		return s.vector
	}
	return &Vector{Since: now}
}

// Equal reports whether both say the same.
func (s Start) Equal(t Start) bool {
	if s.kind != t.kind || s.kind == startVector && !s.vector.Equal(t.vector) {
		return false
	}
	return s.last == t.last && s.time.Equal(t.time)
}
