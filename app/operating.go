package app

import (
	"cmp"
	"context"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"culvert/adapters/edge/admin"
	"culvert/adapters/machine"
	"culvert/domain"
)

// node tells operators of the App. It is the admin.Node.
type node struct {
	*App
	started time.Time
	rates   rates
	health  brokersHealth
}

// Info implements admin.Node.
func (n *node) Info() admin.Info {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	info := admin.Info{Version: n.version, Started: admin.Time{Time: n.started}, Node: host, URL: n.URL(), Demo: n.demo != nil}
	for _, name := range n.cfg.usedBrokers() {
		info.Brokers = append(info.Brokers, admin.Kind{Name: name, Kind: n.kindOf(name)})
	}
	return info
}

// kindOf is the kind of a broker that is used.
func (n *node) kindOf(broker string) string {
	cluster, err := n.cfg.cluster(broker)
	if err != nil {
		return "unknown" // which Validate has refused
	}
	return cluster.Kind
}

// Brokers implements admin.Node.
func (n *node) Brokers(ctx context.Context) []admin.BrokerHealth {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	all := n.health.look(n.routed.Health(ctx), time.Now())
	for i := range all {
		all[i].Kind.Kind = n.kindOf(all[i].Name)
	}
	return all
}

// Health implements admin.Node.
func (n *node) Health(ctx context.Context) admin.Health {
	health := admin.Health{
		Ready:       n.ready.Load() && n.memory.Load() == machine.Light,
		Uptime:      time.Since(n.started).Round(time.Millisecond).Seconds(),
		Brokers:     n.Brokers(ctx),
		Memory:      admin.Memory{Heap: machine.Heap(), Overloaded: n.memory.Load() != machine.Light},
		Goroutines:  runtime.NumGoroutine(),
		Connections: admin.ConnectionCount{Limit: n.cfg.Limits.Connections},
		Rates:       n.rates.now(),
	}
	for _, broker := range health.Brokers {
		health.Ready = health.Ready && broker.Reachable
	}
	if limit := n.memory.Limit(); limit != machine.NoLimit {
		health.Memory.Limit = &limit
	}
	if open, known := machine.OpenDescriptors(); known {
		health.Descriptors.Open = &open
	}
	if limit := machine.Descriptors(); limit != 0 {
		health.Descriptors.Limit = &limit
	}
	for _, s := range n.servers {
		health.Connections.Open += s.Connections()
	}
	return health
}

// Settings implements admin.Node.
func (n *node) Settings() []admin.Setting { return n.cfg.settings() }

// brokersHealth remembers since when brokers are as they are found to be. The zero brokersHealth has found nothing.
type brokersHealth struct {
	mu    sync.Mutex // guards found
	found map[string]admin.BrokerHealth
}

// look takes what came of asking all brokers, at now, and tells of them by their names.
func (h *brokersHealth) look(asked map[string]error, now time.Time) []admin.BrokerHealth {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.found == nil {
		h.found = make(map[string]admin.BrokerHealth, len(asked))
	}
	for name, err := range asked {
		before, known := h.found[name]
		is := admin.BrokerHealth{Kind: admin.Kind{Name: name}, Reachable: err == nil, Since: admin.Time{Time: now}}
		if known && before.Reachable == is.Reachable {
			is.Since = before.Since
		}
		if err != nil {
			detail := err.Error()
			is.Detail = &detail
		}
		h.found[name] = is
	}
	return slices.SortedFunc(maps.Values(h.found), func(a, b admin.BrokerHealth) int { return cmp.Compare(a.Name, b.Name) })
}

// rates are what came and went over the last seconds. They are looked at once a second, so that counting costs no more than it does for the metrics.
type rates struct {
	in, out, bytes domain.Rate
}

// totals are what came and went so far.
type totals struct {
	in, out, bytes int64
}

func (r *rates) now() admin.Rates {
	now := time.Now()
	return admin.Rates{In: r.in.PerSecond(now), Out: r.out.PerSecond(now), BytesOut: r.bytes.PerSecond(now)}
}

// watch looks until ctx ends.
func (r *rates) watch(ctx context.Context, look func() totals) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	last := look()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			is := look()
			r.in.Add(int(is.in-last.in), now)
			r.out.Add(int(is.out-last.out), now)
			r.bytes.Add(int(is.bytes-last.bytes), now)
			last = is
		}
	}
}

func (a *App) totals() totals {
	in, out := a.metrics.Totals()
	return totals{in: in, out: out, bytes: a.connections.Bytes()}
}
