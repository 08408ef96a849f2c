// Package e2e drives the real binary through its public protocol, on every broker.
//
// A test waits, or it works. Nearly all wait: for processes that start and end, for time-outs, for brokers that deal out partitions. They are parallel, so that one uses the time of another. The
// few that keep both the bridge and its clients busy (everyBrokerInTurn) come first, each by itself.
package e2e

import (
	"os"
	"time"
)

// limit is when a test has failed: long after it has ended on any machine that has something else to do as well.
const limit = 5 * time.Minute

// size is how large the main job is.
type size struct {
	viewers    int
	members    int
	publishers int
	messages   int
	keys       int
	limit      time.Duration // after which it has failed
}

// jobSize is what every run of the tests does, and with CULVERT_JOB what is done once in a while.
func jobSize() size {
	if os.Getenv("CULVERT_JOB") != "" {
		return size{viewers: 1000, members: 3, publishers: 4, messages: 50_000, keys: 200, limit: 20 * time.Minute}
	}
	return size{viewers: 500, members: 3, publishers: 4, messages: 2000, keys: 50, limit: limit}
}
