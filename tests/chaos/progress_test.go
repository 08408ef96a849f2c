package chaos

import (
	"fmt"
	"sync"

	"culvert/tests/oracle"
)

// progress is how far somebody has come with what each publisher sends.
type progress struct {
	crowd
	mu      sync.Mutex           // guards what follows
	reached []int                // by publisher: how many messages were sent up to the last one seen
	ends    map[string]int       // by key: the number of the last message of the last publisher
	others  map[oracle.Note]bool // what was seen of strangers
}

func newProgress(c crowd) *progress {
	return &progress{crowd: c, reached: make([]int, c.publishers), ends: map[string]int{}, others: map[oracle.Note]bool{}}
}

func (p *progress) saw(n oracle.Note) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n.Publisher > p.publishers {
		p.others[n] = true
		return
	}
	if n.Publisher == p.publishers {
		p.ends[n.Key] = max(p.ends[n.Key], n.N+1)
		return
	}
	p.reached[n.Publisher] = max(p.reached[n.Publisher], p.index(n)+1)
}

// behind says what of marks was not reached; nothing if all was.
func (p *progress) behind(marks []int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, mark := range marks {
		if p.reached[i] <= mark {
			return fmt.Sprintf(" has come to %d of %d of publisher %d", p.reached[i], mark, i)
		}
	}
	return ""
}

// misses counts those of a stranger's messages that were not seen.
func (p *progress) misses(notes []oracle.Note) (missing int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range notes {
		if !p.others[n] {
			missing++
		}
	}
	return missing
}

// lacks counts the keys whose end was not seen.
func (p *progress) lacks(ends map[string]int) (missing int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, n := range ends {
		if p.ends[key] <= n {
			missing++
		}
	}
	return missing
}
