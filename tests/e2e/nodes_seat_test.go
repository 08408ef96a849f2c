package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"culvert/tests/client"
	"culvert/tests/oracle"
)

// seat is one membership in the queue of a run: so many messages of one member at one node.
type seat struct {
	*nodes
	at     *node
	name   string
	member *oracle.Member
	most   int
	hangs  bool // it takes some messages and does nothing any more
	opened func()
}

// errEnough ends a seat that has had its messages.
var errEnough = errors.New("the member has had enough")

// sit lets one member after the other take a place: they leave without a word, and with messages in their hands, or hang.
func (n *nodes) sit(life context.Context, place int, opened func()) {
	defer opened()
	for life.Err() == nil {
		at := n.stays
		if other := n.other.Load(); other != nil && place%2 == 1 {
			at = other
		}
		number := int(n.members.Add(1))
		s := &seat{nodes: n, at: at, name: fmt.Sprintf("member %d", number), most: 50 + rand.N(200), hangs: number%15 == 0, opened: opened}
		s.member = n.oracle.Member(queue, s.name)
		follow := s.overWS
		if place%3 == 0 {
			follow = s.overSSE
		}
		err := follow(life)
		at.keys.leave(s)
		if err != nil && !errors.Is(err, errEnough) && life.Err() == nil && !at.leaving.Load() {
			n.fail(fmt.Errorf("%s: %w", s.name, err))
		}
	}
}

// took says what to do with a message: true to settle it, false to hand it back. The last few are left for another member. It fails when the member has had enough.
func (s *seat) took(life context.Context, payload string, taken int) (note oracle.Note, settle, left bool, err error) {
	if note, err = s.take(s.member, payload); err != nil {
		return note, false, false, err
	}
	switch {
	case s.hangs:
		if taken < 8 {
			return note, false, true, nil
		}
		select {
		case <-time.After(lease + time.Second):
		case <-life.Done():
		}
		return note, false, true, errEnough
	case taken >= s.most:
		return note, false, true, errEnough
	case taken > s.most-5:
		return note, false, true, nil
	}
	s.at.keys.take(note.Key, s)
	return note, s.redriving.Load() || !poison(note), false, nil
}

// overWS takes messages and settles them one by one.
func (s *seat) overWS(life context.Context) error {
	ws, err := client.OpenWS(life, s.at.URL+"/v1/ws", "culvert.v1.json")
	if err != nil {
		return err
	}
	defer ws.Close()
	defer s.at.keys.leave(s)
	if err := ws.Send(life, client.Frame{Op: "sub", ID: "sub", Sub: "s", Topic: s.topic, Queue: queue, Ack: "manual", Max: 32}); err != nil {
		return err
	}
	due := map[string]oracle.Note{} // by the receipt, which is the id of its done
	for taken := 0; ; {
		f, err := ws.Next(life)
		if err != nil {
			return err
		}
		switch f.Op {
		case "ready":
			s.opened()
		case "assign":
			s.at.keys.moved()
		case "mark":
		case "ok":
			if note, ok := due[f.ID]; ok {
				s.said(s.at, note, f.Settled)
			}
		case "msg":
			taken++
			note, settle, left, err := s.took(life, *f.Text, taken)
			switch {
			case err != nil:
				return err
			case left:
				continue
			}
			s.at.keys.release(note.Key, s)
			answer := client.Frame{Op: "nack", Sub: "s", Receipts: []string{f.Receipt}}
			if settle {
				due[f.Receipt] = note
				answer.Op, answer.ID = "done", f.Receipt
			}
			if err := ws.Send(life, answer); err != nil {
				return err
			}
			if settle {
				s.finish(note)
			}
		default:
			return fmt.Errorf("%w: %+v", errOver, f)
		}
	}
}

// overSSE is overWS for an event stream.
func (s *seat) overSSE(life context.Context) error {
	stream, err := client.OpenSSE(life, s.at.URL+"/v1/topics/"+s.topic+"/queues/"+queue+"/events?ack=manual&max_in_flight=8", "")
	if err != nil {
		return err
	}
	defer stream.Close()
	defer s.at.keys.leave(s)
	var ready struct {
		Stream string `json:"stream"`
	}
	for taken := 0; ; {
		e, err := stream.Next()
		if err != nil {
			return err
		}
		switch e.Type {
		case "ready":
			if err := json.Unmarshal([]byte(e.Data), &ready); err != nil {
				return err
			}
			s.opened()
		case "assign":
			s.at.keys.moved()
		case "message":
			taken++
			note, settle, left, err := s.took(life, e.Data, taken)
			switch {
			case err != nil:
				return err
			case left:
				continue
			}
			s.at.keys.release(note.Key, s)
			how := "nack"
			if settle {
				how = "receipts"
			}
			settled, _, err := client.Settle(life, s.at.URL, ready.Stream, map[string][]string{how: {e.ID}})
			if err != nil {
				return err
			}
			if settle {
				s.said(s.at, note, settled)
				s.finish(note)
			}
		default:
			return fmt.Errorf("%w: %s %s", errOver, e.Type, e.Data)
		}
	}
}

// mourn sees the dead letters as they come.
func (n *nodes) mourn(life context.Context) {
	letters, err := client.OpenSSE(life, n.stays.URL+"/v1/topics/"+n.topic+"."+queue+".dlq/events?from=earliest", "")
	if err != nil {
		n.fail(err)
		return
	}
	defer letters.Close()
	for {
		e, err := letters.Until("message")
		if err == nil {
			var note oracle.Note
			if note, err = oracle.ParseNote(e.Data); err == nil {
				n.bury(note)
				continue
			}
		}
		if life.Err() == nil {
			n.fail(fmt.Errorf("the dead letters: %w", err))
		}
		return
	}
}
