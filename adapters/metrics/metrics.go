// Package metrics counts what passes through the driving ports, for Prometheus: each edge is given the services wrapped, and the services know
// nothing of it.
//
// Strangers choose the names of topics, queues, keys and clients, and each new one would be a new series for ever. So labels have values from closed sets: the edge, the mode,
// the result (a code of domain.Code, or ok), the reason of a gap or of letting a client go. The exception are the series by queue, which have the labels topic and queue, since a sum
// over all queues hides the one that stands still. They are made anew at each scrape: of the queues that this node is in, and of at most 1000 that it was in, which is what the service
// remembers; of these 1000 are shown, and how many are not is a series of its own. Nothing is kept here of a queue that the service has forgotten.
package metrics

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics holds all series of one program. Its methods may be called from any goroutine.
type Metrics struct {
	registry *prometheus.Registry

	injections      *prometheus.GaugeVec
	injected        *prometheus.CounterVec
	injectedBytes   *prometheus.CounterVec
	injectSeconds   *prometheus.HistogramVec
	streams         *prometheus.GaugeVec
	refused         *prometheus.CounterVec
	delivered       *prometheus.CounterVec
	deliverySeconds *prometheus.HistogramVec
	gaps            *prometheus.CounterVec
	lost            *prometheus.CounterVec
	settled         *prometheus.CounterVec
	redelivered     *prometheus.CounterVec
	slow            *prometheus.CounterVec

	lags *lags // nil where no queues are observed

	confirmed, given atomic.Int64
}

// Totals are how many messages brokers have confirmed and how many were given to clients, on all edges, so far.
func (m *Metrics) Totals() (confirmed, given int64) { return m.confirmed.Load(), m.given.Load() }

// New makes the series, with those of the process and the Go runtime beside them, and culvert_build_info with version as its label.
func New(version string) *Metrics {
	m := &Metrics{
		registry:        prometheus.NewRegistry(),
		injections:      gauge("injections", "Connections and requests that inject at this moment.", "edge"),
		injected:        counter("injected_messages_total", "Messages that were answered, by result: ok where the broker confirmed them, else the error's code.", "edge", "result"),
		injectedBytes:   counter("injected_bytes_total", "Payload bytes that were taken for injection.", "edge"),
		injectSeconds:   latency("inject_duration_seconds", "Time from when a message was handed over, room in its connection's window included, until its answer.", "edge"),
		streams:         gauge("streams", "Views and queue members that are open at this moment.", "edge", "mode"),
		refused:         counter("refused_streams_total", "Views and joins that could not be opened, by the error's code.", "edge", "mode", "code"),
		delivered:       counter("delivered_messages_total", "Messages that were given to clients: to viewers written, to members leased.", "edge", "mode"),
		deliverySeconds: latency("delivery_duration_seconds", "Time from when a message came into the log until it was written to a viewer, of the oldest message of each batch; what was there before the view was opened is left out.", "edge"),
		gaps:            counter("gaps_total", "Holes that were told to clients, by reason.", "edge", "reason"),
		lost:            counter("lost_messages_total", "Offsets in those holes, where their number is known.", "edge", "reason"),
		settled:         counter("settled_messages_total", "Leases that clients ended: done, or nack.", "edge", "result"),
		redelivered:     counter("redelivered_messages_total", "Messages of a queue that were given at least for the second time.", "edge"),
		slow:            counter("slow_streams_total", "Views and queue members that were let go because their clients did not keep up: they took nothing of what was written to them (write), or fell out of the live window and wanted no more then (overflow).", "edge", "mode", "reason"),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "1, with the version of this program.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(
		build,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.injections, m.injected, m.injectedBytes, m.injectSeconds,
		m.streams, m.refused, m.delivered, m.deliverySeconds, m.gaps, m.lost,
		m.settled, m.redelivered, m.slow,
	)
	return m
}

// Handler serves the series in the formats of Prometheus and OpenMetrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, Timeout: 10 * time.Second})
}

// Observe adds a gauge whose value is asked for at each scrape. read must not block. Name and help follow the customs of Prometheus; the
// program's prefix is put before the name. A name may be given once.
func (m *Metrics) Observe(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, read))
}

// Count is Observe for what only grows. By custom such a name ends in _total.
func (m *Metrics) Count(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, read))
}

// Close ends what runs in the background. Scrapes are still answered then, with the lags of queues that are known. It returns when all has ended, or with ctx's error when ctx does.
func (m *Metrics) Close(ctx context.Context) error {
	if m.lags == nil {
		return nil
	}
	return m.lags.close(ctx)
}

const namespace = "culvert"

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

// latency has buckets from half a millisecond, less than which no network gives, to 16 seconds, more than which no default deadline allows.
func latency(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help,
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
	}, labels)
}
