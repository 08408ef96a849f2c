package bench

import (
	"context"
	"fmt"
	"time"

	"culvert/tests/bench/drive"
)

// paces are fan-outs at a rate that no system here is busy with, where batches do not form and every message wakes somebody.
func paces() (works []Work) {
	for _, f := range []form{sse(), raw()} {
		row := fanOut{form: f, origin: inProcess, viewers: 100, beside: []string{"raw"}}
		works = append(works, Work{
			Name:      "1,000 messages/s to 100 viewers, " + f.name,
			Yardstick: "raw",
			Figures:   []Figure{cpu, p50, p99, allocations},
			Targets: []Target{
				{Contender: "culvert", Figure: cpu.Name, Most: 1.15, Of: "raw"},
				{Contender: "culvert", Figure: p50.Name, Most: 1.3, Of: "raw", Within: 50},
				{Contender: "culvert", Figure: p99.Name, Most: 1.3, Of: "raw", Within: 50},
			},
			Open: func(ctx context.Context, s *Stage) ([]Contender, error) {
				row.load = drive.Load{Rate: 1000, For: s.atLength(2500*time.Millisecond, 20*time.Second), Timed: true}
				return row.open(ctx, s)
			},
		})
	}
	return works
}

// roundTrips are one message at a time: in over a WebSocket, and straight out to one viewer.
func roundTrips() []Work {
	row := fanOut{form: raw(), origin: inProcess, viewers: 1, beside: []string{"raw", "naive"}, load: drive.Load{Window: 1, For: time.Second, Timed: true}}
	return []Work{{
		Name:      "round trip, in and straight out to one viewer",
		Yardstick: "raw",
		Figures:   []Figure{p50, p99, cpu},
		Targets: []Target{
			{Contender: "culvert", Figure: p50.Name, Most: 1.5, Of: "raw"},
			{Contender: "culvert", Figure: p99.Name, Most: 1.5, Of: "raw"},
		},
		Open: row.open,
	}}
}

// keyed are viewers of a key each.
func keyed() []Work {
	const many = 10_000
	all := thousands(many) + " viewers, a key each"
	return []Work{{
		Name:      "1,000 messages/s to viewers of one key, SSE",
		Yardstick: "one viewer",
		Figures:   []Figure{messageCPU, p50, p99},
		Targets:   []Target{{Contender: all, Figure: messageCPU.Name, Most: 3, Of: "one viewer"}},
		Open: func(ctx context.Context, s *Stage) ([]Contender, error) {
			var contenders []Contender
			for _, c := range []struct {
				name    string
				viewers int
			}{{all, s.affordable(many)}, {"one viewer", 1}} {
				round, err := s.keyed(ctx, c.viewers)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", c.name, err)
				}
				contenders = append(contenders, Contender{c.name, round})
			}
			return contenders, nil
		},
	}}
}

// keyed opens a bridge with viewers of a key each. Each message has the key of one of them, in turn.
func (s *Stage) keyed(ctx context.Context, viewers int) (round, error) {
	p, err := s.Culvert()
	if err != nil {
		return nil, err
	}
	topic := s.topic()
	publisher, err := drive.NewSocket(p.Host, "/v1/topics/"+topic+"/ws", "culvert.v1.json", func(to []byte, m drive.Message) []byte {
		return fmt.Appendf(to, `{"op":"pub","key":"k%d","text":"%s"}`, m.Stream, m.Payload)
	})
	if err != nil {
		return nil, err
	}
	s.Defer(publisher.Close)
	w, err := newShow(s, &source{process: p, topic: topic, streams: viewers, publisher: publisher})
	if err != nil {
		return nil, err
	}
	leave, err := w.seat(ctx, drive.SSE(""), drive.Audience{
		Viewers: viewers, Streams: viewers, Apart: true,
		Path: func(i int) string { return fmt.Sprintf("/v1/topics/%s/events?key=k%d", topic, i) },
	})
	if err != nil {
		return nil, err
	}
	s.Defer(leave)
	load := drive.Load{Rate: 1000, For: s.atLength(2*time.Second, 15*time.Second), Timed: true}
	if _, err := w.measure(ctx, drive.Load{Rate: 1000, For: 500 * time.Millisecond}); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (Values, error) { return w.play(ctx, load) }, nil
}

// atLength is how long something goes on, in a short run and in a long one.
func (s *Stage) atLength(short, long time.Duration) time.Duration {
	if s.options.Long {
		return long
	}
	return short
}
