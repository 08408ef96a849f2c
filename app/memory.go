package app

import (
	"context"
	"log/slog"
	"sync"

	"culvert/adapters/edge/overload"
	"culvert/adapters/machine"
)

// newMemory makes the watch on memory.
func newMemory(configured int, log *slog.Logger) *machine.Memory {
	limit, by := machine.MemoryLimit(configured)
	return machine.NewMemory(limit, by, log)
}

// guardOf refuses what m has no room for.
func guardOf(m *machine.Memory) overload.Guard {
	return overload.Guard{
		Streams:  func() bool { return m.Load() >= machine.Heavy },
		Messages: func() bool { return m.Load() >= machine.Full },
	}
}

// watch begins to watch memory and its garbage, and what comes and goes, until unwatch.
func (a *App) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	var watches sync.WaitGroup
	watches.Go(func() { a.memory.Watch(ctx) }) // all end with ctx, which unwatch ends
	watches.Go(func() { machine.NewCollector().Run(ctx) })
	watches.Go(func() { a.node.rates.watch(ctx, a.totals) })
	a.unwatch = func() {
		cancel()
		watches.Wait()
	}
}
