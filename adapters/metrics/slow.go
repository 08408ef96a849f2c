package metrics

import (
	"context"
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"culvert/domain"
)

// slow counts streams that were let go because their clients did not keep up.
type slow struct {
	write    prometheus.Counter // they took nothing of what was written to them
	overflow prometheus.Counter // they fell out of the live window and wanted no more then
}

func (m *Metrics) slowOnes(edge, mode string) slow {
	return slow{write: m.slow.WithLabelValues(edge, mode, "write"), overflow: m.slow.WithLabelValues(edge, mode, "overflow")}
}

// departure is the end of one stream, which counts once: who was sent away for its slowness may not read that either.
type departure struct {
	slow *slow
	once sync.Once
}

// told looks at the error with which the stream ended.
func (d *departure) told(err error) {
	if isSlow(err) {
		d.once.Do(d.slow.overflow.Inc)
	}
}

// after looks at how the stream's lifetime ended: an edge that finds its client taking nothing gives that for the cause.
func (d *departure) after(ctx context.Context) {
	if isSlow(context.Cause(ctx)) {
		d.once.Do(d.slow.write.Inc)
	}
}

func isSlow(err error) bool {
	var bye *domain.Bye
	return errors.As(err, &bye) && bye.Reason == domain.ByeSlow
}
