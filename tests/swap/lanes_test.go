package swap

import (
	"errors"
	"strings"
	"sync"
	"time"
)

// patience is how long the script waits for what must come.
const patience = 20 * time.Second

var errNothing = errors.New("nothing came")

// lanes are what one connection gave, apart for each sub and id, in the order in which it came.
type lanes struct {
	mu    sync.Mutex // guards what follows
	lanes map[string]*lane
}

type lane struct {
	waiting []string
	came    chan struct{} // holds one when something is waiting
	read    []string
}

// lane is the one of that name.
func (l *lanes) lane(name string) *lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lanes == nil {
		l.lanes = map[string]*lane{}
	}
	one := l.lanes[name]
	if one == nil {
		one = &lane{came: make(chan struct{}, 1)}
		l.lanes[name] = one
	}
	return one
}

// put adds what came.
func (l *lanes) put(name, text string) {
	one := l.lane(name)
	l.mu.Lock()
	one.waiting = append(one.waiting, text)
	l.mu.Unlock()
	select {
	case one.came <- struct{}{}:
	default:
	}
}

// next waits for what came next.
func (l *lanes) next(name string) (string, error) {
	one := l.lane(name)
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		l.mu.Lock()
		if len(one.waiting) > 0 {
			text := one.waiting[0]
			one.waiting = one.waiting[1:]
			one.read = append(one.read, text)
			l.mu.Unlock()
			return text, nil
		}
		l.mu.Unlock()
		select {
		case <-one.came:
		case <-late.C:
			return "", errNothing
		}
	}
}

// markLane is where marks are, or how the lane of a sub's marks ends.
const markLane = "mark"

// left is what came and was not asked for, but for marks.
func (l *lanes) left() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var left []string
	for name, one := range l.lanes {
		if strings.HasSuffix(name, markLane) {
			continue
		}
		left = append(left, one.waiting...)
	}
	return left
}
