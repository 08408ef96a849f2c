package subscribe

import (
	"slices"
	"sync"
	"sync/atomic"

	"culvert/domain"
	"culvert/ports"
)

// bell wakes one viewer. It is rung when there may be something new, and stays rung until the viewer has heard it.
type bell struct {
	waker ports.Waker // of a viewer that polls; nil where it listens itself

	mu   sync.Mutex // guards rung, which who listens reads without it
	rung chan struct{}
}

// unheard says that nobody listens any more: the viewer polls from now on.
func (b *bell) unheard() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rung = nil
}

func (b *bell) ring() {
	b.mu.Lock()
	select {
	case b.rung <- struct{}{}:
	default:
	}
	b.mu.Unlock()
	if b.waker != nil {
		b.waker.Wake()
	}
}

// bells are those of all who wait for one log. Who waits is rung once, and waits again when it says so: a viewer whose client does not read costs an append nothing. The zero bells are none.
//
// Nobody sleeps while there is something: a viewer calls wait before it looks at the log, and what is appended is in the log before ring is called. So either the look finds it, or the hook hangs
// when it is rung.
type bells struct {
	mu      sync.Mutex         // guards what follows; nothing is waited for under it
	waiting []*hook            // of those who wait for anything
	spare   []*hook            // memory for the next waiting
	keyed   map[string][]*hook // of those who wait for messages with one of a few keys
}

// hook is where a bell hangs.
type hook struct {
	bells *bells
	bell  *bell
	keys  []string // nil: any message is waited for
	// hung says that a ring is still to come: the hook is among the waiting, or among those that are being rung, of which each is let go just before its bell is rung.
	hung atomic.Bool

	down bool // it was taken down; guarded by the bells' mu, as is
	at   int  // its place among the waiting, if it is there
}

// hang adds a bell that is rung for messages with one of keys, or for whatever comes next where keys is nil, and whenever there is more to tell than messages.
func (bs *bells) hang(b *bell, keys []string) *hook {
	h := &hook{bells: bs, bell: b, keys: keys}
	h.wait()
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, key := range keys {
		if bs.keyed == nil {
			bs.keyed = map[string][]*hook{}
		}
		bs.keyed[key] = append(bs.keyed[key], h)
	}
	return h
}

// wait asks to be rung again. Who asks before it looks at the log misses nothing.
func (h *hook) wait() {
	if h.hung.Load() {
		return
	}
	if h.keys != nil {
		h.hung.Store(true)
		return
	}
	bs := h.bells
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if !h.down {
		h.at = len(bs.waiting)
		bs.waiting = append(bs.waiting, h)
		h.hung.Store(true)
	}
}

// takeDown ends the waiting, but for a ring that is under way.
func (h *hook) takeDown() {
	bs := h.bells
	bs.mu.Lock()
	defer bs.mu.Unlock()
	h.down = true
	if h.at < len(bs.waiting) && bs.waiting[h.at] == h {
		last := len(bs.waiting) - 1
		bs.waiting[h.at] = bs.waiting[last]
		bs.waiting[h.at].at = h.at
		bs.waiting[last] = nil
		bs.waiting = bs.waiting[:last]
	}
	for _, key := range h.keys {
		left := slices.DeleteFunc(bs.keyed[key], func(have *hook) bool { return have == h })
		if bs.keyed[key] = left; len(left) == 0 {
			delete(bs.keyed, key)
		}
	}
}

// ring rings the bell of a hook that hangs.
func (h *hook) ring() {
	if h.hung.CompareAndSwap(true, false) {
		h.bell.ring()
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
			for _, h := range bs.keyed[string(m.Key)] {
				h.ring()
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
		for _, h := range hooks {
			h.ring()
		}
	}
}

// ringWaiting rings who waits for anything. The mutex is not held meanwhile: those who wake take it at once, to wait again.
func (bs *bells) ringWaiting() {
	bs.mu.Lock()
	rung := bs.waiting
	if len(rung) > 0 {
		bs.waiting, bs.spare = bs.spare, nil
	}
	bs.mu.Unlock()
	if len(rung) == 0 {
		return
	}
	for _, h := range rung {
		h.ring()
	}
	clear(rung)
	bs.mu.Lock()
	bs.spare = rung[:0]
	bs.mu.Unlock()
}
