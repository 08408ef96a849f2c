package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Start listens and serves, and returns when it does. What it serves goes on after ctx has ended, until Stop.
func (a *App) Start(ctx context.Context) error {
	for _, l := range a.listeners() {
		if err := l.listen(ctx); err != nil {
			return errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
		}
	}
	a.greet(ctx)
	for _, l := range a.listeners() {
		// Ends when Stop stops the listener, or the listener breaks, which ends Run.
		go func() { a.failed <- l.serve() }()
	}
	a.watch()
	a.demo.begin(a)
	a.ready.Store(true)
	attributes := []any{slog.String("url", a.URL()), slog.String("broker", a.cfg.Broker), slog.String("version", a.version)}
	if a.admin != nil {
		attributes = append(attributes, slog.String("admin", a.AdminURL()))
	}
	a.log.Info("listening", attributes...)
	a.fitted()
	return nil
}

// greet connects to the brokers before clients are let in. Thousands, cut off when the bridge died, come back at once, and would keep it so busy that logging in takes longer than it may. It waits
// no longer than a ping may take: a broker that cannot be reached is no reason not to start.
func (a *App) greet(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := a.routed.Ping(ctx); err != nil {
		a.log.Debug("not all brokers can be reached yet", slog.Any("error", err))
	}
}

// Run starts, calls started, serves until ctx ends or a listener breaks, and stops within the configured time-out. It returns nil when it was ctx that ended it.
func (a *App) Run(ctx context.Context, started func()) error {
	if err := a.Start(ctx); err != nil {
		return err
	}
	started()
	var broken error
	select {
	case <-ctx.Done():
	case broken = <-a.failed:
	}
	if err := a.Stop(context.WithoutCancel(ctx)); err != nil {
		a.log.Warn("not everything could be brought to its end", slog.Any("error", err))
	}
	return broken
}

// URL is how a program on this machine reaches the started bridge, without a slash at its end.
func (a *App) URL() string { return a.public.url() }

// AdminURL is the same of the operators' listener; empty where there is none.
func (a *App) AdminURL() string {
	if a.admin == nil {
		return ""
	}
	return a.admin.url()
}

func (a *App) listeners() []*listener {
	if a.admin == nil {
		return []*listener{a.public}
	}
	return []*listener{a.public, a.admin}
}

// Stop ends the bridge in order: it is not ready any more; queues give nothing more, while clients still settle what they have, and what was injected
// is answered; streams and sockets say goodbye; the public listener closes, then the brokers, and last the operators' listener. It returns when all is done, or
// when ctx or the configured time-out ends: what is not done then is cut off, and the error joins what that was.
func (a *App) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Shutdown.Timeout)
	defer cancel()
	clients, cancelClients := context.WithTimeout(ctx, a.cfg.Shutdown.forClients())
	defer cancelClients()
	brokers, cancelBrokers := context.WithTimeout(ctx, a.cfg.Shutdown.forBrokers())
	defer cancelBrokers()
	defer a.unwatch()
	a.demo.end()

	a.ready.Store(false)
	problems := []error{
		a.step(clients, "queues and injections", a.queues.Drain, a.injector.Drain, a.metrics.Close),
		a.step(clients, "streams and sockets", a.viewer.Drain, a.streams.Drain, a.requests.Drain, a.sockets.Drain),
		a.step(clients, "public listener", a.public.stop),
		a.step(brokers, "brokers", a.routed.Close),
	}
	if a.admin != nil {
		problems = append(problems, a.step(ctx, "admin listener", a.admin.stop))
	}
	return errors.Join(problems...)
}

// step stops things at the same time, so that a client that holds up one of them holds up no other.
func (a *App) step(ctx context.Context, what string, stops ...func(context.Context) error) error {
	begun := time.Now()
	stopped := make(chan error, len(stops))
	for _, stop := range stops {
		// Ends when stop does, which is bounded by ctx.
		go func() { stopped <- stop(ctx) }()
	}
	var problems []error
	for range stops {
		problems = append(problems, <-stopped)
	}
	a.log.Debug("stopped", slog.String("what", what), slog.Duration("took", time.Since(begun)))
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("stopping the %s: %w", what, err)
	}
	return nil
}
