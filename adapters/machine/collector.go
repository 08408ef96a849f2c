package machine

import (
	"context"
	"os"
	"runtime/debug"
	"time"
)

// Collector decides how much garbage Go lets gather, which by itself is as much as is alive. That is little where little is alive, so that a bridge through which much passes would collect many times a
// second; and what a rush has left behind would stay with a bridge that has come to rest, since that allocates too little for a collection.
type Collector struct {
	measure func() reading
	percent func(int) // nil where GOGC is set
	free    func()

	set   int     // the last percent
	last  reading // of the look before
	quiet int     // looks since anything much was allocated
}

const (
	// leastGarbage may gather however little is alive.
	leastGarbage = 64 << 20
	// The collector looks now and then; a node that allocates less than calm from one look to the next is quiet, and after a few such looks gives back what it does not need, where that is
	// more than it is worth.
	collectorLooks = time.Second
	calm           = 1 << 20
	quietLooks     = 3
	worth          = 8 << 20
)

// Go's own percent of garbage, and the most that is asked for.
const (
	usualPercent = 100
	mostPercent  = 1600
)

// NewCollector makes the collector of the process.
func NewCollector() *Collector {
	c := &Collector{measure: newGauge().read, free: debug.FreeOSMemory, set: usualPercent}
	if os.Getenv("GOGC") == "" {
		c.percent = func(n int) { debug.SetGCPercent(n) }
	}
	return c
}

// Run decides until ctx ends; then garbage is Go's matter again. Where GOGC is set that is what counts, and memory is only given back at rest. The runtime's limit of memory is kept in any case.
func (c *Collector) Run(ctx context.Context) {
	defer c.pace(usualPercent)
	ticker := time.NewTicker(collectorLooks)
	defer ticker.Stop()
	for c.last = c.measure(); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.look()
		}
	}
}

func (c *Collector) look() {
	now := c.measure()
	c.pace(percentFor(now.live))
	c.tidy(now)
}

// percentFor is the percent of what is alive that may gather.
func percentFor(live int64) int {
	return int(min(max(leastGarbage*100/max(live, 1), usualPercent), mostPercent))
}

// pace sets the percent, which stops the world for a moment: not for every small change.
func (c *Collector) pace(percent int) {
	slight := percent != usualPercent && percent != mostPercent && 4*max(percent, c.set) < 5*min(percent, c.set)
	if c.percent == nil || percent == c.set || slight {
		return
	}
	c.set = percent
	c.percent(percent)
}

// tidy gives memory back where the node is at rest.
func (c *Collector) tidy(now reading) {
	c.quiet++
	if now.allocated-c.last.allocated >= calm {
		c.quiet = 0
	}
	c.last = now
	if c.quiet == quietLooks && now.waste > worth {
		c.free()
	}
}
