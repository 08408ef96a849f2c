// Package e2e drives the real binary through its public protocol, on every broker.
package e2e

import (
	"os"
	"time"
)

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
	return size{viewers: 500, members: 3, publishers: 4, messages: 5000, keys: 50, limit: 2 * time.Minute}
}
