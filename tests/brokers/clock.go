package brokers

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Clock is a wall clock that processes of one test go by instead of the machine's, and that can jump. Their monotonic clocks are the machine's.
type Clock struct {
	t    testing.TB
	file string
	env  []string
}

// NewClock makes a clock that goes with the machine's until it jumps. Where libfaketime cannot be had it ends the test: see the package comment.
func NewClock(t testing.TB) *Clock {
	t.Helper()
	library, err := findFaketime()
	if err != nil {
		without(t, "clock", err)
	}
	c := &Clock{t: t, file: filepath.Join(t.TempDir(), "clock")}
	c.env = []string{"LD_PRELOAD=" + library, "FAKETIME_TIMESTAMP_FILE=" + c.file, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"}
	c.Ahead(0)
	return c
}

// Ahead sets the clock so far ahead of the machine's; behind it where by is negative. Processes see it at once.
func (c *Clock) Ahead(by time.Duration) {
	c.t.Helper()
	// Renamed into its place, since it is read all the time.
	next := c.file + ".next"
	err := os.WriteFile(next, fmt.Appendf(nil, "%+f\n", by.Seconds()), 0o600)
	if err == nil {
		err = os.Rename(next, c.file)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// StartKafkaBy is StartKafka for one that goes by a clock.
func StartKafkaBy(t testing.TB, clock *Clock, properties map[string]string) *KafkaProcess {
	t.Helper()
	node, err := newKafkaNode(t.Context(), io.Discard, properties)
	if err != nil {
		without(t, "Kafka", err)
	}
	node.env = clock.env
	return runKafka(t, node)
}

// StartRabbitMQBy is StartRabbitMQ for one that goes by a clock.
func StartRabbitMQBy(t testing.TB, clock *Clock, config ...string) *RabbitMQNode {
	t.Helper()
	node, err := newRabbitMQNode(t.Context(), config)
	if err != nil {
		without(t, "RabbitMQ", err)
	}
	node.env = append(node.env, clock.env...)
	return runOwnRabbitMQ(t, node)
}

// FetchFaketime installs libfaketime where it is missing and we may. The title says what tests have then; where it is missing the error is a MissingError.
func FetchFaketime(ctx context.Context, say io.Writer) (title string, err error) {
	if _, err := findFaketime(); err != nil {
		if err := installPackages(ctx, say, []string{"libfaketime"}); err != nil {
			return "", err
		}
	}
	path, err := findFaketime()
	return path, err
}

// findFaketime is where the library is that a process is loaded with, or a MissingError.
func findFaketime() (string, error) {
	for _, at := range []string{"/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1"} {
		if found, err := filepath.Glob(at); err == nil && len(found) > 0 {
			return found[0], nil
		}
	}
	return "", &MissingError{
		What: "libfaketime",
		Mend: "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends libfaketime'   (there is none for a Mac that would do)",
	}
}
