package bench

import (
	"context"
	"fmt"
	"math"
	"time"

	"culvert/tests/bench/drive"
)

// form is how viewers of a row are shown messages, by Culvert and by what is written naively.
type form struct {
	name    string
	culvert drive.Dialect
	naive   drive.Dialect
	frames  bool // a limit's viewers speak WebSocket
}

var (
	formSSE = form{name: "SSE", culvert: drive.SSE("/v1/topics/bench/events"), naive: drive.SSE("/events")}
	formRaw = form{name: "WebSocket raw", culvert: drive.WebSocket("/v1/topics/bench/ws?mode=view", "culvert.v1.raw"), naive: drive.WebSocket("/ws", ""), frames: true}
)

// limit is a limit's viewer, and what it is shown for a payload: frames of a size.
func (f form) limit(size int) (dialect drive.Dialect, frames func(to, payload []byte) []byte) {
	if f.frames {
		return drive.WebSocket("/", ""), drive.Text(max(size-payloadSize-drive.TextOverhead(size), 0))
	}
	return drive.SSE("/"), drive.Event(max(size-payloadSize-drive.EventOverhead, 0))
}

// fanOut is a row in which all viewers are shown all messages.
type fanOut struct {
	form    form
	viewers int
	load    drive.Load
	beside  []string // the contenders beside Culvert, by their names in package system
	frame   int      // how long Culvert's frames are, which all others send too
}

// fanOuts are the rows on the in-process broker.
func fanOuts() (works []Work) {
	for _, f := range []form{formSSE, formRaw} {
		for _, viewers := range []int{100, 1000} {
			row := fanOut{form: f, viewers: viewers, load: drive.Load{Window: 64, For: time.Second}, beside: []string{"coalesce", "raw", "naive"}}
			works = append(works, Work{
				Name:      fmt.Sprintf("fan-out, %d viewers, %s", viewers, f.name),
				Yardstick: "coalesce",
				Figures:   []Figure{cpu, rate, batch, frame, clientCPU},
				Targets:   []Target{{Contender: "culvert", Figure: cpu.Name, Most: 1.25, Of: "coalesce"}},
				Open:      row.open,
			})
		}
	}
	return works
}

// open starts all contenders, Culvert first: it tells how long frames are.
func (r fanOut) open(ctx context.Context, s *Stage) ([]Contender, error) {
	p, err := s.Culvert()
	if err != nil {
		return nil, err
	}
	publisher, err := s.inject(p)
	if err != nil {
		return nil, err
	}
	w, size, err := r.begin(ctx, s, p, publisher, r.form.culvert)
	if err != nil {
		return nil, fmt.Errorf("culvert: %w", err)
	}
	r.frame = size
	contenders := []Contender{r.contender("culvert", w)}
	for _, name := range r.beside {
		w, err := r.other(ctx, s, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		contenders = append(contenders, r.contender(name, w))
	}
	return contenders, nil
}

func (r fanOut) contender(name string, w *show) Contender {
	return Contender{Name: name, Round: func(ctx context.Context) (Values, error) { return w.play(ctx, r.load) }}
}

// other opens a system that is not Culvert.
func (r fanOut) other(ctx context.Context, s *Stage, name string) (*show, error) {
	p, err := s.System(name)
	if err != nil {
		return nil, err
	}
	if name == "naive" {
		publisher, err := drive.NewSocket(p.Host, "/publish", "", nil)
		if err != nil {
			return nil, err
		}
		s.Defer(publisher.Close)
		w, _, err := r.begin(ctx, s, p, publisher, r.form.naive)
		return w, err
	}
	dialect, frames := r.form.limit(r.frame)
	publisher, err := drive.NewBare(p.Host, frames)
	if err != nil {
		return nil, err
	}
	s.Defer(publisher.Close)
	w, _, err := r.begin(ctx, s, p, publisher, dialect)
	return w, err
}

// begin seats the viewers of one contender, warms it up, and says how long its frames are.
func (r fanOut) begin(ctx context.Context, s *Stage, p *Process, publisher drive.Publisher, dialect drive.Dialect) (w *show, size int, err error) {
	source, err := drive.NewSource(publisher, 1, payloadSize)
	if err != nil {
		return nil, 0, err
	}
	w = &show{stage: s, process: p, source: source}
	leave, err := w.seat(ctx, dialect, drive.Audience{Viewers: r.viewers, Streams: 1})
	if err != nil {
		return nil, 0, err
	}
	s.Defer(leave)
	values, err := w.measure(ctx, drive.Load{Window: 64, For: warmUp})
	return w, int(math.Round(values[frame.Name])), err
}

// warmUp is how long a contender works before it is measured.
const warmUp = 200 * time.Millisecond

// inject opens what publishes to Culvert's topic bench.
func (s *Stage) inject(p *Process) (drive.Publisher, error) {
	publisher, err := drive.NewSocket(p.Host, "/v1/topics/bench/ws", "culvert.v1.raw", nil)
	if err != nil {
		return nil, err
	}
	s.Defer(publisher.Close)
	return publisher, nil
}
