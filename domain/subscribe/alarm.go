package subscribe

import (
	"sync"
	"time"
)

// alarm rings once, when the wall clock has come to a time. Timers go by the monotonic clock, and the wall clock may be set meanwhile, so it is looked at now and then.
type alarm struct {
	at   time.Time
	now  func() time.Time
	ring func()

	mu    sync.Mutex // guards timer; not held while it rings
	timer *time.Timer
}

// alarmLooks is how late an alarm may be where the clock was set forward.
const alarmLooks = 5 * time.Second

// newAlarm calls ring in a goroutine of its own when now has come to at, unless it is stopped before.
func newAlarm(at time.Time, now func() time.Time, ring func()) *alarm {
	a := &alarm{at: at.Round(0), now: now, ring: ring}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.timer = time.AfterFunc(a.rest(), a.look)
	return a
}

// rest is how long it can sleep.
func (a *alarm) rest() time.Duration { return min(a.at.Sub(a.now()), alarmLooks) }

func (a *alarm) look() {
	a.mu.Lock()
	rest := a.rest()
	if a.timer != nil && rest > 0 {
		a.timer.Reset(rest)
	}
	rings := a.timer != nil && rest <= 0
	a.mu.Unlock()
	if rings {
		a.ring()
	}
}

// stop lets it ring no more, but for a ring that is under way. It may be called more than once.
func (a *alarm) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
}
