package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/client"
	"culvert/tests/oracle"
)

// TestAQueueAcrossNodes lets the members of a queue come and go on two nodes while messages are injected, and kills one node in between: every message is given and
// settled, and a node never gives again what it said was settled.
func TestAQueueAcrossNodes(t *testing.T) {
	size := size{publishers: 4, messages: 4000, keys: 60, limit: 2 * time.Minute}
	if os.Getenv("CULVERT_SOAK") != "" {
		size.messages, size.limit = 20_000, 5*time.Minute
	}
	for _, s := range []subject{kafka(), amqp()} {
		t.Run(s.name, func(t *testing.T) {
			dies, stays := s.start(t, quickSession), s.start(t, quickSession)
			n := &nodes{job: newJob(t, stays, s.topic(t), size), stays: stays, dies: dies, settled: map[place]bool{}, finished: map[oracle.Note]bool{}}
			n.run()
		})
	}
}

// quickSession lets Kafka notice soon that a node is dead.
const quickSession = "CULVERT_KAFKA_SESSION_TIMEOUT=6s"

// nodes is a run of a queue on two nodes.
type nodes struct {
	*job
	stays, dies *bridge.Bridge

	mu       sync.Mutex // guards what follows
	dead     bool
	members  int
	settled  map[place]bool       // what a node has said is settled
	finished map[oracle.Note]bool // what some member was given and was done with
	all      func()               // ends the run
}

// place is a message at a node.
type place struct {
	node *bridge.Bridge
	note oracle.Note
}

func (n *nodes) run() {
	ctx, cancel := context.WithTimeout(context.Background(), n.size.limit)
	defer cancel()
	life, all := context.WithCancel(ctx)
	n.all = all
	const seats = 6
	var opening, members sync.WaitGroup
	opening.Add(seats)
	for i := range seats {
		// Ends with life.
		members.Go(func() { n.sit(life, i, sync.OnceFunc(opening.Done)) })
	}
	opening.Wait()
	n.publish(ctx)
	members.Wait()
	if ctx.Err() != nil {
		n.t.Errorf("after %s %d messages of %d were settled", n.size.limit, len(n.finished), n.size.messages+n.size.keys)
	}
	for _, err := range n.failed {
		n.t.Error(err)
	}
	for _, fault := range n.oracle.Judge() {
		n.t.Error(fault)
	}
	n.t.Logf("%d members were given %d messages", n.members, len(n.finished))
}

// sit lets one member after the other take the seat: they leave without a word, and with messages in their hands.
func (n *nodes) sit(life context.Context, seat int, opened func()) {
	defer opened()
	for life.Err() == nil {
		n.mu.Lock()
		node := n.stays
		if seat%2 == 1 && !n.dead {
			node = n.dies
		}
		n.members++
		m := n.oracle.Member(queue, fmt.Sprintf("member %d", n.members))
		n.mu.Unlock()
		follow := n.overWS
		if seat%3 == 0 {
			follow = n.overSSE
		}
		err := follow(life, node, m, 50+rand.N(200), opened)
		n.mu.Lock()
		if err != nil && life.Err() == nil && (node == n.stays || !n.dead) {
			n.fail(err)
		}
		n.mu.Unlock()
	}
}

// overWS takes so many messages and settles all but the last few.
func (n *nodes) overWS(life context.Context, node *bridge.Bridge, m *oracle.Member, most int, opened func()) error {
	ws, err := client.OpenWS(life, node.URL+"/v1/ws", "culvert.v1.json")
	if err != nil {
		return err
	}
	defer ws.Close()
	if err := ws.Send(life, client.Frame{Op: "sub", ID: "sub", Sub: "s", Topic: n.topic, Queue: queue, Ack: "manual", Max: 32}); err != nil {
		return err
	}
	due := map[string]oracle.Note{} // by the receipt, which is the id of its done
	for taken := 0; taken < most; {
		f, err := ws.Next(life)
		if err != nil {
			return err
		}
		switch f.Op {
		case "ready":
			opened()
		case "assign", "mark":
		case "ok":
			n.said(node, due[f.ID], f.Settled)
		case "msg":
			note, err := n.take(node, m, *f.Text)
			if err != nil {
				return err
			}
			if taken++; taken > most-5 {
				continue // left for another member
			}
			due[f.Receipt] = note
			if err := ws.Send(life, client.Frame{Op: "done", ID: f.Receipt, Sub: "s", Receipts: []string{f.Receipt}}); err != nil {
				return err
			}
			n.finish(note)
		default:
			return fmt.Errorf("%w: %+v", errOver, f)
		}
	}
	return nil
}

// overSSE is overWS for an event stream.
func (n *nodes) overSSE(life context.Context, node *bridge.Bridge, m *oracle.Member, most int, opened func()) error {
	stream, err := client.OpenSSE(life, node.URL+"/v1/topics/"+n.topic+"/queues/"+queue+"/events?ack=manual&max_in_flight=8", "")
	if err != nil {
		return err
	}
	defer stream.Close()
	var ready struct {
		Stream string `json:"stream"`
	}
	for taken := 0; taken < most; {
		e, err := stream.Next()
		if err != nil {
			return err
		}
		switch e.Type {
		case "ready":
			if err := json.Unmarshal([]byte(e.Data), &ready); err != nil {
				return err
			}
			opened()
		case "assign":
		case "message":
			note, err := n.take(node, m, e.Data)
			if err != nil {
				return err
			}
			if taken++; taken > most-5 {
				continue
			}
			settled, _, err := client.Settle(life, node.URL, ready.Stream, map[string][]string{"receipts": {e.ID}})
			if err != nil {
				return err
			}
			n.said(node, note, settled)
			n.finish(note)
		default:
			return fmt.Errorf("%w: %s %s", errOver, e.Type, e.Data)
		}
	}
	return nil
}

// take notes that a member was given a message by a node.
func (n *nodes) take(node *bridge.Bridge, m *oracle.Member, payload string) (oracle.Note, error) {
	note, err := oracle.ParseNote(payload)
	if err != nil {
		return note, err
	}
	m.Got(note)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.settled[place{node, note}] {
		return note, fmt.Errorf("a node gave %v again, which it had said was settled", note)
	}
	return note, nil
}

// said notes what a node answered to a done.
func (n *nodes) said(node *bridge.Bridge, note oracle.Note, settled int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if settled == 1 {
		n.settled[place{node, note}] = true
	}
}

// finish notes that a member is done with a message. The first half of all ends one of the nodes, the last message the run.
func (n *nodes) finish(note oracle.Note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.finished[note] = true
	switch whole := n.size.messages + n.size.keys; {
	case len(n.finished) == whole:
		n.all()
	case !n.dead && len(n.finished) > whole/2:
		n.dead = true
		n.dies.Kill() // under the mutex, so that whoever loses its stream by this knows why
	}
}
