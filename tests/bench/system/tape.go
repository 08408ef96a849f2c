package system

import "sync"

// tape is what was published last: a ring of bytes with some writers, each of which has come to a place on it. A publisher who would overtake one waits.
type tape struct {
	ring []byte

	mu    sync.Mutex // guards what follows
	more  *sync.Cond // end has changed
	less  *sync.Cond // swept has changed
	end   uint64     // bytes that were ever published; those from the least of swept on are in ring
	swept []uint64   // by writer: what it has given all its viewers
}

const tapeSize = 4 << 20

func newTape(writers int) *tape {
	t := &tape{ring: make([]byte, tapeSize), swept: make([]uint64, writers)}
	t.more, t.less = sync.NewCond(&t.mu), sync.NewCond(&t.mu)
	return t
}

// append puts p, which is less than the tape, behind what was published.
func (t *tape) append(p []byte) {
	if len(p) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.end+uint64(len(p))-t.least() > tapeSize {
		t.less.Wait()
	}
	n := copy(t.ring[t.end%tapeSize:], p)
	copy(t.ring, p[n:])
	t.end += uint64(len(p))
	t.more.Broadcast()
}

// flush waits until all writers have given all that was published.
func (t *tape) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.least() < t.end {
		t.less.Wait()
	}
}

// sweep notes that a writer has come to a place, and waits for something behind it. The bytes up to end are readable until the next sweep.
func (t *tape) sweep(writer int, to uint64) (end uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.swept[writer] = to
	t.less.Broadcast()
	for t.end == to {
		t.more.Wait()
	}
	return t.end
}

func (t *tape) least() uint64 {
	least := t.end
	for _, place := range t.swept {
		least = min(least, place)
	}
	return least
}

// between is what lies between two places, in two parts where the ring is bent.
func (t *tape) between(from, to uint64) (head, tail []byte) {
	begin, end := from%tapeSize, to%tapeSize
	if begin < end {
		return t.ring[begin:end], nil
	}
	return t.ring[begin:], t.ring[:end]
}
