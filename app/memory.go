package app

import (
	"context"
	"log/slog"

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

// watch begins to watch memory, until unwatch.
func (a *App) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	watched := make(chan struct{})
	// Ends with ctx, which unwatch ends.
	go func() {
		defer close(watched)
		a.memory.Watch(ctx)
	}()
	a.unwatch = func() {
		cancel()
		<-watched
	}
}
