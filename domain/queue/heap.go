package queue

import "container/heap"

// ranked is a heap of things that know their own place in it, so that any of them can be taken out. A thing is in at most one of
// the heaps that share its place.
type ranked[T any] struct {
	items []T
	less  func(a, b T) bool
	place func(T) *int // where an item keeps its index plus one; 0: it is in no heap
}

func (h *ranked[T]) Len() int           { return len(h.items) }
func (h *ranked[T]) Less(i, j int) bool { return h.less(h.items[i], h.items[j]) }

func (h *ranked[T]) Swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	*h.place(h.items[i]), *h.place(h.items[j]) = i+1, j+1
}

// Push is called by container/heap only; see add.
func (h *ranked[T]) Push(x any) {
	h.items = append(h.items, x.(T))
	*h.place(x.(T)) = len(h.items)
}

// Pop is called by container/heap only; see remove.
func (h *ranked[T]) Pop() any {
	last := len(h.items) - 1
	x := h.items[last]
	var none T
	h.items[last] = none
	h.items = h.items[:last]
	*h.place(x) = 0
	return x
}

// first is the least item. There must be one.
func (h *ranked[T]) first() T { return h.items[0] }

// put adds x, or finds its new place where it is in the heap already.
func (h *ranked[T]) put(x T) {
	if at := *h.place(x); at > 0 {
		heap.Fix(h, at-1)
		return
	}
	heap.Push(h, x)
}

// remove takes x out. It may be absent.
func (h *ranked[T]) remove(x T) {
	if at := *h.place(x); at > 0 {
		heap.Remove(h, at-1)
	}
}
