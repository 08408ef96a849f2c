package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/oracle"
)

// TestTheMainJob is what the bridge is for: many viewers and a queue see what publishers inject, each message as promised.
func TestTheMainJob(t *testing.T) {
	everyBrokerInTurn(t, func(t *testing.T, s subject) {
		size := jobSize()
		// All clients share their cores with the bridge. One that has its turn seldom is not to be taken for stuck, nor for dead when a ping waits
		// behind all that is to be read before it.
		patience := size.limit.String()
		b := s.start(t, "CULVERT_WS_PONG_WAIT="+patience, "CULVERT_WS_WRITE_TIMEOUT="+patience, "CULVERT_SSE_WRITE_TIMEOUT="+patience)
		newJob(t, b, s.topic(t), size).run()
	})
}

// job is one run of the main job.
type job struct {
	t      *testing.T
	bridge *bridge.Bridge
	topic  string
	size   size
	oracle *oracle.Oracle
	last   *finish // of the queue

	mu     sync.Mutex // guards failed
	failed []error
}

func newJob(t *testing.T, b *bridge.Bridge, topic string, s size) *job {
	return &job{t: t, bridge: b, topic: topic, size: s, oracle: oracle.New(), last: newFinish(s.keys)}
}

func (j *job) run() {
	ctx, cancel := context.WithTimeout(context.Background(), j.size.limit)
	defer cancel()
	viewers := j.together(ctx, j.viewers())
	members := j.together(ctx, j.members())
	j.publish(ctx)
	for _, client := range append(viewers, members...) {
		client.wait()
	}
	for _, err := range j.failed {
		j.t.Error(err)
	}
	for _, fault := range j.oracle.Judge() {
		j.t.Error(fault)
	}
	want := j.size.messages + j.size.keys
	if got := j.oracle.Acked(); got != want {
		j.t.Errorf("%d of %d messages were acked", got, want)
	}
}

// jobClient is one client of the job, which runs in a goroutine of its own.
type jobClient struct {
	name string
	// follow opens the client's stream, says so, and returns when it has seen the end of the run.
	follow func(ctx context.Context, opened func()) error
	wait   func()
}

// together starts clients and returns when all have opened their streams.
func (j *job) together(ctx context.Context, clients []jobClient) []jobClient {
	var opening sync.WaitGroup
	for i := range clients {
		opening.Add(1)
		opened := sync.OnceFunc(opening.Done)
		ended := make(chan struct{})
		clients[i].wait = func() { <-ended }
		// Ends when the client has seen the end of the run, or ctx.
		go func() {
			defer close(ended)
			defer opened()
			if err := clients[i].follow(ctx, opened); err != nil {
				j.fail(fmt.Errorf("%s: %w", clients[i].name, err))
			}
		}()
	}
	opening.Wait()
	return clients
}

func (j *job) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failed = append(j.failed, err)
}

// finish is when a client has seen the last message of every key, after which nothing more comes.
type finish struct {
	mu    sync.Mutex // guards keys
	keys  map[string]bool
	until int
	done  chan struct{}
}

func newFinish(keys int) *finish {
	return &finish{keys: map[string]bool{}, until: keys, done: make(chan struct{})}
}

// finisher is the publisher whose one message with each key is the last with it.
const finisher = 1000

// saw reports whether n was what the run still waited for.
func (f *finish) saw(n oracle.Note) bool {
	if n.Publisher != finisher {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keys[n.Key] {
		return false
	}
	f.keys[n.Key] = true
	if len(f.keys) < f.until {
		return false
	}
	close(f.done)
	return true
}

var errOver = errors.New("the server ended the stream")
