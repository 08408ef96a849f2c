package domain

import (
	"iter"
	"sort"
	"sync/atomic"
	"time"
)

// Run is a stretch of one partition as it stands in a log: neighbours, or a single gap. It is immutable and shared by all
// viewers; what they write of it is encoded once.
type Run struct {
	Topic     Topic
	Partition int32
	// Base is the vector before the run.
	Base *Vector
	// Gap is what the run is about where it has no messages.
	Gap      *Gap
	Messages []*Message
	// After is the vector after the run.
	After *Vector
	// Appended is when the run came into the log: the first of its events, where it has grown.
	Appended time.Time
	// Blocks, where it is not nil, is where the run's frames lie with those of its neighbours.
	Blocks *Blocks

	grown    []growth
	encoding atomic.Pointer[encoding] // nil until somebody asks for what it holds
}

// growth is when a run got the events from some on.
type growth struct {
	from int
	at   time.Time
}

// Grown is r with messages after it, of the same partition, which came at now; after is the vector then. Both share what has been encoded and the memory of what is common to them. A run
// grows once at most; what it has grown into may grow again.
func (r *Run) Grown(messages []*Message, after *Vector, now time.Time) *Run {
	longer := &Run{
		Topic: r.Topic, Partition: r.Partition, Base: r.Base, Messages: append(r.Messages, messages...), After: after, Appended: r.Appended, Blocks: r.Blocks,
		grown: append(r.grown, growth{len(r.Messages), now}),
	}
	longer.encoding.Store(r.encoded())
	return longer
}

// AppendedAt is when event i came into the log.
func (r *Run) AppendedAt(i int) time.Time {
	if n := sort.Search(len(r.grown), func(n int) bool { return r.grown[n].from > i }); n > 0 {
		return r.grown[n-1].at
	}
	return r.Appended
}

// Len is the number of events in the run: its messages, or one gap.
func (r *Run) Len() int {
	if r.Gap != nil {
		return 1
	}
	return len(r.Messages)
}

// VectorAt is the vector before event i; VectorAt(Len()) is After.
func (r *Run) VectorAt(i int) *Vector {
	switch {
	case i == 0:
		return r.Base
	case i >= r.Len():
		return r.After
	}
	return r.Base.With(r.Messages[i-1].After())
}

// event is event i with the cursor text of the vector after it.
func (r *Run) event(i int, cursor string) Event {
	e := Event{Topic: r.Topic, Cursor: cursor, Gap: r.Gap}
	if r.Gap == nil {
		e.Message = r.Messages[i]
	}
	return e
}

// Thinned reports whether the run's frames carry ids on some events only, since its cursors are long. It is so of what the run grows into, too: they differ by a few bytes only.
func (r *Run) Thinned() bool { return r.encoded().thinned(r) }

// Format is one way of writing events as bytes. Its identity is its pointer.
type Format struct {
	// Name tells it apart for people.
	Name string
	// Append appends e's frame to dst. It is called from any goroutine and must not keep e or dst.
	Append func(dst []byte, e Event) []byte
	// Placeless says that its frames tell no cursor, so that none is made for them.
	Placeless bool
}

// Span is a part of a run that one viewer takes: events From up to To, exclusive, never none.
type Span struct {
	Run      *Run
	From, To int
	// Own, where it is not nil, is the viewer's own cursor before From: its cursors differ from those that others see.
	Own *Cursor
}

const (
	longCursor   = 128 // a cursor longer than this is sent on some events only
	cursorStride = 50  // and on every so many of them
)

// Events are the span's events, by their index in the run. Where cursors are long only the last event and every fiftieth one
// carry theirs (PROTOCOL §3).
func (s Span) Events() iter.Seq2[int, Event] {
	if s.Own == nil {
		return s.events(strideOf(s.Run.Thinned()))
	}
	return s.events(strideOf(len(s.After(s.To-1).String()) > longCursor))
}

// strideOf is which events carry cursors: every so manieth.
func strideOf(long bool) int {
	if long {
		return cursorStride
	}
	return 1
}

// events are Events with a cursor on the last and on every so manieth of the run; stride 0: on none.
func (s Span) events(stride int) iter.Seq2[int, Event] {
	return func(yield func(int, Event) bool) {
		var moving Cursor
		for i := s.From; i < s.To; i++ {
			cursor := ""
			if stride > 0 && (i == s.To-1 || (i+1)%stride == 0) {
				cursor = s.move(&moving, i).String()
			}
			if !yield(i, s.Run.event(i, cursor)) {
				return
			}
		}
	}
}

// move gives After of event i. Within the run it uses moving for that, which is the zero Cursor at first, so that not every event costs a vector.
func (s Span) move(moving *Cursor, i int) Cursor {
	if s.Own != nil || i+1 >= s.Run.Len() {
		return s.After(i)
	}
	if moving.Topics == nil {
		*moving = s.After(i)
	} else {
		moving.Topics[0].Vector.move(s.Run.Messages[i].After())
	}
	return *moving
}

// After is the viewer's cursor after event i of the run.
func (s Span) After(i int) Cursor {
	after := s.Run.VectorAt(i + 1)
	if s.Own == nil {
		return CursorOf(s.Run.Topic, after)
	}
	topic := Pattern(s.Run.Topic)
	if j := s.Own.find(topic); j >= 0 && s.Own.Topics[j].Vector.Epoch == after.Epoch {
		next, _ := after.At(s.Run.Partition)
		after = s.Own.Topics[j].Vector.With(next)
	}
	return s.Own.With(topic, after)
}

// Append appends the span's frames in format f to dst: shared bytes where the span's cursors are everybody's, so the caller
// does not change them nor append to them. Where they go on where the last of dst ends, that becomes longer.
func (s Span) Append(dst [][]byte, f *Format) [][]byte {
	if s.Own == nil {
		shared := s.Run.Frames(f).Between(s.From, s.To)
		if n := len(dst); n > 0 {
			if both, ok := Joined(dst[n-1], shared); ok {
				dst[n-1] = both
				return dst
			}
		}
		return append(dst, shared)
	}
	var own []byte
	for _, e := range s.Events() {
		own = f.Append(own, e)
	}
	return append(dst, own)
}

// Each yields the frames of the span's events in format f, one by one, for edges that put something before each.
func (s Span) Each(f *Format) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if s.Own == nil {
			frames := s.Run.Frames(f)
			for i := s.From; i < s.To; i++ {
				if !yield(frames.Between(i, i+1)) {
					return
				}
			}
			return
		}
		var buf []byte
		for _, e := range s.Events() {
			buf = f.Append(buf[:0], e)
			if !yield(buf) {
				return
			}
		}
	}
}
