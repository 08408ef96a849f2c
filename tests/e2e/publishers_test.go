package e2e

import (
	"context"
	"fmt"
	"sync"

	"culvert/tests/client"
	"culvert/tests/oracle"
)

// publish lets all publishers inject their share at once, and then one more the last message of each key.
func (j *job) publish(ctx context.Context) {
	var all sync.WaitGroup
	for p := range j.size.publishers {
		var notes []oracle.Note
		for i := range j.size.messages / j.size.publishers {
			notes = append(notes, oracle.Note{Publisher: p, Key: j.key(i), N: i / j.size.keys})
		}
		all.Go(func() { j.inject(ctx, notes) })
	}
	all.Wait()
	var last []oracle.Note
	for k := range j.size.keys {
		last = append(last, oracle.Note{Publisher: finisher, Key: j.key(k)})
	}
	j.inject(ctx, last)
}

func (j *job) key(i int) string { return fmt.Sprintf("key-%d", i%j.size.keys) }

// inject publishes notes in order over one WebSocket, as fast as it takes them, and returns when each is answered.
func (j *job) inject(ctx context.Context, notes []oracle.Note) {
	ws, err := client.OpenWS(ctx, j.bridge.URL+"/v1/ws", "culvert.v1.json")
	if err != nil {
		j.fail(fmt.Errorf("publisher: %w", err))
		return
	}
	defer ws.Close()
	// Ends with the last note, or with the connection.
	go func() {
		for i, n := range notes {
			j.oracle.Sent(n)
			text := n.String()
			if err := ws.Send(ctx, client.Frame{Op: "pub", ID: fmt.Sprint(i), Topic: j.topic, Key: n.Key, Text: &text}); err != nil {
				j.fail(fmt.Errorf("publisher, message %d: %w", i, err))
				return
			}
		}
	}()
	for range notes {
		f, err := ws.Next(ctx)
		if err != nil {
			j.fail(fmt.Errorf("publisher: %w", err))
			return
		}
		var i int
		if _, err := fmt.Sscan(f.ID, &i); err != nil || i >= len(notes) || f.Op != "ack" && f.Op != "err" {
			j.fail(fmt.Errorf("publisher: an answer to nothing: %+v", f))
			return
		}
		if f.Op == "err" {
			j.fail(fmt.Errorf("publisher, message %d: %s: %s", i, f.Code, f.Detail))
		}
		j.oracle.Answered(notes[i], f.Op == "ack")
	}
}
