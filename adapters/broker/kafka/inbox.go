package kafka

import (
	"sync"

	"culvert/domain"
)

// inbox passes events from a session, which never waits, to the loop that ranges over them. It is bounded by the number of claims that come and go.
type inbox struct {
	mu     sync.Mutex // guards what follows
	events []domain.LaneEvent
	some   bool // there was an event
	ended  bool
	err    error
	wake   chan struct{} // holds a token when something has changed
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// put adds an event.
func (i *inbox) put(e domain.LaneEvent) {
	i.mu.Lock()
	i.events = append(i.events, e)
	i.some = true
	i.mu.Unlock()
	i.signal()
}

// close says that no event follows, and why.
func (i *inbox) close(err error) {
	i.mu.Lock()
	i.ended, i.err = true, err
	i.mu.Unlock()
	i.signal()
}

func (i *inbox) signal() {
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

// opened reports whether there was an event.
func (i *inbox) opened() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.some
}

// take empties the inbox.
func (i *inbox) take() (events []domain.LaneEvent, ended bool, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	events, i.events = i.events, nil
	return events, i.ended, i.err
}

// each yields the events, and at last the error of close, if there is one. It returns early when yield says so.
func (i *inbox) each(yield func(domain.LaneEvent, error) bool) {
	for range i.wake {
		events, ended, err := i.take()
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
		if ended {
			if err != nil {
				yield(domain.LaneEvent{}, err)
			}
			return
		}
	}
}
