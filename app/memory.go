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

// watch begins to watch memory and its garbage, until unwatch.
func (a *App) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	var watches sync.WaitGroup
	watches.Go(func() { a.memory.Watch(ctx) }) // both end with ctx, which unwatch ends
	watches.Go(func() { machine.NewCollector().Run(ctx) })
	a.unwatch = func() {
		cancel()
		watches.Wait()
	}
}
