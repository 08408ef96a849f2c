package chaos

import (
	"fmt"
	"sync"

	"culvert/tests/oracle"
)

// progress is how far somebody has come with what each publisher sends.
type progress struct {
	crowd
	mu      sync.Mutex     // guards what follows
	reached []int          // by publisher: how many messages were sent up to the last one seen
	ends    map[string]int // by key: the number of the last message of the last publisher
}

func newProgress(c crowd) *progress {
	return &progress{crowd: c, reached: make([]int, c.publishers), ends: map[string]int{}}
}

// saw notes a message. Who is none of the publishers is of no account: his messages are the oracle's business.
func (p *progress) saw(n oracle.Note) {
	if n.Publisher > p.publishers {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
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
