// Package bare is what Culvert is measured against where a Kafka is involved: sarama's own producer and consumer, and watermill-kafka's publisher and subscriber, as one would use them without a bridge.
//
// Each is run in a process of its own (Serve), which is told a Job a line and answers each with its Result.
package bare

import (
	"encoding/json"
	"fmt"
	"io"
	"syscall"
	"time"
)

// Job is one round of work.
type Job struct {
	Brokers   []string
	Topic     string
	Group     string // of a subscriber
	Publisher int    // as which a producer numbers its messages
	Messages  int
	Size      int           // of a message, in bytes
	Each      time.Duration // what a subscriber takes for each message
}

// Result is how it went. What had to be made before, connections and the like, is not in it.
type Result struct {
	Took  time.Duration
	CPU   time.Duration // of this process
	Error string        `json:",omitempty"`
}

// systems are what there is, by name.
var systems = map[string]func(Job) (Result, error){
	"producer":             produce,
	"consumer":             consume,
	"watermill-publisher":  publish,
	"watermill-subscriber": subscribe,
}

// Serve does one job after the other, as in says, until that ends.
func Serve(name string, in io.Reader, out io.Writer) error {
	run := systems[name]
	if run == nil {
		return fmt.Errorf("there is no bare %q", name)
	}
	jobs, results := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var job Job
		if err := jobs.Decode(&job); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		result, err := run(job)
		if err != nil {
			result.Error = err.Error()
		}
		if err := results.Encode(result); err != nil {
			return err
		}
	}
}

// watch measures from its beginning on.
type watch struct {
	began time.Time
	cpu   time.Duration
}

func begin() watch { return watch{time.Now(), cpu()} }

func (w watch) result() Result {
	return Result{Took: time.Since(w.began), CPU: cpu() - w.cpu}
}

// cpu is what this process has used.
func cpu() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err) // which it has no reason for
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
