package domain

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Frames are the encoded events of one run in one format. They are immutable.
type Frames struct {
	format *Format
	bytes  []byte
	ends   []int32
	apart  bool // they lie in no block
}

// Between are the bytes of events from up to to, exclusive. The caller does not change them nor append to them.
func (f *Frames) Between(from, to int) []byte {
	start := int32(0)
	if from > 0 {
		start = f.ends[from-1]
	}
	return f.bytes[start:f.ends[to-1]]
}

// Frames are r's events in format f, encoded when first asked for; at least those, where r has grown.
func (r *Run) Frames(f *Format) *Frames {
	all := r.encoded()
	if have := all.of(f); have != nil && len(have.ends) >= r.Len() {
		return have
	}
	return all.encode(r, f)
}

// encoding is what has been encoded of a run, and of what it has grown into. What was encoded stays where it is for those who have it, and what comes after it is put behind it.
type encoding struct {
	mu     sync.Mutex                // held while something is encoded; it is taken before that of a block
	frames atomic.Pointer[[]*Frames] // of each format that was asked for; what is stored is never changed
	ids    atomic.Int32              // idsUnmeasured, idsShort or idsLong
}

const (
	idsUnmeasured int32 = iota
	idsShort
	idsLong
)

func (r *Run) encoded() *encoding {
	if r.encoding.Load() == nil {
		r.encoding.CompareAndSwap(nil, new(encoding))
	}
	return r.encoding.Load()
}

func (e *encoding) thinned(r *Run) bool {
	ids := e.ids.Load()
	if ids == idsUnmeasured {
		ids = idsShort
		if len(CursorOf(r.Topic, r.After).String()) > longCursor {
			ids = idsLong
		}
		e.ids.Store(ids)
	}
	return ids == idsLong
}

// of are the frames that there are in a format.
func (e *encoding) of(f *Format) *Frames {
	if all := e.frames.Load(); all != nil {
		for _, have := range *all {
			if have.format == f {
				return have
			}
		}
	}
	return nil
}

// encode makes the frames of r that there are not.
func (e *encoding) encode(r *Run, f *Format) *Frames {
	e.mu.Lock()
	defer e.mu.Unlock()
	had := e.of(f)
	switch {
	case had == nil:
		had = &Frames{format: f, apart: r.Blocks == nil}
	case len(had.ends) >= r.Len():
		return had
	}
	made := &Frames{format: f, ends: slices.Grow(had.ends, r.Len()-len(had.ends))}
	rest := Span{Run: r, From: len(had.ends), To: r.Len()}
	stride := 0
	if !f.Placeless {
		stride = strideOf(r.Len() > 1 && e.thinned(r)) // the last one always has its id
	}
	encode := func(dst []byte) []byte { // dst holds the frames that there are
		for _, event := range rest.events(stride) {
			dst = f.Append(dst, event)
			made.ends = append(made.ends, int32(len(dst)))
		}
		return dst
	}
	if had.apart {
		made.bytes, made.apart = encode(had.bytes), true
	} else {
		made.bytes, made.apart = r.Blocks.of(f).extend(had.bytes, encode)
	}
	all := []*Frames{made}
	if others := e.frames.Load(); others != nil {
		for _, other := range *others {
			if other.format != f {
				all = append(all, other)
			}
		}
	}
	e.frames.Store(&all)
	return made
}

// Blocks are where runs of one log put their frames, one after the other, so that neighbours there are mostly neighbours in memory, and may be written as one. There are only those
// of formats that somebody has asked for. The zero Blocks are empty.
//
// A block lives as long as the last of the frames in it. A log and a format hold on to one besides.
type Blocks struct {
	mu  sync.Mutex // guards all
	all []*block
}

// block is the memory in which frames of one format are put now.
type block struct {
	format *Format

	mu   sync.Mutex // guards used
	used []byte     // its capacity is the block's size
}

const (
	leastBlock = 1 << 10 // bytes; each block is twice as large as the one before,
	mostBlock  = 64 << 10
)

func (b *Blocks) of(f *Format) *block {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, have := range b.all {
		if have.format == f {
			return have
		}
	}
	b.all = append(b.all, &block{format: f})
	return b.all[len(b.all)-1]
}

// extend puts what encode appends behind what a run had in the block, and gives both as one. Where that has no room there it gets another block, or, if it is large or others have come behind it, lies
// apart from then on: by itself, with room to grow in.
func (b *block) extend(had []byte, encode func(dst []byte) []byte) (made []byte, apart bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	begins := len(b.used) - len(had)
	if len(had) > 0 && (begins < 0 || &b.used[begins] != &had[0]) {
		return encode(slices.Clip(had)), true
	}
	room := b.used[begins:]
	made = encode(room)
	if n := len(made); n == 0 || n <= cap(room) && &made[0] == &room[:1][0] {
		b.used = b.used[:begins+n]
		return made, false
	}
	size := min(max(2*cap(b.used), leastBlock), mostBlock)
	if len(made) > size/2 {
		return made, true
	}
	b.used = append(make([]byte, 0, size), made...)
	return b.used, false
}

// Joined is a and b as one, where b begins in a block just where a ends.
func Joined(a, b []byte) (both []byte, ok bool) {
	n := len(a) + len(b)
	if len(b) == 0 || n > cap(a) || &a[:n][len(a)] != &b[0] {
		return nil, false
	}
	return a[:n], true
}
