package described

import (
	"sync"
	"sync/atomic"
)

// plenty is how many of a kind are judged in a process. Thousands of clients that are given thousands of messages are given the same ones, and a judgement costs more than all else that a client does.
const plenty = 500

// tally counts, by kind, what was judged. Its methods may be called from any goroutine.
type tally struct{ counts sync.Map } // of *atomic.Int64 by string

// often reports whether so many of a kind were judged that this one need not be, and counts it.
func (t *tally) often(kind string) bool {
	n, ok := t.counts.Load(kind)
	if !ok {
		n, _ = t.counts.LoadOrStore(kind, new(atomic.Int64))
	}
	return n.(*atomic.Int64).Add(1) > plenty
}
