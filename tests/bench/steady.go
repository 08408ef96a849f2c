package bench

import (
	"context"
	"slices"
	"time"

	"culvert/tests/bench/drive"
)

var (
	growth = Figure{"most memory in the last two minutes, beside the third and fourth", "times"}
	memory = Figure{"most resident memory in the last two minutes", "MiB"}
)

// Ten minutes are so many slices, of which the first are not looked at: what is kept of a topic fills in them.
const (
	slice     = 5 * time.Second
	slicesAll = int(10 * time.Minute / slice)
	slicesTwo = int(2 * time.Minute / slice)
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

// lasting works slice by slice. Its figures are the medians of those of slices, but for memory, of which the most counts.
func (w *show) lasting(ctx context.Context) (Values, error) {
	rounds, resident := make(map[string][]float64), make([]float64, 0, slicesAll)
	for i := range slicesAll {
		values, err := w.measure(ctx, drive.Load{Window: window, For: slice})
		if err != nil {
			return nil, err
		}
		bytes, err := w.process.Memory()
		if err != nil {
			return nil, err
		}
		if resident = append(resident, float64(bytes)); i < slicesTwo {
			continue
		}
		for name, v := range values {
			rounds[name] = append(rounds[name], v)
		}
	}
	early, late := slices.Max(resident[slicesTwo:2*slicesTwo]), slices.Max(resident[slicesAll-slicesTwo:])
	values := Values{memory.Name: late / (1 << 20), growth.Name: late / early}
	for name, v := range rounds {
		values[name] = median(v)
	}
	return values, nil
}
