package bench

import (
	"context"
	"crypto/rand"
	"time"

	"culvert/tests/bench/bare"
	"culvert/tests/bench/flood"
)

// settled is what members of a queue do.
var settled = Figure{"settled messages", "1/s"}

const (
	bareSubscriber = "watermill-kafka's subscriber"
	member         = "culvert, WebSocket json, manual acks"
	inFlight       = 1000 // messages that the member works on at a time
)

// queueWork is a row in which each message takes its time. The bare subscriber is given fewer of them: it works on one of each partition at a time.
type queueWork struct {
	name      string
	each      time.Duration
	bare, own int     // messages
	least     float64 // of what the subscriber settles
}

func queueWorks() (works []Work) {
	for _, row := range []queueWork{
		{"queue on Kafka, settled at once", 0, 100_000, 100_000, 0.5},
		{"queue on Kafka, a message takes 1 ms", time.Millisecond, 4_000, 100_000, 5},
	} {
		works = append(works, Work{
			Name: row.name, Yardstick: bareSubscriber, Figures: []Figure{settled, messageCPU},
			Targets: []Target{{Contender: member, Figure: settled.Name, Least: row.least, Of: bareSubscriber}},
			Open:    row.open,
		})
	}
	return works
}

func (r queueWork) open(ctx context.Context, s *Stage) ([]Contender, error) {
	k, err := s.kafka(ctx)
	if err != nil {
		return nil, err
	}
	topic, err := k.filled(ctx, r.own)
	if err != nil {
		return nil, err
	}
	subscriber, err := s.bare("watermill-subscriber")
	if err != nil {
		return nil, err
	}
	name := func(job *bare.Job) error {
		job.Group = rand.Text()
		return nil
	}
	job := bare.Job{Brokers: k.addrs, Topic: topic, Messages: r.bare, Size: payloadSize, Each: r.each}
	return []Contender{
		subscriber.contender(bareSubscriber, name, func(bare.Job) error { return nil }, job, settled),
		{Name: member, Round: func(ctx context.Context) (Values, error) {
			m := flood.Member{
				Viewer: flood.Viewer{Host: k.bridge.Host, Topic: topic, Publishers: 1, Messages: r.own, Size: payloadSize},
				Queue:  rand.Text(), InFlight: inFlight, Each: r.each,
			}
			return k.measured(ctx, "", settled, r.own, m.Run)
		}},
	}, nil
}
