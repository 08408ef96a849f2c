package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"culvert/tests/bench/bare"
	"culvert/tests/bench/system"
)

// bareClient is one of package bare, in a process of its own. It ends with the work.
type bareClient struct {
	jobs    *json.Encoder
	results *json.Decoder
}

// bare starts the bare client that is called so.
func (s *Stage) bare(name string) (*bareClient, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, SystemArgument, system.Bare, name)
	cmd.Stderr = os.Stderr
	dieWithUs(cmd)
	jobs, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	results, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.Defer(func() { stop(cmd) })
	return &bareClient{json.NewEncoder(jobs), json.NewDecoder(results)}, nil
}

// do lets it do a job, and says how long that took and what it cost.
func (c *bareClient) do(job bare.Job) (took, used time.Duration, err error) {
	if err := c.jobs.Encode(job); err != nil {
		return 0, 0, err
	}
	var r bare.Result
	if err := c.results.Decode(&r); err != nil {
		return 0, 0, fmt.Errorf("the bare client does not answer: %w", err)
	}
	if r.Error != "" {
		return 0, 0, errors.New(r.Error)
	}
	return r.Took, r.CPU, nil
}

// contender lets it do the same job in each round, after prepare has named its topic or group.
func (c *bareClient) contender(name string, prepare func(*bare.Job) error, check func(bare.Job) error, job bare.Job, speed Figure) Contender {
	return Contender{Name: name, Round: func(context.Context) (Values, error) {
		job := job
		if err := prepare(&job); err != nil {
			return nil, err
		}
		took, used, err := c.do(job)
		if err != nil {
			return nil, err
		}
		return worth(speed, job.Messages, took, used), check(job)
	}}
}

// worth is what so many messages cost.
func worth(speed Figure, messages int, took, used time.Duration) Values {
	return Values{speed.Name: float64(messages) / took.Seconds(), messageCPU.Name: micros(used) / float64(messages)}
}
