package bench

import (
	"context"
	"time"

	"culvert/tests/bench/drive"
)

var (
	growth = Figure{"memory at the end, beside after two minutes", "times"}
	memory = Figure{"resident memory at the end", "MiB"}
)

// steady is one long fan-out at full rate.
func steady() []Work {
	row := fanOut{form: sse(), origin: inProcess, viewers: 1000}
	return []Work{{
		Name:    "ten minutes at full rate, 1,000 viewers, SSE",
		Long:    true,
		Rounds:  1,
		Figures: []Figure{cpu, rate, allocations, memory, growth},
		Targets: []Target{
			{Contender: "culvert", Figure: growth.Name, Most: 1.1},
			{Contender: "culvert", Figure: allocations.Name, Most: 0.01},
		},
		Open: func(ctx context.Context, s *Stage) ([]Contender, error) {
			o, err := row.origin(ctx, s)
			if err != nil {
				return nil, err
			}
			w, err := newShow(s, o)
			if err != nil {
				return nil, err
			}
			leave, err := w.seat(ctx, row.form.culvert(o.topic), drive.Audience{Viewers: row.viewers, Streams: 1})
			if err != nil {
				return nil, err
			}
			s.Defer(leave)
			return []Contender{{"culvert", w.lasting}}, nil
		},
	}}
}

// lasting warms up for two minutes, and works for eight more.
func (w *show) lasting(ctx context.Context) (Values, error) {
	if _, err := w.measure(ctx, drive.Load{Window: window, For: 2 * time.Minute}); err != nil {
		return nil, err
	}
	before, err := w.process.Memory()
	if err != nil {
		return nil, err
	}
	values, err := w.play(ctx, drive.Load{Window: window, For: 8 * time.Minute})
	if err != nil {
		return nil, err
	}
	after, err := w.process.Memory()
	values[memory.Name], values[growth.Name] = float64(after)/(1<<20), float64(after)/float64(before)
	return values, err
}
