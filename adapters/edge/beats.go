package edge

import (
	"container/heap"
	"time"
)

// beats are the viewings of one writer by when their silence may have to be ended: a heap. That is looked at when the time has come, and not whenever something is written: a busy viewing costs no more
// than one look a heartbeat.
type beats []*Viewing

// earlier is which part of a heartbeat a silence may be ended too early, so that the silences of many are ended together and not each by a timer of its own.
const earlier = 16

// pause is the silence of v that may be ended.
func (v *Viewing) pause() time.Duration { return v.heartbeat - v.heartbeat/earlier }

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

// due calls silent with each viewing to which nothing was written for about its heartbeat, and tells when there may be another; the zero time where there is none.
func (b *beats) due(now time.Time, silent func(*Viewing)) time.Time {
	for len(*b) > 0 {
		v := (*b)[0]
		if v.look.Sub(now) > v.heartbeat/earlier {
			return v.look
		}
		v.look = v.written().Add(v.heartbeat)
		if v.silent(now) {
			silent(v)
			v.look = now.Add(v.heartbeat)
		}
		heap.Fix(b, 0)
	}
	return time.Time{}
}

func (b *beats) Len() int           { return len(*b) }
func (b *beats) Less(i, j int) bool { return (*b)[i].look.Before((*b)[j].look) }

func (b *beats) Swap(i, j int) {
	all := *b
	all[i], all[j] = all[j], all[i]
	all[i].beat, all[j].beat = i, j
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
