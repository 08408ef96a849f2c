package bench

import (
	"context"
	"fmt"
	"math"
	"time"

	"culvert/tests/bench/drive"
	"culvert/tests/bench/system"
)

// fanOut is a work in which all viewers are shown all messages.
type fanOut struct {
	form    form
	origin  origin
	viewers int
	load    drive.Load
	beside  []string // the contenders beside Culvert, by their names in package system
	// anew is whether viewers are seated for each round and leave behind it: there are too many to have those of all contenders at a time.
	anew bool
}

// window is how many messages are under way in a closed loop.
const window = 64

// warmUp is what a contender does before it is measured.
var warmUp = drive.Load{Window: window, For: 200 * time.Millisecond}

// closedLoop is how a fan-out is measured that is not about time.
func (r fanOut) closedLoop(name string, most float64) Work {
	r.load = drive.Load{Window: window, For: 700 * time.Millisecond}
	return Work{
		Name:      fmt.Sprintf("%s, %s viewers, %s", name, thousands(r.viewers), r.form.name),
		Yardstick: "coalesce",
		Figures:   []Figure{cpu, rate, batch, frame, allocations, clientCPU},
		Targets:   []Target{{Contender: "culvert", Figure: cpu.Name, Most: most, Of: "coalesce"}},
		Open:      r.open,
	}
}

// fanOuts are the closed loops.
func fanOuts() (works []Work) {
	for _, f := range []form{sse(), raw()} {
		for _, viewers := range []int{100, 1000} {
			row := fanOut{form: f, origin: inProcess, viewers: viewers, beside: []string{"coalesce", "raw", "naive"}}
			works = append(works, row.closedLoop("fan-out", 1.25))
		}
	}
	for _, f := range []form{sse(), raw()} {
		for _, viewers := range []int{100, 1000} {
			row := fanOut{form: f, origin: onKafka, viewers: viewers, beside: []string{"coalesce", system.Fed}}
			works = append(works, row.closedLoop("fan-out from Kafka", 1.5))
		}
	}
	for _, f := range envelopes() {
		for _, viewers := range []int{100, 1000} {
			row := fanOut{form: f, origin: inProcess, viewers: viewers, beside: []string{"coalesce"}}
			works = append(works, row.closedLoop("fan-out of envelopes", 1.5))
		}
	}
	rabbit := fanOut{form: sse(), origin: onRabbitMQ, viewers: 100, beside: []string{"coalesce"}}
	work := rabbit.closedLoop("fan-out from RabbitMQ", 0)
	work.Targets = nil
	return append(works, work)
}

// growths are closed loops of more and more viewers.
func growths() (works []Work) {
	for _, f := range []form{sse(), raw()} {
		for _, viewers := range []int{10_000, 20_000} {
			row := fanOut{form: f, origin: inProcess, viewers: viewers, beside: []string{"coalesce"}, anew: true}
			work := row.closedLoop("fan-out", 1.25)
			work.Long = viewers > 10_000 || f.frames
			works = append(works, work)
		}
	}
	return works
}

// open starts all contenders, Culvert first: it tells how long frames are.
func (r fanOut) open(ctx context.Context, s *Stage) ([]Contender, error) {
	r.viewers = s.affordable(r.viewers)
	o, err := r.origin(ctx, s)
	if err != nil {
		return nil, err
	}
	culvert, size, err := r.stage(ctx, s, o, r.form.culvert(o.topic))
	if err != nil {
		return nil, fmt.Errorf("culvert: %w", err)
	}
	contenders := []Contender{{"culvert", culvert}}
	for _, name := range r.beside {
		round, err := r.other(ctx, s, name, size)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		contenders = append(contenders, Contender{name, round})
	}
	return contenders, nil
}

// other opens a system that is not Culvert. size is how long the frames of a limit are.
func (r fanOut) other(ctx context.Context, s *Stage, name string, size int) (round, error) {
	o, dialect, err := s.other(ctx, name, r.form, size)
	if err != nil {
		return nil, err
	}
	play, _, err := r.stage(ctx, s, o, dialect)
	return play, err
}

// stage seats the viewers of one contender, warms it up, and says how long its frames are.
func (r fanOut) stage(ctx context.Context, s *Stage, o *source, dialect drive.Dialect) (play round, frameSize int, err error) {
	w, err := newShow(s, o)
	if err != nil {
		return nil, 0, err
	}
	audience := drive.Audience{Viewers: r.viewers, Streams: o.streams}
	leave, err := w.seat(ctx, dialect, audience)
	if err != nil {
		return nil, 0, err
	}
	values, err := w.measure(ctx, warmUp)
	if err != nil {
		leave()
		return nil, 0, err
	}
	frameSize = int(math.Round(values[frame.Name]))
	if !r.anew {
		s.Defer(leave)
		return func(ctx context.Context) (Values, error) { return w.play(ctx, r.load) }, frameSize, nil
	}
	leave()
	return func(ctx context.Context) (Values, error) {
		leave, err := w.seat(ctx, dialect, audience)
		if err != nil {
			return nil, err
		}
		defer leave()
		if _, err := w.measure(ctx, warmUp); err != nil {
			return nil, err
		}
		return w.play(ctx, r.load)
	}, frameSize, nil
}

// affordable is how many viewers there can be where so many are wanted: a bridge gives seven eighths of seven eighths of its open files to streams and sockets (docs/operations.md), of which publishers
// have some.
func (s *Stage) affordable(viewers int) int {
	const publishers = 16
	can := s.options.Descriptors/64*49 - publishers
	if viewers <= can {
		return viewers
	}
	fmt.Fprintf(s.options.Say, "%s: %s viewers, since a process can have %s open files here\n", s.work, thousands(can), thousands(s.options.Descriptors))
	return can
}

// thousands is a number as people write it.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
