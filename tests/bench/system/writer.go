package system

import (
	"net"
	"sync"
)

// writer serves its share of the viewers: woken once, it gives each what came since it was woken last.
type writer struct {
	tape   *tape
	number int

	mu      sync.Mutex // guards viewers, of which run makes a list of its own
	viewers []net.Conn
}

// add lets the viewer be shown what is published from now on. Nothing is published while viewers come.
func (w *writer) add(viewer net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.viewers = append(w.viewers, viewer)
}

func (w *writer) run() {
	for place := uint64(0); ; {
		end := w.tape.sweep(w.number, place)
		head, tail := w.tape.between(place, end)
		w.mu.Lock()
		viewers := w.viewers
		w.mu.Unlock()
		var left map[net.Conn]bool
		for _, v := range viewers {
			_, err := v.Write(head)
			if err == nil && len(tail) > 0 {
				_, err = v.Write(tail)
			}
			if err != nil {
				if left == nil {
					left = make(map[net.Conn]bool)
				}
				left[v] = true
			}
		}
		w.forget(left)
		place = end
	}
}

// forget lets go who has left.
func (w *writer) forget(left map[net.Conn]bool) {
	if len(left) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var stay []net.Conn
	for _, v := range w.viewers {
		if !left[v] {
			stay = append(stay, v)
		}
	}
	w.viewers = stay
}
