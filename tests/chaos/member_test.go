package chaos

import (
	"context"
	"encoding/json"
	"fmt"

	"culvert/tests/client"
	"culvert/tests/oracle"
)

// member takes part in the queue of a trial, over a WebSocket or SSE, settles what it is given, and comes back when it is cut off.
type member struct {
	*load
	number int
	seen   *oracle.Member
}

func (m *member) run(ctx context.Context, opened func()) {
	session := m.overWS
	if m.number%2 == 1 {
		session = m.overSSE
	}
	defer opened()
	for ctx.Err() == nil {
		m.parted(ctx, fmt.Sprintf("member %d", m.number), session(ctx, opened))
	}
}

// got tells the oracle of a message.
func (m *member) got(payload string) (oracle.Note, error) {
	n, err := oracle.ParseNote(payload)
	if err != nil {
		m.Errorf("member %d: %v", m.number, err)
		return n, err
	}
	m.seen.Got(n)
	return n, nil
}

// settles says that the member is about to settle messages.
func (m *member) settles(notes ...oracle.Note) {
	for _, n := range notes {
		m.seen.Settled(n)
	}
}

// settled says that the bridge has taken it.
func (m *member) settled(notes ...oracle.Note) {
	for _, n := range notes {
		m.group.saw(n)
	}
}

func (m *member) overWS(ctx context.Context, opened func()) error {
	ws, err := client.OpenWS(ctx, m.url()+"/v1/ws", "culvert.v1.json")
	if err != nil {
		return err
	}
	defer ws.Close()
	if err := ws.Send(ctx, client.Frame{Op: "sub", ID: "sub", Sub: "s", Topic: m.name, Queue: queue, Ack: "manual", Max: 32}); err != nil {
		return err
	}
	due := map[string]oracle.Note{} // by the receipt, which is the id of its done
	for {
		f, err := ws.Next(ctx)
		if err != nil {
			return err
		}
		switch f.Op {
		case "ready":
			opened()
		case "assign", "mark", "gap":
		case "ok":
			if n, ok := due[f.ID]; ok && f.Settled == 1 {
				m.settled(n)
			}
			delete(due, f.ID)
		case "msg":
			n, err := m.got(*f.Text)
			if err != nil {
				return err
			}
			due[f.Receipt] = n
			m.settles(n)
			if err := ws.Send(ctx, client.Frame{Op: "done", ID: f.Receipt, Sub: "s", Receipts: []string{f.Receipt}}); err != nil {
				return err
			}
		default:
			if f.Op == "err" && !f.Retryable {
				m.Errorf("member %d was told %+v", m.number, f)
			}
			return fmt.Errorf("%s: %s %s", f.Op, f.Reason, f.Detail)
		}
	}
}

func (m *member) overSSE(ctx context.Context, opened func()) error {
	stream, err := client.OpenSSE(ctx, m.url()+"/v1/topics/"+m.name+"/queues/"+queue+"/events?ack=manual", "")
	if err != nil {
		return err
	}
	defer stream.Close()
	var ready struct {
		Stream string `json:"stream"`
	}
	var held []oracle.Note
	for {
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
		case "assign", "mark", "gap":
		case "message":
			n, err := m.got(e.Data)
			if err != nil {
				return err
			}
			if held = append(held, n); !stream.Drained() {
				continue // what came at once is settled at once
			}
			m.settles(held...)
			if _, _, err := client.Settle(ctx, m.url(), ready.Stream, map[string]string{"upto": e.ID}); err != nil {
				return err
			}
			m.settled(held...)
			held = held[:0]
		default:
			return fmt.Errorf("%s: %s", e.Type, e.Data)
		}
	}
}
