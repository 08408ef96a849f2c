package kafka

import (
	"testing"

	"go.uber.org/goleak"
)

// sarama counts with go-metrics, whose one clock goroutine lives as long as the process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
		// A kfake that is closed while a control function sleeps may wait for its own lock for good.
		goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*Cluster).continueSleptControl"),
	)
}
