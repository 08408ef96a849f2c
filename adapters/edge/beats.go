package edge

import (
	"container/heap"
	"time"
)

// beats are the viewings of one writer by when their silence may have to be ended. That is looked at when the time has come, and not whenever something is written: a busy viewing costs no more than
// one look a heartbeat.
type beats []*Viewing

// forever is the rest of who has nothing to wait for.
const forever = time.Hour

func (b *beats) add(v *Viewing) {
	v.beat = -1
	if v.heartbeat > 0 {
		v.look = time.Now().Add(v.heartbeat)
		heap.Push(b, v)
	}
}

func (b *beats) remove(v *Viewing) {
	if v.beat >= 0 {
		heap.Remove(b, v.beat)
	}
}

// due calls silent with each viewing to which nothing was written for its heartbeat, and tells for how long there will be no other.
func (b *beats) due(now time.Time, silent func(*Viewing)) time.Duration {
	for len(*b) > 0 {
		v := (*b)[0]
		if rest := v.look.Sub(now); rest > 0 {
			return rest
		}
		v.look = v.written().Add(v.heartbeat)
		if !v.look.After(now) {
			silent(v)
			v.look = now.Add(v.heartbeat)
		}
		heap.Fix(b, 0)
	}
	return forever
}

func (b beats) Len() int           { return len(b) }
func (b beats) Less(i, j int) bool { return b[i].look.Before(b[j].look) }

func (b beats) Swap(i, j int) {
	b[i], b[j] = b[j], b[i]
	b[i].beat, b[j].beat = i, j
}

// Push is for package heap.
func (b *beats) Push(v any) {
	v.(*Viewing).beat = len(*b)
	*b = append(*b, v.(*Viewing))
}

// Pop is for package heap.
func (b *beats) Pop() any {
	last := len(*b) - 1
	v := (*b)[last]
	(*b)[last] = nil
	*b = (*b)[:last]
	v.beat = -1
	return v
}
