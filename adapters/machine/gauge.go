package machine

import (
	"runtime/metrics"
	"time"
)

// reading is what the runtime tells of memory.
type reading struct {
	at          time.Time
	collections uint64 // so far
	used        int64  // what was alive on the heap after the last collection, and all that is not the heap
	most        int64  // what that may be by now: what has died since then is in it, too
	held        int64  // what the process has of the system, which is what the runtime's own limit bounds
	live        int64  // what was alive on the heap after the last collection
	waste       int64  // what the process has of the system and would not need after a collection
	allocated   int64  // on the heap, so far
}

// gauge reads the runtime's metrics into memory of its own. One goroutine uses it.
type gauge struct {
	samples []metrics.Sample
}

// The metrics that are read, by their place among the samples.
const (
	collections = iota
	live
	total
	released
	objects
	unused
	free
	allocated
)

func newGauge() *gauge {
	return &gauge{[]metrics.Sample{
		collections: {Name: "/gc/cycles/total:gc-cycles"},
		live:        {Name: "/gc/heap/live:bytes"},
		total:       {Name: "/memory/classes/total:bytes"},
		released:    {Name: "/memory/classes/heap/released:bytes"},
		objects:     {Name: "/memory/classes/heap/objects:bytes"},
		unused:      {Name: "/memory/classes/heap/unused:bytes"},
		free:        {Name: "/memory/classes/heap/free:bytes"},
		allocated:   {Name: "/gc/heap/allocs:bytes"},
	}}
}

func (g *gauge) read() reading {
	metrics.Read(g.samples)
	of := func(i int) int64 { return int64(g.samples[i].Value.Uint64()) }
	held := of(total) - of(released)
	rest := held - of(objects) - of(unused) - of(free)
	return reading{
		at:          time.Now(),
		collections: g.samples[collections].Value.Uint64(),
		used:        rest + of(live),
		most:        rest + of(objects),
		held:        held,
		live:        of(live),
		waste:       of(objects) + of(unused) + of(free) - of(live),
		allocated:   of(allocated),
	}
}
