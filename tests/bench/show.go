package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	"culvert/tests/bench/drive"
)

// payloadSize is how long a message is unless the work says otherwise.
const payloadSize = 100

// show is a system at work: who publishes to it, and who is shown that.
type show struct {
	stage   *Stage
	process *Process
	source  *drive.Source
	crowd   *drive.Crowd
}

// round is what a contender does once.
type round = func(ctx context.Context) (Values, error)

func newShow(s *Stage, o *source) (*show, error) {
	messages, err := drive.NewSource(o.publisher, o.streams, payloadSize)
	return &show{stage: s, process: o.process, source: messages}, err
}

// seat opens viewers for what the show's source publishes. They leave with the work, or when they are let go.
func (w *show) seat(ctx context.Context, dialect drive.Dialect, audience drive.Audience) (leave func(), err error) {
	audience.Seen = w.source.Sent()
	w.crowd, err = drive.Open(ctx, w.process.Host, dialect, audience)
	if err != nil {
		return nil, err
	}
	return w.crowd.Close, nil
}

// play does a load and gives its figures.
func (w *show) play(ctx context.Context, load drive.Load) (Values, error) {
	var values Values
	return values, w.stage.profiled(ctx, w.process, load.For, func() (err error) {
		values, err = w.measure(ctx, load)
		return err
	})
}

func (w *show) measure(ctx context.Context, load drive.Load) (Values, error) {
	allocated, err := allocationsOf(ctx, w.process)
	if err != nil {
		return nil, err
	}
	var server, client meter
	if err := server.start(w.process.pid); err != nil {
		return nil, err
	}
	if err := client.start(os.Getpid()); err != nil {
		return nil, err
	}
	did, err := w.crowd.Run(ctx, w.source, load)
	if err != nil {
		return nil, err
	}
	deliveries := float64(did.Deliveries)
	if deliveries == 0 {
		return nil, fmt.Errorf("nothing was delivered in %s", did.Took)
	}
	served, err := server.read()
	if err != nil {
		return nil, err
	}
	drove, err := client.read()
	if err != nil {
		return nil, err
	}
	values := Values{
		cpu.Name: micros(served) / deliveries, clientCPU.Name: micros(drove) / deliveries, messageCPU.Name: micros(served) / float64(did.Messages),
		rate.Name: deliveries / did.Took.Seconds(), batch.Name: deliveries / float64(did.Reads), frame.Name: float64(did.Bytes) / deliveries,
	}
	if w.process.Admin != "" {
		all, err := allocationsOf(ctx, w.process)
		if err != nil {
			return nil, err
		}
		values[allocations.Name] = float64(all-allocated) / deliveries
	}
	if did.Latency != nil {
		values[p50.Name], values[p99.Name] = micros(did.Latency.Quantile(0.5)), micros(did.Latency.Quantile(0.99))
	}
	return values, nil
}

// What shows measure.
var (
	cpu        = Figure{"CPU a delivery", "µs"}
	messageCPU = Figure{"CPU a message", "µs"}
	rate       = Figure{"deliveries", "1/s"}
	batch      = Figure{"messages a read", ""}
	frame      = Figure{"on the wire a delivery", "bytes"}
	clientCPU  = Figure{"the viewers' CPU a delivery", "µs"}
	// allocations have in them what telling of them costs, which a round of a second makes little.
	allocations = Figure{"allocations a delivery", ""}
	p50         = Figure{"p50, publish to socket", "µs"}
	p99         = Figure{"p99, publish to socket", "µs"}
)

// meter measures the processor time of a process.
type meter struct {
	pid    int
	before time.Duration
}

func (m *meter) start(pid int) (err error) {
	m.pid = pid
	m.before, err = drive.CPU(pid)
	return err
}

func (m *meter) read() (time.Duration, error) {
	after, err := drive.CPU(m.pid)
	return after - m.before, err
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
