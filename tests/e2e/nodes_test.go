package e2e

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/client"
	"culvert/tests/oracle"
)

// TestAQueueAcrossNodes lets the members of a queue come, hang and leave on nodes of which one is killed, one joins and is stopped again, while messages are injected: every message
// is settled or dead-lettered, no node gives again what it said was settled, and dead letters that are sent back are settled then.
func TestAQueueAcrossNodes(t *testing.T) {
	everyServerInTurn(t, func(t *testing.T, s subject) {
		start := func() *node {
			return newNode(s.start(t, "CULVERT_KAFKA_SESSION_TIMEOUT=6s", "CULVERT_QUEUE_LEASE="+lease.String()))
		}
		stays, dies := start(), start()
		n := &nodes{
			job:   newJob(t, stays.Bridge, s.topic(t), size{publishers: 4, messages: 20_000, keys: 100, limit: limit}),
			stays: stays, settled: map[place]bool{}, finished: map[oracle.Note]bool{}, dead: map[oracle.Note]bool{},
			milestones: make(chan struct{}, 3),
		}
		n.other.Store(dies)
		n.run(start)
	})
}

// lease is what members have for a message, so that what hangs is handed on soon.
const lease = 3 * time.Second

// nodes is a run of a queue on two nodes at a time.
type nodes struct {
	*job
	all        []*node
	stays      *node
	other      atomic.Pointer[node]
	members    atomic.Int32
	milestones chan struct{} // holds a token for each third of the messages that is finished
	redriving  atomic.Bool

	done     sync.Mutex // guards what follows
	settled  map[place]bool
	finished map[oracle.Note]bool // what some member was given and was done with
	dead     map[oracle.Note]bool // what was seen among the dead letters
	passed   int                  // milestones
}

// node is one bridge of a run.
type node struct {
	*bridge.Bridge
	leaving atomic.Bool // so that whoever loses its stream by this knows why
	keys    holders
}

func newNode(b *bridge.Bridge) *node {
	return &node{Bridge: b, keys: holders{of: map[string]*holding{}}}
}

// place is a message at a node.
type place struct {
	node *node
	note oracle.Note
}

func (n *nodes) run(start func() *node) {
	n.all = []*node{n.stays, n.other.Load()}
	ctx, cancel := context.WithTimeout(context.Background(), n.size.limit)
	defer cancel()
	life, end := context.WithCancel(ctx)
	const seats = 8
	var opening, running sync.WaitGroup
	opening.Add(seats)
	for i := range seats {
		// Ends with life.
		running.Go(func() { n.sit(life, i, sync.OnceFunc(opening.Done)) })
	}
	// Ends with life.
	running.Go(func() { n.mourn(life) })
	opening.Wait()
	// Ends when all is injected.
	running.Go(func() { n.publish(ctx) })
	n.steps(ctx, start)
	end()
	running.Wait()
	n.judge()
}

// steps is what happens to the nodes while messages pass, and then to the dead letters.
func (n *nodes) steps(ctx context.Context, start func() *node) {
	n.reach(ctx)
	dies := n.other.Swap(nil)
	dies.leaving.Store(true)
	dies.Kill()
	joins := start()
	n.all = append(n.all, joins)
	n.other.Store(joins)
	n.reach(ctx)
	leaves := n.other.Swap(nil)
	leaves.leaving.Store(true)
	if err := leaves.Stop(); err != nil {
		n.fail(err)
	}
	n.reach(ctx)
	n.redriving.Store(true)
	if err := n.redrive(ctx); err != nil {
		n.fail(err)
		return
	}
	n.reach(ctx)
}

// reach waits for the next milestone.
func (n *nodes) reach(ctx context.Context) {
	select {
	case <-n.milestones:
	case <-ctx.Done():
	}
}

// redrive sends all dead letters back.
func (n *nodes) redrive(ctx context.Context) error {
	n.done.Lock()
	dead := len(n.dead)
	n.done.Unlock()
	var answer struct {
		Redriven int `json:"redriven"`
	}
	err := client.Post(ctx, n.stays.URL+"/v1/topics/"+n.topic+"/queues/"+queue+"/redrive", "application/json", nil, &answer)
	if err == nil && answer.Redriven < dead { // more are letters that were written twice when a node died
		err = fmt.Errorf("%d letters were sent back, of %d messages", answer.Redriven, dead)
	}
	return err
}

// judge says what is wrong when all is over.
func (n *nodes) judge() {
	whole := n.size.messages + n.size.keys
	if len(n.finished) != whole {
		n.t.Errorf("%d of %d messages were settled, %d were dead", len(n.finished), whole, len(n.dead))
	}
	for note := range n.finished {
		if poison(note) && !n.dead[note] {
			n.t.Errorf("%v was handed back each time, and is not among the dead letters", note)
		}
	}
	for _, at := range n.all {
		for _, fault := range at.keys.faults() {
			n.t.Error(fault)
		}
	}
	for _, err := range n.failed {
		n.t.Error(err)
	}
	for _, fault := range n.oracle.Judge() {
		n.t.Error(fault)
	}
	n.t.Logf("%d members, %d dead letters", n.members.Load(), len(n.dead))
}

// poison are messages that no member can handle before they are sent back.
func poison(note oracle.Note) bool { return note.Publisher == 1 && note.N%40 == 7 }

// take notes that a member was given a message.
func (n *nodes) take(m *oracle.Member, payload string) (oracle.Note, error) {
	note, err := oracle.ParseNote(payload)
	if err != nil {
		return note, err
	}
	n.done.Lock()
	defer n.done.Unlock()
	if n.dead[note] {
		return note, nil // sent back, which is behind all others
	}
	m.Got(note)
	return note, nil
}

// said notes what a node answered to a done. Only that tells whether a message that came again was given again: a member that is slow may read what another one has settled since.
func (n *nodes) said(at *node, note oracle.Note, settled int) {
	n.done.Lock()
	defer n.done.Unlock()
	if settled != 1 || n.dead[note] {
		return
	}
	if n.settled[place{at, note}] {
		n.fail(fmt.Errorf("a node gave %v again, which it had said was settled", note))
	}
	n.settled[place{at, note}] = true
}

// finish notes that a member is done with a message.
func (n *nodes) finish(note oracle.Note) {
	n.done.Lock()
	defer n.done.Unlock()
	n.finished[note] = true
	n.count()
}

// bury notes that a message is among the dead letters, be it that it was only given to members who hang, and read nothing.
func (n *nodes) bury(note oracle.Note) {
	n.oracle.Lettered(queue, note)
	n.done.Lock()
	defer n.done.Unlock()
	n.dead[note] = true
	n.count()
}

// count reaches milestones: a third of all, two thirds, all but the dead, all. The caller holds the mutex.
func (n *nodes) count() {
	whole := n.size.messages + n.size.keys
	over := len(n.finished)
	for note := range n.dead {
		if !n.finished[note] {
			over++
		}
	}
	reached := 0
	for _, at := range []bool{over > whole/3, over > 2*whole/3, over == whole, len(n.finished) == whole && n.redriving.Load()} {
		if at {
			reached++
		}
	}
	for ; n.passed < reached; n.passed++ {
		n.milestones <- struct{}{}
	}
}
