package edge

import (
	"bytes"
	"slices"
	"unique"

	"culvert/domain"
	"culvert/ports"
)

// Rendition is a way of rendering: two outlets that have the same one render the same of a batch, as long as it has no spans of a viewer's own. The zero Rendition is an outlet's own.
type Rendition = unique.Handle[Look]

// Look is all that tells one Rendition from another.
type Look struct {
	Format *domain.Format
	// Name is what is put before each frame.
	Name string
	// Lines says that many frames are one message.
	Lines bool
}

// Parts are bytes to be written to one client, one part after the other: some that nobody ever changes, which all viewers share, and copies. They are used again and again, by one goroutine, and
// mostly for one viewer after the other that is to be sent the same.
type Parts struct {
	parts []part
	own   []byte   // the copies
	all   [][]byte // what they are together,
	size  int      // and how many bytes

	// What was rendered, and the error; the zero Rendition where nobody else renders that so.
	rendition Rendition
	spans     []domain.Span
	last      error
}

// part is either shared or what lies in own from a place on, up to the next such part.
type part struct {
	shared []byte
	from   int
}

const (
	// smallPart is how long a shared part is at most that is rather copied than written by itself.
	smallPart = 16 << 10
	// keptBytes is how much memory for copies is kept.
	keptBytes = 256 << 10
)

// Share adds b, which must never change. Frames that are neighbours in memory become one part.
func (p *Parts) Share(b []byte) {
	if n := len(p.parts); n > 0 {
		if both, ok := domain.Joined(p.parts[n-1].shared, b); ok {
			p.parts[n-1].shared = both
			return
		}
	}
	switch {
	case len(b) == 0:
	case len(p.parts) == 0 || len(b) > smallPart:
		p.parts = append(p.parts, part{shared: b})
	default:
		p.SetTail(append(p.Tail(), b...))
	}
}

// Tail is memory to append to, which SetTail then adds. Nothing else is added in between.
func (p *Parts) Tail() []byte {
	n := len(p.parts)
	if n > 0 && p.parts[n-1].shared == nil {
		return p.own
	}
	if n == 1 && len(p.parts[0].shared) <= smallPart {
		p.own = append(p.own, p.parts[0].shared...)
		p.parts[0] = part{}
		return p.own
	}
	p.parts = append(p.parts, part{from: len(p.own)})
	return p.own
}

// SetTail adds what was appended to Tail.
func (p *Parts) SetTail(b []byte) { p.own = b }

// render gives what out renders of batch, which is not rendered again where it is what was rendered last, and the error of that. It is valid until the next render, or reset.
func (p *Parts) render(out Outlet, as Rendition, batch ports.Batch) (all [][]byte, size int, last error) {
	common := as != Rendition{}
	if common && as == p.rendition && slices.Equal(p.spans, batch.Spans) {
		return p.all, p.size, p.last
	}
	p.reset()
	p.last = out.Render(p, batch)
	p.join()
	if common && sharable(batch) {
		p.rendition, p.spans = as, append(p.spans, batch.Spans...)
	}
	return p.all, p.size, p.last
}

// sharable reports whether batch is what other viewers may be given, too.
func sharable(batch ports.Batch) bool {
	own := func(s domain.Span) bool { return s.Own != nil }
	return len(batch.Spans) > 0 && !slices.ContainsFunc(batch.Spans, own)
}

// join makes all of the parts.
func (p *Parts) join() {
	for i, one := range p.parts {
		b := one.shared
		if b == nil {
			b = p.own[one.from:p.end(i)]
		}
		p.all = append(p.all, b)
		p.size += len(b)
	}
}

// end is where the copies of part i end.
func (p *Parts) end(i int) int {
	for _, later := range p.parts[i+1:] {
		if later.shared == nil {
			return later.from
		}
	}
	return len(p.own)
}

// rest is what comes after the first n bytes, and stays valid after reset.
func (p *Parts) rest(n int) (rest [][]byte) {
	for i, b := range p.all {
		if n >= len(b) {
			n -= len(b)
			continue
		}
		if b = b[n:]; p.parts[i].shared == nil {
			b = bytes.Clone(b)
		}
		rest, n = append(rest, b), 0
	}
	return rest
}

// reset empties the parts.
func (p *Parts) reset() {
	clear(p.parts)
	clear(p.all)
	clear(p.spans)
	p.parts, p.all, p.own, p.spans = p.parts[:0], p.all[:0], p.own[:0], p.spans[:0]
	p.size, p.rendition, p.last = 0, Rendition{}, nil
	if cap(p.own) > keptBytes {
		p.own = nil
	}
}
