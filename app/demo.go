package app

import (
	"context"
	"fmt"
	"log/slog"

	"culvert/app/demo"
)

// WithDemo lets the bridge fill itself with sample messages, in topics that it names in package demo. It is an option and no key of the configuration, so that no file and no variable that lies about
// puts samples among real messages; for the same reason New refuses it where any topic lives elsewhere than in the process.
func WithDemo() Option {
	return func(a *App) { a.demo = new(show) }
}

// show is the demo of one bridge. A nil one is none.
type show struct {
	stop context.CancelFunc
	over chan struct{} // closed when all of it has ended; nil before it began
}

func (s *show) fits(cfg Config) error {
	if s == nil {
		return nil
	}
	for _, name := range cfg.usedBrokers() {
		if cluster, err := cfg.cluster(name); err == nil && cluster.Kind != kindInProc {
			return fmt.Errorf("the demo needs the in-process broker for all topics, and the configuration names %s: samples have no place among real messages", name)
		}
	}
	return nil
}

func (s *show) begin(a *App) {
	if s == nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop, s.over = stop, make(chan struct{})
	services := demo.Services{Injector: a.metrics.Injector("demo", a.guard.Injector(a.injector)), Queues: a.queues}
	// Ends with ctx, which end cancels, or when it cannot go on.
	go func() {
		defer close(s.over)
		if err := demo.Run(ctx, services); err != nil {
			a.log.Warn("the demo has ended", slog.Any("error", err))
		}
	}()
}

// end returns when nothing of the demo is left.
func (s *show) end() {
	if s == nil || s.over == nil {
		return
	}
	s.stop()
	<-s.over
}
