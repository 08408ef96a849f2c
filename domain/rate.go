package domain

import (
	"math"
	"sync"
	"time"
)

// Rate is how much comes in a second, over the last seconds: what came longer ago counts less and less. The zero Rate is one of nothing. Its methods may be called from any goroutine, and cost next to nothing.
type Rate struct {
	mu    sync.Mutex // guards what follows
	at    time.Time  // when value was right
	value float64    // a second
}

// rateMemory is after how long what came counts for a third of what it did.
const rateMemory = 3 * time.Second

// Add says that n came by now.
func (r *Rate) Add(n int, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fade(now)
	r.value += float64(n) / rateMemory.Seconds()
}

// PerSecond is the rate at now. What is less than a thing in some minutes is nothing.
func (r *Rate) PerSecond(now time.Time) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fade(now)
	const least = 0.01
	if r.value < least {
		return 0
	}
	return r.value
}

func (r *Rate) fade(now time.Time) {
	if past := now.Sub(r.at); past > 0 {
		if r.value > 0 {
			r.value *= math.Exp(-past.Seconds() / rateMemory.Seconds())
		}
		r.at = now
	}
}
