package e2e

import (
	"fmt"
	"sync"
	"time"
)

// holders watch, at one node, that the unsettled messages of a key are at one member at a time.
type holders struct {
	mu       sync.Mutex // guards what follows
	of       map[string]*holding
	moves    []time.Time // when partitions came or went, and with them what was held of their keys
	suspects []suspect
}

// holding is what one member holds of a key.
type holding struct {
	member *seat
	n      int
	since  time.Time
}

// suspect is a message that was given to a member while another one held some of its key.
type suspect struct {
	key        string
	had, given string
	at         time.Time
}

// take notes that a member was given a message.
func (h *holders) take(key string, by *seat) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	had := h.of[key]
	// What is held for nearly a lease may have been handed on by its end.
	if had != nil && had.member != by && had.n > 0 && now.Sub(had.since) < lease/2 {
		h.suspects = append(h.suspects, suspect{key, had.member.name, by.name, now})
	}
	if had == nil || had.member != by {
		had = &holding{member: by}
		h.of[key] = had
	}
	had.n++
	had.since = now
}

// release notes that a member is about to give up a message. It may have been handed on already.
func (h *holders) release(key string, by *seat) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if had := h.of[key]; had != nil && had.member == by {
		had.n--
	}
}

// leave notes that a member is about to give up all it holds.
func (h *holders) leave(by *seat) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, had := range h.of {
		if had.member == by {
			delete(h.of, key)
		}
	}
}

// moved notes that the node's partitions are others now.
func (h *holders) moved() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.moves = append(h.moves, time.Now())
}

// faults are the suspects that no move of partitions explains.
func (h *holders) faults() (faults []string) {
	const around = 3 * time.Second
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.suspects {
		explained := false
		for _, at := range h.moves {
			explained = explained || s.at.Sub(at).Abs() < around
		}
		if !explained {
			faults = append(faults, fmt.Sprintf("%s was given %s while %s held some of it", s.given, s.key, s.had))
		}
	}
	return faults
}
