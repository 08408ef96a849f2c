package machine

import (
	"context"
	"runtime/debug"
	"slices"
	"testing"
	"testing/synctest"
)

// watched is a collector over readings that a test sets.
type watched struct {
	now     reading
	percent []int
	freed   int
}

func (w *watched) collector() *Collector {
	return &Collector{
		measure: func() reading { return w.now },
		percent: func(n int) { w.percent = append(w.percent, n) },
		free:    func() { w.freed++ },
		set:     usualPercent,
	}
}

func TestCollectorLetsGarbageGatherWhereLittleIsAlive(t *testing.T) {
	var w watched
	c := w.collector()
	for _, live := range []int64{1 << 20, 16 << 20, 17 << 20, 300 << 20} { // from the second to the third is too small a change
		w.now.live = live
		c.look()
	}
	if want := []int{mostPercent, 400, usualPercent}; !slices.Equal(w.percent, want) {
		t.Fatalf("percents %v, want %v", w.percent, want)
	}
}

func TestCollectorLeavesGarbageToGoAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watched{now: reading{live: 1 << 20}}
		ctx, stop := context.WithTimeout(t.Context(), 2*collectorLooks)
		defer stop()
		w.collector().Run(ctx)
		if want := []int{mostPercent, usualPercent}; !slices.Equal(w.percent, want) {
			t.Fatalf("percents %v, want %v", w.percent, want)
		}
	})
}

func TestCollectorHeedsGOGC(t *testing.T) {
	t.Setenv("GOGC", "50")
	w := watched{now: reading{live: 1 << 20}}
	c := NewCollector()
	c.measure = func() reading { return w.now }
	before := debug.SetGCPercent(50)
	defer debug.SetGCPercent(before)
	c.look()
	if got := debug.SetGCPercent(50); got != 50 {
		t.Fatalf("the percent was set to %d over GOGC=50", got)
	}
}

func TestCollectorGivesMemoryBackAtRestOnce(t *testing.T) {
	var w watched
	c := w.collector()
	looks := func(n int) {
		for range n {
			c.look()
		}
	}
	rush := func(waste int64) {
		w.now.allocated, w.now.waste = w.now.allocated+100<<20, waste
		c.look()
	}
	rush(100 << 20)
	looks(quietLooks - 1)
	rush(100 << 20)
	looks(quietLooks - 1)
	if w.freed != 0 {
		t.Fatal("memory was given back before the node was at rest")
	}
	looks(5)
	if w.freed != 1 {
		t.Fatalf("memory was given back %d times at one rest, want once", w.freed)
	}
	rush(worth)
	looks(5)
	if w.freed != 1 {
		t.Fatal("memory was given back that is not worth it")
	}
}
