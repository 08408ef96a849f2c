package bench

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"culvert/tests/bench/bare"
	"culvert/tests/bench/flood"
)

// confirmed is what an injector does.
var confirmed = Figure{"confirmed messages", "1/s"}

const (
	injectors    = 4 // connections
	bareProducer = "sarama's async producer"
	ownPublish   = "watermill-kafka's Publish"
)

// wayIn is a way to inject.
type wayIn struct {
	name  string
	least float64 // of what the bare producer does
	flood func(flood.Publisher) error
}

var waysIn = []wayIn{
	{"culvert, WebSocket raw", 0.8, flood.Publisher.Raw},
	{"culvert, WebSocket json", 0.6, flood.Publisher.JSON},
	{"culvert, POST of NDJSON", 0.7, flood.Publisher.Lines},
}

func injections() []Work {
	w := Work{
		Name:      "inject to Kafka, 4 connections",
		Yardstick: bareProducer,
		Figures:   []Figure{confirmed, messageCPU},
		Targets:   []Target{{Contender: waysIn[0].name, Figure: messageCPU.Name, Most: 1.6, Of: bareProducer}},
		Open:      openInjections,
	}
	for _, way := range waysIn {
		w.Targets = append(w.Targets, Target{Contender: way.name, Figure: confirmed.Name, Least: way.least, Of: bareProducer})
	}
	return []Work{w}
}

func openInjections(ctx context.Context, s *Stage) ([]Contender, error) {
	k, err := s.kafka(ctx)
	if err != nil {
		return nil, err
	}
	messages := 100_000
	if s.Long() {
		messages *= 10
	}
	producer, err := s.bare("producer")
	if err != nil {
		return nil, err
	}
	publisher, err := s.bare("watermill-publisher")
	if err != nil {
		return nil, err
	}
	prepare := func(job *bare.Job) (err error) {
		job.Topic, err = k.topic(ctx)
		return err
	}
	check := func(job bare.Job) error {
		defer k.remove(job.Topic)
		return k.verify(job.Topic, 1, job.Messages)
	}
	job := bare.Job{Brokers: k.addrs, Messages: messages, Size: payloadSize}
	few := job
	few.Messages = 1000
	contenders := []Contender{producer.contender(bareProducer, prepare, check, job, confirmed)}
	for _, way := range waysIn {
		contenders = append(contenders, Contender{Name: way.name, Round: func(ctx context.Context) (Values, error) {
			return k.inject(ctx, way, messages)
		}})
	}
	for _, c := range contenders { // Kafka's own program is slow at first
		if _, err := c.Round(ctx); err != nil {
			return nil, err
		}
	}
	return append(contenders, publisher.contender(ownPublish, prepare, check, few, confirmed)), nil
}

// inject publishes so many messages in one way, over all connections together, to a topic of its own.
func (k *kafka) inject(ctx context.Context, way wayIn, messages int) (Values, error) {
	topic, err := k.topic(ctx)
	if err != nil {
		return nil, err
	}
	defer k.remove(topic)
	each := messages / injectors
	values, err := k.measured(ctx, way.name, confirmed, messages, func() (time.Duration, error) {
		return timed(func() error {
			var group errgroup.Group
			for i := range injectors {
				group.Go(func() error {
					return way.flood(flood.Publisher{Host: k.bridge.Host, Topic: topic, Number: i, Messages: each, Size: payloadSize})
				})
			}
			return group.Wait()
		})
	})
	if err != nil {
		return nil, err
	}
	return values, k.verify(topic, injectors, each)
}
