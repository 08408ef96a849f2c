package metrics

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"culvert/domain"
	"culvert/ports"
)

const modeView = "view"

// Viewer is next, counted as what edge shows.
func (m *Metrics) Viewer(edge string, next ports.Viewer) ports.Viewer {
	return &viewer{
		next:    next,
		open:    m.streams.WithLabelValues(edge, modeView),
		refused: m.refused.MustCurryWith(prometheus.Labels{"edge": edge, "mode": modeView}),
		out:     m.outgoing(edge, modeView),
		seconds: m.deliverySeconds.WithLabelValues(edge),
		slow:    m.slowOnes(edge, modeView),
	}
}

type viewer struct {
	next    ports.Viewer
	open    prometheus.Gauge
	refused *prometheus.CounterVec
	out     outgoing
	seconds prometheus.Observer
	slow    slow
}

func (v *viewer) View(ctx context.Context, view ports.View) (ports.Stream, error) {
	s, err := v.next.View(ctx, view)
	if err != nil {
		v.refused.WithLabelValues(string(domain.CodeOf(err))).Inc()
		return nil, err
	}
	v.open.Inc()
	counted := &stream{Stream: s, viewer: v, end: departure{slow: &v.slow}, opened: time.Now()}
	context.AfterFunc(ctx, func() {
		counted.viewer.open.Dec()
		counted.end.after(ctx)
	})
	return counted, nil
}

// stream counts a batch when it was written, which the next Next says, too.
type stream struct {
	ports.Stream
	viewer *viewer
	end    departure
	opened time.Time
	given  []domain.Span
}

func (s *stream) Next(ctx context.Context) (ports.Batch, error) {
	s.written()
	batch, err := s.Stream.Next(ctx)
	s.given = batch.Spans
	if err != nil {
		s.end.told(err)
	}
	return batch, err
}

func (s *stream) Poll() (ports.Batch, bool, error) {
	batch, more, err := s.Stream.Poll()
	s.given = batch.Spans
	if err != nil {
		s.end.told(err)
	}
	return batch, more, err
}

func (s *stream) Written() {
	s.written()
	s.Stream.Written()
}

// written costs the same however many messages a span has: it is called for each batch of each viewer.
func (s *stream) written() {
	messages := 0
	var oldest time.Time
	for _, span := range s.given {
		if span.Run.Gap != nil {
			s.viewer.out.gap(span.Run.Gap)
			continue
		}
		messages += span.To - span.From
		// What was in the log before the view was opened has waited for the viewer, not for us.
		if at := span.Run.AppendedAt(span.From); !at.Before(s.opened) && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	s.given = nil
	if messages == 0 {
		return
	}
	s.viewer.out.give(messages)
	if !oldest.IsZero() {
		s.viewer.seconds.Observe(time.Since(oldest).Seconds())
	}
}

// outgoing are the series of what is given to clients.
type outgoing struct {
	messages   prometheus.Counter
	all        *atomic.Int64 // as messages, of all edges and modes
	gaps, lost *prometheus.CounterVec
}

func (m *Metrics) outgoing(edge, mode string) outgoing {
	labels := prometheus.Labels{"edge": edge}
	return outgoing{
		messages: m.delivered.WithLabelValues(edge, mode),
		all:      &m.given,
		gaps:     m.gaps.MustCurryWith(labels),
		lost:     m.lost.MustCurryWith(labels),
	}
}

func (o outgoing) give(messages int) {
	o.messages.Add(float64(messages))
	o.all.Add(int64(messages))
}

func (o outgoing) gap(g *domain.Gap) {
	o.gaps.WithLabelValues(string(g.Reason)).Inc()
	if g.Lost != domain.LostUnknown {
		o.lost.WithLabelValues(string(g.Reason)).Add(float64(g.Lost))
	}
}
