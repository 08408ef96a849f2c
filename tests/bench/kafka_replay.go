package bench

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"culvert/tests/bench/bare"
	"culvert/tests/bench/flood"
)

// What a replay does.
var (
	replayed   = Figure{"messages", "1/s"}
	brokerRead = Figure{"read from the broker", "MiB"}
)

const (
	bareConsumer = "sarama's consumer"
	crowd        = 20
)

// wayOut is a way to view.
type wayOut struct {
	name string
	view func(flood.Viewer) error
}

var waysOut = []wayOut{
	{"culvert, WebSocket raw", flood.Viewer.Raw},
	{"culvert, SSE", flood.Viewer.SSE},
}

func replayWorks() []Work {
	one := Work{
		Name: "replay from Kafka to one viewer", Yardstick: bareConsumer,
		Figures: []Figure{replayed, messageCPU}, Open: openReplay,
	}
	for _, way := range waysOut {
		one.Targets = append(one.Targets, Target{Contender: way.name, Figure: replayed.Name, Least: 0.8, Of: bareConsumer})
	}
	return []Work{one, {
		Name: fmt.Sprintf("replay from Kafka to %d viewers", crowd), Yardstick: "one viewer",
		Figures: []Figure{brokerRead, replayed},
		Targets: []Target{{Contender: fmt.Sprintf("%d viewers", crowd), Figure: brokerRead.Name, Most: 2, Of: "one viewer"}},
		Open:    openCrowd,
	}}
}

// replaySize is how many messages are replayed.
func replaySize(s *Stage) int {
	if s.Long() {
		return 1_000_000
	}
	return 200_000
}

func openReplay(ctx context.Context, s *Stage) ([]Contender, error) {
	k, err := s.kafka(ctx)
	if err != nil {
		return nil, err
	}
	messages := replaySize(s)
	topic, err := k.filled(ctx, messages)
	if err != nil {
		return nil, err
	}
	consumer, err := s.bare("consumer")
	if err != nil {
		return nil, err
	}
	job := bare.Job{Brokers: k.addrs, Topic: topic, Messages: messages, Size: payloadSize}
	contenders := []Contender{consumer.contender(bareConsumer, func(*bare.Job) error { return nil }, func(bare.Job) error { return nil }, job, replayed)}
	for _, way := range waysOut {
		contenders = append(contenders, Contender{Name: way.name, Round: func(ctx context.Context) (Values, error) {
			return k.replay(ctx, way, 1, topic, messages)
		}})
	}
	for _, c := range contenders { // what is read first comes slower
		if _, err := c.Round(ctx); err != nil {
			return nil, err
		}
	}
	return contenders, nil
}

func openCrowd(ctx context.Context, s *Stage) ([]Contender, error) {
	k, err := s.kafka(ctx)
	if err != nil {
		return nil, err
	}
	messages := replaySize(s)
	topic, err := k.filled(ctx, messages)
	if err != nil {
		return nil, err
	}
	contender := func(name string, viewers int) Contender {
		return Contender{Name: name, Round: func(ctx context.Context) (Values, error) { return k.replay(ctx, waysOut[0], viewers, topic, messages) }}
	}
	return []Contender{contender("one viewer", 1), contender(fmt.Sprintf("%d viewers", crowd), crowd)}, nil
}

// replay shows all of a topic to viewers who come at once.
func (k *kafka) replay(ctx context.Context, way wayOut, viewers int, topic string, messages int) (Values, error) {
	before, err := readBytes(k.bridge)
	if err != nil {
		return nil, err
	}
	values, err := k.measured(ctx, way.name, replayed, viewers*messages, func() (time.Duration, error) {
		return timed(func() error {
			var group errgroup.Group
			for range viewers {
				group.Go(func() error {
					return way.view(flood.Viewer{Host: k.bridge.Host, Topic: topic, Publishers: 1, Messages: messages, Size: payloadSize})
				})
			}
			return group.Wait()
		})
	})
	if err != nil {
		return nil, err
	}
	after, err := readBytes(k.bridge)
	values[brokerRead.Name] = float64(after-before) / (1 << 20)
	return values, err
}
