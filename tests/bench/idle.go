package bench

import (
	"context"
	"fmt"
	"time"

	"culvert/tests/bench/drive"
)

// What viewers cost to whom nothing is sent.
var (
	resident   = Figure{"resident memory a viewer", "KiB"}
	share      = Figure{"share of a processor", "%"}
	heartbeats = Figure{"heartbeats", "1/s"}
)

// idle are viewers of a topic in which nothing happens.
func idle() (works []Work) {
	for _, c := range []struct {
		form form
		most float64
	}{{sse(), 12}, {raw(), 16}} {
		works = append(works, Work{
			Name:    fmt.Sprintf("%s idle viewers, %s", thousands(idleViewers), c.form.name),
			Rounds:  1,
			Figures: []Figure{resident},
			Targets: []Target{{Contender: "culvert", Figure: resident.Name, Most: c.most}},
			Open: func(ctx context.Context, s *Stage) ([]Contender, error) {
				return s.residents(ctx, c.form)
			},
		})
	}
	for _, f := range []form{sse(), raw()} {
		works = append(works, Work{
			Name:    "heartbeats of 20,000 idle viewers, " + f.name,
			Long:    f.frames,
			Rounds:  1,
			Figures: []Figure{share, heartbeats},
			Targets: []Target{{Contender: "culvert", Figure: share.Name, Most: 2}},
			Open: func(ctx context.Context, s *Stage) ([]Contender, error) {
				return s.pulses(ctx, f)
			},
		})
	}
	return works
}

const idleViewers = 5000

// residents measures what viewers are in memory.
func (s *Stage) residents(ctx context.Context, f form) ([]Contender, error) {
	p, err := s.Culvert()
	if err != nil {
		return nil, err
	}
	naive, err := s.System("naive")
	if err != nil {
		return nil, err
	}
	return []Contender{
		{"culvert", func(ctx context.Context) (Values, error) { return s.resident(ctx, p, f.culvert(s.topic())) }},
		{"naive", func(ctx context.Context) (Values, error) { return s.resident(ctx, naive, f.naive) }},
	}, ctx.Err()
}

// resident seats the first few viewers, for whom a system makes what it needs once, and then many.
func (s *Stage) resident(ctx context.Context, p *Process, dialect drive.Dialect) (Values, error) {
	first, err := drive.Open(ctx, p.Host, dialect, drive.Audience{Viewers: 100, Streams: 1})
	if err != nil {
		return nil, err
	}
	defer first.Close()
	before, err := atRest(ctx, p, first)
	if err != nil {
		return nil, err
	}
	crowd, err := drive.Open(ctx, p.Host, dialect, drive.Audience{Viewers: s.affordable(idleViewers), Streams: 1})
	if err != nil {
		return nil, err
	}
	defer crowd.Close()
	after, err := atRest(ctx, p, crowd)
	if err != nil {
		return nil, err
	}
	return Values{resident.Name: float64(after-before) / 1024 / float64(crowd.Len())}, nil
}

// atRest is how many bytes of the process are resident once it gives nothing back any more: what opening viewers has left over is collected, and goes by and by; a bridge gives it back after some three
// quiet seconds, so that more than these are waited for.
func atRest(ctx context.Context, p *Process, crowd *drive.Crowd) (int, error) {
	const (
		glance   = 500 * time.Millisecond
		patience = 5 * time.Second
		most     = 15 * time.Second
	)
	if p.Admin != "" {
		if _, err := fetch(ctx, p.Admin+"/debug/pprof/heap?gc=1"); err != nil {
			return 0, err
		}
	}
	least, err := p.Memory()
	if err != nil {
		return 0, err
	}
	start, fell := time.Now(), time.Now()
	for time.Since(fell) < patience && time.Since(start) < most {
		if _, err := crowd.Idle(ctx, glance); err != nil {
			return 0, err
		}
		memory, err := p.Memory()
		if err != nil {
			return 0, err
		}
		if memory < least-least/200 {
			least, fell = memory, time.Now()
		}
	}
	return least, nil
}

// pulses measures what it costs to break the silence of many.
func (s *Stage) pulses(ctx context.Context, f form) ([]Contender, error) {
	p, err := s.Culvert()
	if err != nil {
		return nil, err
	}
	crowd, err := drive.Open(ctx, p.Host, f.culvert(s.topic()), drive.Audience{Viewers: s.affordable(20_000), Streams: 1})
	if err != nil {
		return nil, err
	}
	s.Defer(crowd.Close)
	return []Contender{{"culvert", func(ctx context.Context) (values Values, err error) {
		if _, err := atRest(ctx, p, crowd); err != nil {
			return nil, err
		}
		// Each viewer's silence is broken once, or more often.
		period := 15 * time.Second
		if f.frames {
			period = 25 * time.Second
		}
		return values, s.profiled(ctx, p, period, func() error {
			values, err = pulse(ctx, p, crowd, period)
			return err
		})
	}}}, nil
}

func pulse(ctx context.Context, p *Process, crowd *drive.Crowd, period time.Duration) (Values, error) {
	var server meter
	if err := server.start(p.pid); err != nil {
		return nil, err
	}
	beats, err := crowd.Idle(ctx, period)
	if err != nil {
		return nil, err
	}
	served, err := server.read()
	if err == nil && beats < crowd.Len()/2 {
		err = fmt.Errorf("%d viewers were sent %d heartbeats in %s", crowd.Len(), beats, period)
	}
	return Values{share.Name: 100 * served.Seconds() / period.Seconds(), heartbeats.Name: float64(beats) / period.Seconds()}, err
}
