package amqp

import (
	"hash/crc32"
	"sync"

	"culvert/domain"
)

// epochs are the epochs of logs. A stream has no identity of its own, so that the fingerprints of messages tell whether it is the one that a cursor was made of. The epoch has two halves. The lower one
// stands for the log's name, on every node, so that a cursor of another broker's topic of the same name is not taken for one of ours. The upper one counts how often this node has
// seen the log made anew, so that places of two incarnations are never mixed in one feed.
type epochs struct {
	mu   sync.Mutex
	anew map[string]uint32 // by log
}

// of is the epoch of a log now.
func (e *epochs) of(log string) domain.Epoch {
	e.mu.Lock()
	defer e.mu.Unlock()
	return domain.Epoch(e.anew[log])<<32 | nameEpoch(log)
}

// after is the epoch of a log that was made anew since it had the epoch had. Of several who see it the first one counts.
func (e *epochs) after(log string, had domain.Epoch) domain.Epoch {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.anew == nil {
		e.anew = make(map[string]uint32)
	}
	if e.anew[log] == uint32(had>>32) {
		e.anew[log]++
	}
	return domain.Epoch(e.anew[log])<<32 | nameEpoch(log)
}

// nameEpoch is the lower half of a log's epoch.
func nameEpoch(log string) domain.Epoch {
	return domain.Epoch(max(crc32.Checksum([]byte("amqp\x00"+log), castagnoli), 1))
}

// ours reports whether a vector of epoch e may be one of a log of this name.
func ours(log string, e domain.Epoch) bool {
	return e == 0 || e&0xffffffff == nameEpoch(log)
}
