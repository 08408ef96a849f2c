package machine

import (
	"context"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// Load is how near memory is to its limit.
type Load int32

// The loads, each with all of the one before it.
const (
	// Light: there is room.
	Light Load = iota
	// Heavy: what is begun now may not find the room that it needs.
	Heavy
	// Full: what is under way needs the room that there is.
	Full
)

// String is the word for l.
func (l Load) String() string {
	return [...]string{"light", "heavy", "full"}[l]
}

// What of the limit makes memory heavy and full, and how much less makes it lighter again. What lies above full is for what is under way, and for the collector: the less room it has, the more often
// it runs.
const (
	heavyAt = 0.75
	fullAt  = 0.85
	easing  = 0.10
)

const (
	// look is how often memory is measured.
	look = 100 * time.Millisecond
	// How soon after the last collection another one is made to learn what is alive: whether there is less room than is known, or more, for which a node at rest would ask for ever.
	less = 200 * time.Millisecond
	more = time.Second
	// rest is how many times as long as a collection took none is made, since collecting takes from all else.
	rest = 20
)

// Memory watches how much memory is in use. Its methods may be called from any goroutine.
type Memory struct {
	limit   int64
	by      string
	log     *slog.Logger
	measure func() reading
	load    atomic.Int32
	used    atomic.Int64
}

// NewMemory makes a watch that nobody keeps yet. limit may be NoLimit; by is who says so, for the log.
func NewMemory(limit int64, by string, log *slog.Logger) *Memory {
	return &Memory{limit: limit, by: by, log: log, measure: newGauge().read}
}

// Load is the load as it was last measured. It costs next to nothing.
func (m *Memory) Load() Load { return Load(m.load.Load()) }

// Used is how many bytes were in use when that was last measured: what is alive on the heap, and all that is not the heap.
func (m *Memory) Used() int64 { return m.used.Load() }

// Limit is how many bytes the process shall have, or NoLimit.
func (m *Memory) Limit() int64 { return m.limit }

// Watch makes the runtime keep to the limit as far as it can, and measures, until ctx ends; then the runtime's limit is what it was before. Without a limit it returns at once.
func (m *Memory) Watch(ctx context.Context) {
	if m.limit == NoLimit {
		return
	}
	m.log.LogAttrs(ctx, slog.LevelInfo, "memory is limited", slog.Int64("bytes", m.limit), slog.String("by", m.by))
	before := debug.SetMemoryLimit(m.limit)
	defer debug.SetMemoryLimit(before)
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	last := m.measure() // the first one after the last collection
	var pause time.Duration
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := m.measure()
		if now.collections != last.collections {
			last = now
		}
		m.judge(now)
		if now.at.Sub(last.at) >= max(m.patience(now), pause) {
			runtime.GC()
			pause = rest * time.Since(now.at)
		}
	}
}

// patience is how long after the last collection the load is believed to be what it was then. Only another collection tells that there is room again, which a process with nothing to do would make only
// minutes later, or that there is none any more.
func (m *Memory) patience(now reading) time.Duration {
	switch load := m.Load(); {
	case weigh(load, float64(now.most)/float64(m.limit)) > load:
		return less
	case load > Light:
		return more
	}
	return math.MaxInt64
}

// judge takes a reading, and tells the log where it makes another load.
func (m *Memory) judge(now reading) {
	m.used.Store(now.used)
	before := m.Load()
	load := weigh(before, float64(now.used)/float64(m.limit))
	if now.held > m.limit+m.limit/20 {
		load = Full // the collector has lost, whatever was alive when it last ran
	}
	if load == before {
		return
	}
	m.load.Store(int32(load))
	facts := []slog.Attr{slog.String("load", load.String()), slog.Int64("used", now.used), slog.Int64("limit", m.limit)}
	if load > before {
		m.log.LogAttrs(context.Background(), slog.LevelWarn, "memory is short: new work is refused", facts...)
	} else {
		m.log.LogAttrs(context.Background(), slog.LevelInfo, "memory is less short", facts...)
	}
}

// weigh is the load of a share of the limit. A load that was reached is left only when the share is well below where it began, so that it does not come and go with each collection.
func weigh(before Load, share float64) Load {
	switch {
	case share >= fullAt, before == Full && share >= fullAt-easing:
		return Full
	case share >= heavyAt, before >= Heavy && share >= heavyAt-easing:
		return Heavy
	}
	return Light
}
