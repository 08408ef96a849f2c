// Package oracle judges whether a bridge kept its promises: it is told what was published and what each client was shown,
// and says what does not agree. It knows nothing of brokers, edges or the bridge.
//
// Published messages are numbered by their publisher and key, and carry that in their payload (Note), so that every one is told
// from every other, whatever carried it.
package oracle

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// Note is what a message of a judged run carries: which publisher sent it, under which key, and the how-manieth with that key it
// was, from 0.
type Note struct {
	Publisher int
	Key       string
	N         int
}

// String is the payload that carries the note. Keys have no spaces.
func (n Note) String() string {
	return strconv.Itoa(n.Publisher) + " " + n.Key + " " + strconv.Itoa(n.N)
}

// ParseNote reads a payload that String made. What stands behind a further space is padding.
func ParseNote(payload string) (Note, error) {
	publisher, rest, ok := strings.Cut(payload, " ")
	key, rest, ok2 := strings.Cut(rest, " ")
	number, _, _ := strings.Cut(rest, " ")
	p, err := strconv.Atoi(publisher)
	n, err2 := strconv.Atoi(number)
	if !ok || !ok2 || err != nil || err2 != nil || p < 0 || n < 0 {
		return Note{}, fmt.Errorf("%q is no message of this run", payload)
	}
	return Note{p, key, n}, nil
}

// Oracle collects what happened in one run. Its methods may be called from any goroutine, those of a Viewer and a Member each from one.
type Oracle struct {
	mu      sync.Mutex // guards what follows
	sent    map[Note]*fate
	prompt  bool
	remade  bool
	early   bool
	own     int64 // offsets that may be the broker's own
	viewers []*Viewer
	queues  map[string][]*Member
	excused map[string]map[Note]bool // by queue: what its members need not be given
	turn    int64                    // how often a member was given a message, or heard that one is settled
	tries   map[giver]*tries
	faults  []string
}

// fate is what became of one message at its publisher.
type fate struct {
	answers int
	acked   bool
	unknown bool // the publisher's connection broke before the answer
	kept    bool // no gap excuses that it is missing
}

// New makes an oracle that has heard of nothing.
func New() *Oracle {
	return &Oracle{sent: map[Note]*fate{}, queues: map[string][]*Member{}, excused: map[string]map[Note]bool{}, tries: map[giver]*tries{}}
}

// Sent says that a message is about to be sent.
func (o *Oracle) Sent(n Note) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sent[n] != nil {
		o.fault("%v was sent twice: the run itself is wrong", n)
		return
	}
	o.sent[n] = &fate{kept: o.remade}
}

// Own says that up to n offsets may be the broker's own: nobody sent what they number, and gaps may count them.
func (o *Oracle) Own(n int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.own = n
}

// Prompt says that members tell of what they are given when they are given it, so that the order of a key is judged over all of them. Else it is that of each.
func (o *Oracle) Prompt() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.prompt = true
}

// Early says that members may be told of a gap before they are given what was in the queue already, as where all of that is given again: a gap excuses what is missing anywhere behind it.
func (o *Oracle) Early() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.early = true
}

// Remade says that the topic was deleted and has been made anew: gaps excuse what went with the old one, and nothing that is sent from now on, until it is made anew once more.
func (o *Oracle) Remade() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.remade = true
	for _, f := range o.sent {
		f.kept = false
	}
}

// Answered says that the publisher was answered: acked tells whether the broker confirmed the message.
func (o *Oracle) Answered(n Note, acked bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.sent[n]
	if f == nil {
		o.fault("%v was answered and never sent", n)
		return
	}
	f.answers++
	f.acked = f.acked || acked
}

// Unknown says that the publisher's connection broke before it was answered: the message may be there or not.
func (o *Oracle) Unknown(n Note) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.sent[n]
	if f == nil || f.answers > 0 {
		o.fault("%v was never sent, or answered: the run itself is wrong", n)
		return
	}
	f.unknown = true
}

// fault notes what is wrong. The caller holds the mutex.
func (o *Oracle) fault(format string, args ...any) {
	const most = 1000
	if len(o.faults) < most {
		o.faults = append(o.faults, fmt.Sprintf(format, args...))
	}
}

// Judge says all that does not agree, in no order; nothing where every promise was kept. It is called when the run is over.
func (o *Oracle) Judge() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n, f := range o.sent {
		if f.answers != 1 && !(f.answers == 0 && f.unknown) {
			o.fault("%v was answered %d times", n, f.answers)
		}
	}
	for _, v := range o.viewers {
		o.judgeViewer(v)
	}
	o.judgeAgreement()
	for name, members := range o.queues {
		o.judgeQueue(name, members)
	}
	return o.faults
}

// Acked counts the messages that the broker confirmed.
func (o *Oracle) Acked() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, f := range o.sent {
		if f.acked {
			n++
		}
	}
	return n
}

// Unanswered counts the messages of which nobody knows what became of them, since their publisher's connection broke.
func (o *Oracle) Unanswered() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, f := range o.sent {
		if f.answers == 0 {
			n++
		}
	}
	return n
}

// Gaps counts the holes that viewers and members were told of. It is called when the run is over.
func (o *Oracle) Gaps() (n int) {
	for _, v := range o.viewers {
		n += v.gaps
	}
	for _, members := range o.queues {
		for _, m := range members {
			n += m.told()
		}
	}
	return n
}

// Shown counts the messages that viewers were shown, by each of them. It is called when the run is over.
func (o *Oracle) Shown() (n int) {
	for _, v := range o.viewers {
		n += v.seen
	}
	return n
}

// series are the messages of one publisher with one key: the smallest thing that has an order of its own.
type series struct {
	publisher int
	key       string
}

func (n Note) series() series { return series{n.Publisher, n.Key} }

// keys are the keys of m in order, so that what is said of a run does not change from one judging to the next.
func keys[V any](m map[string]V) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	sort.Strings(all)
	return all
}
