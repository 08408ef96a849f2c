package bench

import (
	"context"
	"fmt"
	"strings"

	"culvert/tests/bench/drive"
	"culvert/tests/bench/system"
)

// other starts a system that is not Culvert, for viewers of a form. size is how long the frames of a limit are.
func (s *Stage) other(ctx context.Context, name string, f form, size int) (*source, drive.Dialect, error) {
	limit, padding := f.limit(size)
	switch name {
	case "naive":
		o, err := s.naive()
		return o, f.naive, err
	case system.Fed:
		o, err := s.fed(ctx, f, padding)
		return o, limit, err
	}
	o, err := s.limit(name, f.frame(padding))
	return o, limit, err
}

func (s *Stage) limit(name string, frame func(to, payload []byte) []byte) (*source, error) {
	p, err := s.System(name)
	if err != nil {
		return nil, err
	}
	publisher, err := drive.NewBare(p.Host, frame)
	if err != nil {
		return nil, err
	}
	s.Defer(publisher.Close)
	return &source{process: p, streams: 1, publisher: publisher}, nil
}

func (s *Stage) naive() (*source, error) {
	p, err := s.System("naive")
	if err != nil {
		return nil, err
	}
	publisher, err := drive.NewSocket(p.Host, "/publish", "", nil)
	if err != nil {
		return nil, err
	}
	s.Defer(publisher.Close)
	return &source{process: p, streams: 1, publisher: publisher}, nil
}

// fed is a limit that has a topic of its own on the Kafka of the run.
func (s *Stage) fed(ctx context.Context, f form, padding int) (*source, error) {
	addrs, topic, publisher, err := s.kafkaTopic(ctx)
	if err != nil {
		return nil, err
	}
	p, err := s.System(system.Fed, strings.Join(addrs, ","), topic, fmt.Sprint(f.frames), fmt.Sprint(padding))
	if err != nil {
		return nil, err
	}
	return &source{process: p, streams: shownPartitions, publisher: publisher}, nil
}
