package system

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"
)

// Every writer reads what was published, all of it and in order, over the end of the ring and at its own pace.
func TestATapeIsReadWhole(t *testing.T) {
	const writers, total = 3, 3 * tapeSize
	tape := newTape(writers)
	want := make([]byte, total)
	for i := range want {
		want[i] = byte(i ^ i>>8 ^ i>>16)
	}
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for place := uint64(0); place < total; {
				end := tape.sweep(w, place)
				head, tail := tape.between(place, end)
				if n := uint64(len(head)); !bytes.Equal(head, want[place:place+n]) || !bytes.Equal(tail, want[place+n:end]) {
					t.Errorf("writer %d read something else between %d and %d", w, place, end)
				}
				place = end
				if place == total {
					tape.leave(w)
				}
			}
		})
	}
	for rest := want; len(rest) > 0; {
		n := min(1+rand.IntN(tapeSize/3), len(rest))
		tape.append(rest[:n])
		rest = rest[n:]
	}
	tape.flush()
	all.Wait()
}

// leave notes that a writer has read all there ever was.
func (t *tape) leave(writer int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.swept[writer] = t.end
	t.less.Broadcast()
}
