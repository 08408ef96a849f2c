package subscribe

import (
	"sync"

	"culvert/domain"
)

// bell wakes one viewer. It is rung when there may be something new, and stays rung until the viewer has heard it.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// bells are those of all who wait for one log. The zero bells are none.
type bells struct {
	mu    sync.Mutex // guards what follows; nothing is waited for under it
	all   map[bell]struct{}
	keyed map[string]map[bell]struct{} // of viewers that wait for one of a few keys
}

// hang adds a bell that is rung for messages with one of keys, or for all where keys is nil, and whenever there is more to tell than messages. takeDown removes it; it is
// called once. A viewer has one bell at a time here.
func (bs *bells) hang(b bell, keys []string) (takeDown func()) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if bs.all == nil {
		bs.all, bs.keyed = map[bell]struct{}{}, map[string]map[bell]struct{}{}
	}
	if keys == nil {
		bs.all[b] = struct{}{}
	}
	for _, key := range keys {
		if bs.keyed[key] == nil {
			bs.keyed[key] = map[bell]struct{}{}
		}
		bs.keyed[key][b] = struct{}{}
	}
	return func() { bs.takeDown(b, keys) }
}

func (bs *bells) takeDown(b bell, keys []string) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if keys == nil {
		delete(bs.all, b)
	}
	for _, key := range keys {
		delete(bs.keyed[key], b)
		if len(bs.keyed[key]) == 0 {
			delete(bs.keyed, key)
		}
	}
}

// ring tells who waits for these messages.
func (bs *bells) ring(messages []*domain.Message) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for b := range bs.all {
		b.ring()
	}
	if len(bs.keyed) == 0 {
		return
	}
	for _, m := range messages {
		if m.Key != nil {
			for b := range bs.keyed[string(m.Key)] {
				b.ring()
			}
		}
	}
}

// ringAll tells everybody.
func (bs *bells) ringAll() {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for b := range bs.all {
		b.ring()
	}
	for _, waiting := range bs.keyed {
		for b := range waiting {
			b.ring()
		}
	}
}
