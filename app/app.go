// Package app puts the bridge together: configuration, brokers, services, edges, listeners; it starts them, and stops them in order.
package app

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"culvert/adapters/broker/routing"
	"culvert/adapters/edge"
	"culvert/adapters/edge/access"
	"culvert/adapters/edge/admin"
	"culvert/adapters/edge/browser"
	"culvert/adapters/edge/console"
	"culvert/adapters/edge/overload"
	"culvert/adapters/edge/rest"
	"culvert/adapters/edge/routes"
	"culvert/adapters/edge/spec"
	"culvert/adapters/edge/sse"
	"culvert/adapters/edge/ws"
	"culvert/adapters/machine"
	"culvert/adapters/metrics"
	"culvert/domain/inject"
	"culvert/domain/queue"
	"culvert/domain/subscribe"
	"culvert/ports"
)

// App is one bridge. It is made by New, and runs once: by Run, or by Start and then Stop.
type App struct {
	cfg     Config
	log     *slog.Logger
	version string

	brokers map[string]ports.Broker
	routed  *routing.Broker

	injector *inject.Service
	viewer   *subscribe.Service
	queues   *queue.Service
	streams  *sse.Edge
	requests *rest.Edge
	sockets  *ws.Edge
	metrics  *metrics.Metrics

	shares  shares
	fitted  func() // tells what had to be lowered, once the bridge listens
	memory  *machine.Memory
	guard   overload.Guard     // heeds memory
	unwatch context.CancelFunc // ends the watch on memory
	demo    *show              // nil where none is asked for

	node    node
	servers []*edge.Server
	// connections are those of all servers.
	connections *edge.Connections
	public      *listener
	admin       *listener // nil where the configuration names no address for it

	ready  atomic.Bool
	failed chan error // what ended each listener
}

// Option changes how New puts a bridge together.
type Option func(*App)

// WithBroker puts b in the place of the configured broker: a pair that carries a program's own Watermill publisher and subscriber, say. The App closes it.
func WithBroker(b ports.Broker) Option {
	return func(a *App) { a.brokers[a.cfg.Broker] = b }
}

// WithVersion is what the bridge says that it is.
func WithVersion(version string) Option {
	return func(a *App) { a.version = version }
}

// New makes a bridge of a configuration. Nothing is listened on yet, and no broker is asked for anything: one that cannot be reached is no reason not to start.
func New(cfg Config, log *slog.Logger, options ...Option) (*App, error) {
	a := &App{cfg: cfg, log: log, version: "unknown", brokers: make(map[string]ports.Broker), connections: edge.NewConnections(), failed: make(chan error, 2), unwatch: func() {}, fitted: func() {}}
	for _, option := range options {
		option(a)
	}
	if err := errors.Join(cfg.Validate(), a.demo.fits(cfg)); err != nil {
		return nil, err
	}
	a.fit(machine.Descriptors())
	a.memory = newMemory(a.cfg.Limits.MemoryBytes, log)
	a.guard = guardOf(a.memory)
	a.node = node{App: a, started: time.Now()}
	a.metrics = metrics.New(a.version)
	if err := a.makeBrokers(); err != nil {
		return nil, err
	}
	if err := errors.Join(a.makeServices(), a.makeListeners()); err != nil {
		return nil, errors.Join(err, a.routed.Close(context.Background()))
	}
	return a, nil
}

// makeServices makes the three services over all brokers.
func (a *App) makeServices() (err error) {
	if a.injector, err = inject.New(a.routed, a.cfg.Inject, a.cfg.Limits.Limits); err != nil {
		return err
	}
	if a.viewer, err = subscribe.New(a.routed, a.cfg.Subscribe); err != nil {
		return err
	}
	if a.queues, err = queue.New(a.routed, a.cfg.Queue, a.log); err != nil {
		return err
	}
	a.observe()
	return nil
}

// observe adds what the services tell of themselves to the metrics.
func (a *App) observe() {
	sum := func(of func(ports.FeedStats) float64) func() float64 {
		return func() (total float64) {
			for _, f := range a.viewer.Feeds() {
				total += of(f)
			}
			return total
		}
	}
	a.metrics.Observe("connections", "Streams and sockets that are open on all listeners.", func() (open float64) {
		for _, s := range a.servers {
			open += float64(s.Connections())
		}
		return open
	})
	a.metrics.Count("no_room_total", "Streams, sockets, subscriptions and POSTs of messages for which there was no room: limits.connections, descriptors, memory.", func() (refused float64) {
		for _, s := range a.servers {
			refused += float64(s.Refused())
		}
		return refused
	})
	a.metrics.Observe("feeds", "Topics that are read for viewers at this moment.", sum(func(ports.FeedStats) float64 { return 1 }))
	a.metrics.Observe("feed_viewers", "Viewers of all feeds.", sum(func(f ports.FeedStats) float64 { return float64(f.Viewers) }))
	a.metrics.Observe("replays", "Readers of the brokers' own logs for viewers who lack what is no longer in memory; those that wait for their turn included.", func() float64 {
		return float64(a.viewer.Replays())
	})
	a.metrics.Count("replays_total", "Such readers that have begun. Viewers who come back together share them.", func() float64 { return float64(a.viewer.ReplaysBegun()) })
	a.metrics.Observe("feed_log_messages", "Messages in the logs of all feeds.", sum(func(f ports.FeedStats) float64 { return float64(f.Messages) }))
	a.metrics.Observe("feed_log_bytes", "Memory that the logs of all feeds hold, about.", sum(func(f ports.FeedStats) float64 { return float64(f.Bytes) }))
	a.metrics.Observe("feed_lag_seconds", "How old the newest message was when it came into the log, by its broker's time; of the feed that is furthest behind.", func() (most float64) {
		for _, f := range a.viewer.Feeds() {
			most = max(most, f.Lag.Seconds())
		}
		return most
	})
	sockets := func(of func(*edge.Sockets) int64) func() float64 {
		return func() (total float64) {
			for _, l := range a.listeners() {
				total += float64(of(l.sockets))
			}
			return total
		}
	}
	a.metrics.Observe("sockets", "Connections of clients that are open on all listeners, with those that have no request.", sockets((*edge.Sockets).Open))
	a.metrics.Count("refused_sockets_total", "Connections that came when there were as many as there are descriptors for.", sockets((*edge.Sockets).Refused))
	a.metrics.Observe("overloaded", "How short memory is: 0 there is room, 1 new streams and sockets are refused, 2 messages as well.", func() float64 { return float64(a.memory.Load()) })
	a.metrics.Observe("memory_used_bytes", "Memory that is in use as limits.memory_bytes counts it: what is alive, and what is not the heap. 0 where there is no limit.", func() float64 { return float64(a.memory.Used()) })
	a.metrics.ObserveQueues(a.queueStats, a.queueLag)
}

// makeListeners makes the edges, once, and a server for each address to serve them.
func (a *App) makeListeners() (err error) {
	const onSSE, onWS, onREST = "sse", "ws", "rest"
	events, requests, sockets := a.cfg.SSE, a.cfg.REST, a.cfg.WS
	events.Drain, requests.Drain, sockets.Drain = a.cfg.Shutdown.Drain, a.cfg.Shutdown.Drain, a.cfg.Shutdown.Drain
	writers := edge.NewWriters(a.log)
	m, strangers := a.metrics, access.Closed(a.routed.Closed)
	injector, viewer, queues := strangers.Injector(a.guard.Injector(a.injector)), strangers.Viewer(a.viewer), strangers.Queues(a.queues)
	if a.streams, err = sse.New(m.Viewer(onSSE, viewer), m.Queues(onSSE, queues), writers, events, a.cfg.Limits.Limits, a.log); err != nil {
		return err
	}
	if a.requests, err = rest.New(m.Injector(onREST, injector), strangers.Topics(a.routed), m.Queues(onREST, queues), strangers.QueueAdmin(a.queues), requests, a.cfg.Limits.Limits); err != nil {
		return err
	}
	if a.sockets, err = ws.New(m.Injector(onWS, injector), m.Viewer(onWS, viewer), m.Queues(onWS, queues), writers, sockets, a.cfg.Limits.Limits, a.log); err != nil {
		return err
	}
	descriptions, err := spec.New(a.cfg.Limits.Limits)
	if err != nil {
		return err
	}
	own, err := routes.New(a.cfg.Routes, a.cfg.Limits.Limits)
	if err != nil {
		return err
	}
	public, err := a.server(a.cfg.Listen, a.cfg.Limits.Connections, a.streams, a.requests, a.sockets, browser.Edge{}, descriptions, own)
	if err != nil {
		return err
	}
	certificate, err := a.certificate("http.tls", a.cfg.HTTP.TLS)
	if err != nil {
		return err
	}
	a.public = newListener("listen", a.cfg.Listen, public.Handler(), a.cfg, certificate, a.held("listen", a.shares.public), a.log)
	if a.cfg.Admin.Listen == "" {
		return nil
	}
	page, err := console.New()
	if err != nil {
		return err
	}
	running, err := admin.New(admin.Services{Node: &a.node, Topics: strangers.Topics(a.routed), Queues: strangers.QueueAdmin(a.queues), Feeds: a.viewer, Connections: a.connections}, a.cfg.Limits.Limits)
	if err != nil {
		return err
	}
	operators, err := a.server(a.cfg.Admin.Listen, min(a.cfg.Limits.Connections, a.shares.operators), a.streams, a.requests, a.sockets, browser.Edge{}, descriptions, page, running, access.Operators{})
	if err != nil {
		return err
	}
	if certificate, err = a.certificate("admin.tls", a.cfg.Admin.TLS); err != nil {
		return err
	}
	a.admin = newListener("admin.listen", a.cfg.Admin.Listen, a.operate(operators.Handler()), a.cfg, certificate, a.held("admin.listen", a.shares.operators), a.log)
	return nil
}

// certificate is what a section of the configuration names; nil where it names nothing.
func (a *App) certificate(section string, files edge.TLS) (*edge.Certificate, error) {
	if !files.Enabled() {
		return nil, nil
	}
	return edge.LoadCertificate(section, files, a.log)
}

// server is an edge server for one address. Each has room of its own for so many streams and sockets, so that strangers cannot lock operators out.
func (a *App) server(address string, connections int, routes ...edge.Routes) (*edge.Server, error) {
	cfg, limits := a.cfg.HTTP.Config, a.cfg.Limits.Limits
	cfg.Listen, limits.Connections = address, connections
	s, err := edge.New(cfg, limits, a.log)
	if err != nil {
		return nil, err
	}
	s.Mount(routes...)
	s.Heed(a.guard)
	s.Show(a.connections)
	a.servers = append(a.servers, s)
	return s, nil
}
