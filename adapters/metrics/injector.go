package metrics

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"culvert/domain"
	"culvert/ports"
)

// resultOK is the result of a message that the broker confirmed.
const resultOK = "ok"

// Injector is next, counted as what edge injects.
func (m *Metrics) Injector(edge string, next ports.Injector) ports.Injector {
	return &injector{
		next:    next,
		started: time.Now(),
		open:    m.injections.WithLabelValues(edge),
		answers: m.injected.MustCurryWith(prometheus.Labels{"edge": edge}),
		ok:      m.injected.WithLabelValues(edge, resultOK),
		all:     &m.confirmed,
		bytes:   m.injectedBytes.WithLabelValues(edge),
		seconds: m.injectSeconds.WithLabelValues(edge),
	}
}

type injector struct {
	next    ports.Injector
	started time.Time // what times are measured from, by the monotonic clock
	open    prometheus.Gauge
	answers *prometheus.CounterVec
	ok      prometheus.Counter
	all     *atomic.Int64 // as ok, of all edges
	bytes   prometheus.Counter
	seconds prometheus.Observer
}

func (i *injector) Open(ctx context.Context, answer func([]ports.Outcome)) ports.Injection {
	w := &injection{injector: i}
	w.next = i.next.Open(ctx, func(outcomes []ports.Outcome) {
		w.answered(outcomes)
		answer(outcomes)
	})
	i.open.Inc()
	context.AfterFunc(ctx, i.open.Dec)
	return w
}

// injection remembers when each message was put. Numbers count from 1 without a hole, so the next one is known before the answer can come.
type injection struct {
	*injector
	next ports.Injection
	last uint64 // the last number given; of the caller of Put and Reject

	mu    sync.Mutex // guards begun
	begun begun
}

func (w *injection) Put(ctx context.Context, topic domain.Topic, msg *domain.Message, id string) (uint64, error) {
	size := len(msg.Payload) // read before the message is the service's
	w.begin(w.last + 1)
	n, err := w.next.Put(ctx, topic, msg, id)
	if err != nil {
		w.forget(w.last + 1)
		return n, err
	}
	w.last = n
	w.bytes.Add(float64(size))
	return n, nil
}

func (w *injection) Reject(ctx context.Context, id string, reason error) (uint64, error) {
	n, err := w.next.Reject(ctx, id, reason)
	if err == nil {
		w.last = n
	}
	return n, err
}

func (w *injection) Send() { w.next.Send() }

func (w *injection) Flush(ctx context.Context) error { return w.next.Flush(ctx) }

func (w *injection) begin(n uint64) {
	now := time.Since(w.started)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun.add(n, now)
}

func (w *injection) forget(n uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun.take(n)
}

// answered counts outcomes. What was rejected unread has no duration.
func (w *injection) answered(outcomes []ports.Outcome) {
	now, confirmed := time.Since(w.started), 0
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range outcomes {
		o := &outcomes[i]
		if o.Err != nil {
			w.answers.WithLabelValues(string(domain.CodeOf(o.Err))).Inc()
		} else {
			confirmed++
		}
		if at, ok := w.begun.take(o.N); ok {
			w.seconds.Observe((now - at).Seconds())
		}
	}
	w.ok.Add(float64(confirmed))
	w.all.Add(int64(confirmed))
}
