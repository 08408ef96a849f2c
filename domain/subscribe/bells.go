package subscribe

import (
	"sync"

	"culvert/domain"
	"culvert/ports"
)

// bell wakes one viewer. It is rung when there may be something new, and stays rung until the viewer has heard it.
type bell struct {
	rung  chan struct{}
	waker ports.Waker // of a viewer that polls; nil where it listens itself
}

func newBell(w ports.Waker) bell { return bell{make(chan struct{}, 1), w} }

func (b bell) ring() {
	select {
	case b.rung <- struct{}{}:
	default:
	}
	if b.waker != nil {
		b.waker.Wake()
	}
}

// bells are those of all who wait for one log. Who waits for anything is rung once, and waits again when it says so: a viewer whose client does not read costs an append nothing. The
// zero bells are none.
type bells struct {
	mu      sync.Mutex // guards what follows, and the hooks; nothing is waited for under it
	waiting []*hook
	spare   []*hook                       // memory for the next waiting
	keyed   map[string]map[*hook]struct{} // of viewers that wait for messages with one of a few keys
}

// hook is where a bell hangs.
type hook struct {
	bells *bells
	bell  bell
	keys  []string // nil: any message is waited for
	at    int      // its place among the waiting, notWaiting where it is not one of them
}

const notWaiting = -1

// hang adds a bell that is rung for messages with one of keys, or for whatever comes next where keys is nil, and whenever there is more to tell than messages.
func (bs *bells) hang(b bell, keys []string) *hook {
	h := &hook{bells: bs, bell: b, keys: keys, at: notWaiting}
	h.wait()
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, key := range keys {
		if bs.keyed == nil {
			bs.keyed = map[string]map[*hook]struct{}{}
		}
		if bs.keyed[key] == nil {
			bs.keyed[key] = map[*hook]struct{}{}
		}
		bs.keyed[key][h] = struct{}{}
	}
	return h
}

// wait asks to be rung again. Who asks before it looks at the log misses nothing.
func (h *hook) wait() {
	if h.keys != nil {
		return
	}
	bs := h.bells
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if h.at == notWaiting {
		h.at = len(bs.waiting)
		bs.waiting = append(bs.waiting, h)
	}
}

// takeDown ends the waiting.
func (h *hook) takeDown() {
	bs := h.bells
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if h.at != notWaiting {
		last := len(bs.waiting) - 1
		bs.waiting[h.at] = bs.waiting[last]
		bs.waiting[h.at].at = h.at
		bs.waiting[last] = nil
		bs.waiting, h.at = bs.waiting[:last], notWaiting
	}
	for _, key := range h.keys {
		delete(bs.keyed[key], h)
		if len(bs.keyed[key]) == 0 {
			delete(bs.keyed, key)
		}
	}
}

// ring tells who waits for these messages.
func (bs *bells) ring(messages []*domain.Message) {
	bs.ringWaiting()
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if len(bs.keyed) == 0 {
		return
	}
	for _, m := range messages {
		if m.Key != nil {
			for h := range bs.keyed[string(m.Key)] {
				h.bell.ring()
			}
		}
	}
}

// ringAll tells everybody.
func (bs *bells) ringAll() {
	bs.ringWaiting()
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, hooks := range bs.keyed {
		for h := range hooks {
			h.bell.ring()
		}
	}
}

// ringWaiting rings who waits for anything. The mutex is not held meanwhile: those who wake take it at once, to wait again.
func (bs *bells) ringWaiting() {
	bs.mu.Lock()
	rung := bs.waiting
	bs.waiting, bs.spare = bs.spare, nil
	for _, h := range rung {
		h.at = notWaiting
	}
	bs.mu.Unlock()
	for _, h := range rung {
		h.bell.ring()
	}
	clear(rung)
	bs.mu.Lock()
	bs.spare = rung[:0]
	bs.mu.Unlock()
}
