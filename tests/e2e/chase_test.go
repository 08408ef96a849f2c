package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"culvert/tests/client"
	"culvert/tests/oracle"
)

// chase keeps publishers and viewers together: publishers write as fast as they can, but are never further ahead of the last viewer than a bounded log allows.
type chase struct {
	oracle *oracle.Oracle
	topic  string
	keys   int
	lead   int // how far ahead

	mu    sync.Mutex // guards what follows
	moved *sync.Cond
	sent  int
	acked int
	seen  []int // by each viewer
	over  bool  // nothing more is to be published
}

func newChase(o *oracle.Oracle, topic string, keys, lead, viewers int) *chase {
	c := &chase{oracle: o, topic: topic, keys: keys, lead: lead, seen: make([]int, viewers)}
	c.moved = sync.NewCond(&c.mu)
	return c
}

// change does something under the mutex, and wakes those who wait.
func (c *chase) change(something func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	something()
	c.moved.Broadcast()
}

// wait returns when it holds, or ctx has ended, or nothing more is published. holds is called under the mutex.
func (c *chase) wait(ctx context.Context, holds func() bool) {
	defer context.AfterFunc(ctx, func() { c.change(func() {}) })()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !holds() && !c.over && ctx.Err() == nil {
		c.moved.Wait()
	}
}

// until waits until so many messages were confirmed.
func (c *chase) until(ctx context.Context, acked int) {
	c.wait(ctx, func() bool { return c.acked >= acked })
}

func (c *chase) confirmed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acked
}

func (c *chase) saw(viewer int) { c.change(func() { c.seen[viewer]++ }) }

func (c *chase) end() { c.change(func() { c.over = true }) }

// publish writes messages over one WebSocket until the chase is over, and returns when all are answered. Those that are not when the connection is lost, which
// is an error, may have come to the broker.
func (c *chase) publish(ctx context.Context, url string, publisher int) error {
	ws, err := client.OpenWS(ctx, url+"/v1/ws", "culvert.v1.json")
	if err != nil {
		return err
	}
	due := map[oracle.Note]bool{}
	var broken error
	var receiving sync.WaitGroup
	// Ends with the connection.
	receiving.Go(func() {
		for {
			n, err := confirmation(ctx, ws)
			if err != nil {
				c.change(func() { broken = err })
				return
			}
			c.oracle.Answered(n, true)
			c.change(func() {
				delete(due, n)
				c.acked++
			})
		}
	})
	for i := 0; c.send(ctx, &broken); i++ {
		n := oracle.Note{Publisher: publisher, Key: fmt.Sprint("key-", i%c.keys), N: i / c.keys}
		c.oracle.Sent(n)
		c.change(func() { due[n] = true })
		text := n.String()
		if ws.Send(ctx, client.Frame{Op: "pub", ID: text, Topic: c.topic, Key: n.Key, Text: &text}) != nil {
			break // which the answers tell as well
		}
	}
	c.mu.Lock()
	for len(due) > 0 && broken == nil { // which it is when ctx ends
		c.moved.Wait()
	}
	err = broken
	c.mu.Unlock()
	ws.Close()
	receiving.Wait()
	for n := range due {
		c.oracle.Answered(n, false)
	}
	return err
}

// send waits for the turn of a message, and reports whether there is one more.
func (c *chase) send(ctx context.Context, broken *error) bool {
	c.wait(ctx, func() bool { return c.sent-slices.Min(c.seen) < c.lead || *broken != nil })
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || *broken != nil || ctx.Err() != nil {
		return false
	}
	c.sent++
	return true
}

// confirmation is the next answer to a message, whose id is its note.
func confirmation(ctx context.Context, ws *client.WS) (n oracle.Note, err error) {
	f, err := ws.Next(ctx)
	if err != nil {
		return n, err
	}
	if f.Op != "ack" {
		return n, fmt.Errorf("a message was answered with %+v", f)
	}
	return oracle.ParseNote(f.ID)
}

// told is what a viewer is told: the members of a frame, over SSE those of an event.
type told struct {
	Op      string
	Text    string
	Cursor  string
	Resumed *bool
	Reason  string
	Lost    *int64
}

// watch is an open view.
type watch struct {
	next  func() (told, error)
	close func()
}

// openWatch views a topic from a place on, or where that is empty from its end: over a WebSocket where viewer is odd, else over SSE.
func openWatch(ctx context.Context, viewer int, url, topic, place string) (*watch, error) {
	if viewer%2 == 0 {
		stream, err := client.OpenSSE(ctx, url+"/v1/topics/"+topic+"/events", place)
		if err != nil {
			return nil, err
		}
		return &watch{close: stream.Close, next: func() (t told, err error) {
			e, err := stream.Next()
			switch {
			case err != nil:
				return t, err
			case e.Type == "message":
				return told{Op: "msg", Text: e.Data, Cursor: e.ID}, nil
			}
			err = json.Unmarshal([]byte(e.Data), &t)
			t.Op, t.Cursor = e.Type, e.ID
			return t, err
		}}, nil
	}
	ws, err := client.OpenWS(ctx, url+"/v1/ws?batch=1", "culvert.v1.json")
	if err != nil {
		return nil, err
	}
	if err := ws.Send(ctx, client.Frame{Op: "sub", ID: "1", Sub: "s", Topic: topic, From: place}); err != nil {
		ws.Close()
		return nil, err
	}
	return &watch{close: ws.Close, next: func() (t told, err error) {
		text, err := ws.Text(ctx)
		if err != nil {
			return t, err
		}
		return t, json.Unmarshal([]byte(text), &t)
	}}, nil
}
