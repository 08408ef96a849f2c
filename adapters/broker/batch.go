package broker

import (
	"slices"
	"sync"
	"time"

	"culvert/domain"
)

// batch is one Publish under way. Each of its messages is answered exactly once: by the publishing goroutine in their order, or, where
// that takes too long, all that are left by the clock.
type batch struct {
	messages []*domain.Message
	done     func(i int, ack domain.Ack, err error)
	finished func() // called after the last answer
	clock    *time.Timer
	// over is closed when the batch is answered before the publishing goroutine got through it.
	over chan struct{}

	mu       sync.Mutex // guards what follows; done is not called under it
	begun    int        // messages before it have been given to the publisher
	answered int        // messages before it have been answered
}

func newBatch(messages []*domain.Message, done func(int, domain.Ack, error), timeout time.Duration, finished func()) *batch {
	b := &batch{messages: slices.Clone(messages), done: done, finished: finished, over: make(chan struct{})}
	b.mu.Lock() // which end takes before it looks for the clock: nothing else says that the clock is set before it runs out
	defer b.mu.Unlock()
	b.clock = time.AfterFunc(timeout, func() {
		b.end(domain.Errorf(domain.Unavailable, "the message was not published in time"))
	})
	return b
}

// next is the next message to publish; false when there is none, or the batch is over.
func (b *batch) next() (i int, m *domain.Message, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.begun == len(b.messages) || b.answered == len(b.messages) {
		return 0, nil, false
	}
	b.begun++
	return b.begun - 1, b.messages[b.begun-1], true
}

// answer tells the outcome of message i, which next has given. Answers come in the order of next.
func (b *batch) answer(i int, ack domain.Ack, err error) {
	b.mu.Lock()
	if b.answered != i { // the batch is over
		b.mu.Unlock()
		return
	}
	b.answered++
	b.mu.Unlock()
	b.done(i, ack, err)
	if i == len(b.messages)-1 {
		b.clock.Stop()
		b.finished()
	}
}

// end answers all that is left: with err what was not tried, with Timeout what may be in the broker.
func (b *batch) end(err error) {
	b.mu.Lock()
	from, begun := b.answered, b.begun
	b.answered = len(b.messages)
	b.mu.Unlock()
	if from == len(b.messages) {
		return
	}
	b.clock.Stop()
	close(b.over)
	for i := from; i < len(b.messages); i++ {
		if i < begun {
			b.done(i, domain.Ack{}, errUnconfirmed(nil))
		} else {
			b.done(i, domain.Ack{}, err)
		}
	}
	b.finished()
}

// errUnconfirmed says that nobody knows: Watermill's publishers do not tell whether a message that failed has been sent.
func errUnconfirmed(cause error) error {
	return domain.Errorf(domain.Timeout, "the broker did not confirm the message").Because(cause)
}
