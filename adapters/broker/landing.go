package broker

import (
	"sync"

	"culvert/domain"
)

// landing is where the publishing goroutine of a topic waits for the one Watermill message that it has on its way to come back. The zero
// landing is ready.
type landing struct {
	mu     sync.Mutex // guards what follows
	id     string
	landed chan []*domain.Message
}

// expect says which message is on its way; what it carried comes through the channel, as it is in the log. The channel is closed where it is lost.
func (l *landing) expect(id string) <-chan []*domain.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.id = id
	l.landed = make(chan []*domain.Message, 1)
	return l.landed
}

// land tells that what a message carried is in the log. One that comes twice lands once.
func (l *landing) land(id string, kept []*domain.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.landed != nil && id == l.id {
		l.landed <- kept
		l.landed = nil
	}
}

// lose tells that what is on its way will not come back: its channel is closed.
func (l *landing) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.landed != nil {
		close(l.landed)
		l.landed = nil
	}
}
