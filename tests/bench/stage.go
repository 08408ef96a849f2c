package bench

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"culvert/tests/brokers"
)

// Stage is where a work is done: it starts what the contenders are.
type Stage struct {
	options Options
	work    string
	topics  int
	culvert func() (string, error) // the path of the bridge's program, built once
	shared  map[string]*brokers.Running
	atExit  []func() // ends what the run has; the last one first
	atLeave []func() // ends what the work has
}

func newStage(o Options) *Stage {
	s := &Stage{options: o, shared: make(map[string]*brokers.Running)}
	s.culvert = sync.OnceValues(s.build)
	return s
}

// Defer lets something be done when the work is over.
func (s *Stage) Defer(end func()) { s.atLeave = append(s.atLeave, end) }

// Long reports whether the run is a long one.
func (s *Stage) Long() bool { return s.options.Long }

// Kafka gives the addresses of a real Kafka, which all works of the run share.
func (s *Stage) Kafka(ctx context.Context) ([]string, error) {
	addrs, err := s.broker(ctx, "kafka", "CULVERT_TEST_KAFKA")
	return strings.Split(addrs, ","), err
}

// RabbitMQ gives the amqp:// URL of a real RabbitMQ, which all works of the run share.
func (s *Stage) RabbitMQ(ctx context.Context) (string, error) {
	return s.broker(ctx, "amqp", "CULVERT_TEST_AMQP")
}

// broker starts the broker where the run has none yet, and gives what this variable is for who looks for it.
func (s *Stage) broker(ctx context.Context, name, variable string) (string, error) {
	running, ok := s.shared[name]
	if !ok {
		for _, kind := range brokers.Kinds() {
			if kind.Name != name {
				continue
			}
			var err error
			if running, err = kind.Start(ctx, s.options.Say); err != nil {
				return "", fmt.Errorf("%s: %w", name, err)
			}
		}
		s.shared[name] = running
		s.atExit = append(s.atExit, running.Stop)
	}
	for _, line := range running.Env {
		if value, ok := strings.CutPrefix(line, variable+"="); ok {
			return value, nil
		}
	}
	return os.Getenv(variable), nil // it is the environment's own
}

func (s *Stage) leave() { s.atLeave = end(s.atLeave) }

func (s *Stage) close() { s.atExit = end(s.atExit) }

func end(all []func()) []func() {
	for i := len(all) - 1; i >= 0; i-- {
		all[i]()
	}
	return nil
}
