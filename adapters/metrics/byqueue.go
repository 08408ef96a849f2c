package metrics

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"culvert/domain"
)

// maxQueues is how many queues have series of their own.
const maxQueues = 1000

// QueueStats is what this node knows of one queue that it is in, or was.
type QueueStats struct {
	Topic domain.Topic
	Queue domain.Queue
	// Standing is whether the node is in the queue. If not, there are no Members and nothing is InFlight.
	Standing bool
	Members  int
	InFlight int
	// Redelivered, DeadLetters, DeadLetterFailures and LeaseTimeouts only grow, as long as the queue is told of.
	Redelivered, DeadLetters, DeadLetterFailures, LeaseTimeouts uint64
}

// ObserveQueues adds the series by queue. stats is called at each scrape and tells of each queue once, in a slice that is ours then; it must not block. lag asks a broker how far a queue is behind,
// which is domain.LagUnknown where that is not to be had; it returns when ctx ends, and is called between scrapes, from several goroutines, until Close. ObserveQueues is
// called once, before the first scrape.
func (m *Metrics) ObserveQueues(stats func() []QueueStats, lag func(ctx context.Context, topic domain.Topic, queue domain.Queue) int64) {
	m.lags = newLags(lag)
	m.registry.MustRegister(newByQueue(stats, m.lags))
}

// byQueue collects the series with the labels topic and queue.
type byQueue struct {
	stats    func() []QueueStats
	lags     *lags
	series   []queueMetric
	lag      *prometheus.Desc // left out where it is not known
	notShown *prometheus.Desc

	mu    sync.Mutex // guards shown
	shown map[queueName]bool
}

// queueName is what tells queues apart.
type queueName struct {
	topic domain.Topic
	queue domain.Queue
}

func (q QueueStats) name() queueName { return queueName{q.Topic, q.Queue} }

// queueMetric is one of the series that each queue has.
type queueMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(QueueStats) float64
}

func newByQueue(stats func() []QueueStats, l *lags) *byQueue {
	gauge := func(name, help string, of func(QueueStats) int) queueMetric {
		return queueMetric{queueDesc(name, help), prometheus.GaugeValue, func(q QueueStats) float64 { return float64(of(q)) }}
	}
	counter := func(name, help string, of func(QueueStats) uint64) queueMetric {
		return queueMetric{queueDesc(name, help), prometheus.CounterValue, func(q QueueStats) float64 { return float64(of(q)) }}
	}
	return &byQueue{
		stats: stats,
		lags:  l,
		series: []queueMetric{
			gauge("queue_members", "Members of the queue at this node.", func(q QueueStats) int { return q.Members }),
			gauge("queue_in_flight_messages", "Messages of the queue that members at this node hold and have not settled.", func(q QueueStats) int { return q.InFlight }),
			counter("queue_redelivered_messages_total", "Messages of the queue that this node gave at least for the second time.", func(q QueueStats) uint64 { return q.Redelivered }),
			counter("queue_dead_letters_total", "Messages of the queue that went from this node to its dead-letter topic.", func(q QueueStats) uint64 { return q.DeadLetters }),
			counter("queue_dead_letter_failures_total", "Times that a message could not be written to the queue's dead-letter topic; each is tried again, and holds up its key meanwhile.", func(q QueueStats) uint64 { return q.DeadLetterFailures }),
			counter("queue_lease_timeouts_total", "Leases of the queue that ended at this node because members neither settled nor touched them in time.", func(q QueueStats) uint64 { return q.LeaseTimeouts }),
		},
		lag:      queueDesc("queue_lag_messages", "Messages between the place that the broker keeps for the queue and the topic's end, asked for within the last half minute; of queues that this node is in. It is the whole queue's, and every node that is in it shows it: take max by (topic, queue), not sum."),
		notShown: prometheus.NewDesc(prometheus.BuildFQName(namespace, "", "queues_not_shown"), "Queues that have no series of their own, because too many others have.", nil, nil),
	}
}

func queueDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, []string{"topic", "queue"}, nil)
}

// Describe implements prometheus.Collector.
func (c *byQueue) Describe(to chan<- *prometheus.Desc) {
	for _, s := range c.series {
		to <- s.desc
	}
	to <- c.lag
	to <- c.notShown
}

// Collect implements prometheus.Collector. No broker is waited for.
func (c *byQueue) Collect(to chan<- prometheus.Metric) {
	all := c.stats()
	queues := c.choose(all)
	lags := c.lags.of(queues)
	for _, q := range queues {
		topic, queue := string(q.Topic), string(q.Queue)
		for _, s := range c.series {
			to <- prometheus.MustNewConstMetric(s.desc, s.kind, s.of(q), topic, queue)
		}
		if lag, known := lags[q.name()]; known {
			to <- prometheus.MustNewConstMetric(c.lag, prometheus.GaugeValue, float64(lag), topic, queue)
		}
	}
	to <- prometheus.MustNewConstMetric(c.notShown, prometheus.GaugeValue, float64(len(all)-len(queues)))
}

// choose is which queues are shown: those that the node is in before those that it was in, and of either the ones that were shown before, so that whoever joins many new queues
// takes no series from those that are at work.
func (c *byQueue) choose(queues []QueueStats) []QueueStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortFunc(queues, func(a, b QueueStats) int {
		return cmp.Or(
			first(a.Standing, b.Standing),
			first(c.shown[a.name()], c.shown[b.name()]),
			cmp.Compare(a.Topic, b.Topic),
			cmp.Compare(a.Queue, b.Queue),
		)
	})
	queues = queues[:min(len(queues), maxQueues)]
	c.shown = make(map[queueName]bool, len(queues))
	for _, q := range queues {
		c.shown[q.name()] = true
	}
	return queues
}

// first orders what holds before what does not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}
