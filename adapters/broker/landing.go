package broker

import (
	"sync"

	"culvert/domain"
)

// landing is where the publishing goroutine of a topic waits for the one message that it has on its way to come back. The zero
// landing is ready.
type landing struct {
	mu     sync.Mutex // guards what follows
	id     string
	landed chan domain.Ack
}

// expect says which message is on its way; its position comes through the channel, which is closed where it is lost.
func (l *landing) expect(id string) <-chan domain.Ack {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.id = id
	l.landed = make(chan domain.Ack, 1)
	return l.landed
}

// land tells that a message is in the log. One that comes twice lands once.
func (l *landing) land(id string, ack domain.Ack) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.landed != nil && id == l.id {
		l.landed <- ack
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
