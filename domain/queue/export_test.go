package queue

import (
	"math"
	"time"

	"culvert/ports"
)

// Ask lets a member sit among those who ask, as its Next does before it waits. What it is given from then on is not told before Next is called.
func Ask(of ports.Member) {
	m := of.(*member)
	l := m.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.asking || m.end != nil {
		return
	}
	l.asked++
	m.asking, m.asked, m.most = true, l.asked, math.MaxInt
	l.seat(m)
	l.dispatch(time.Now())
}

// Stand lets a member that sits get up, as its Next does when its context ends.
func Stand(of ports.Member) { of.(*member).stand() }

// Keys is how many keys the lane of a member keeps in mind.
func Keys(of ports.Member) (n int) {
	l := of.(*member).lane
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.claims {
		n += len(c.lines)
	}
	return n
}
