package e2e

import (
	"context"
	"encoding/json"
	"fmt"

	"culvert/tests/client"
	"culvert/tests/oracle"
)

const queue = "workers"

// members are clients of three kinds in turn, which share the queue.
func (j *job) members() []jobClient {
	var all []jobClient
	for i := range j.size.members {
		switch i % 3 {
		case 0:
			all = append(all, j.jsonMember(i))
		case 1:
			all = append(all, j.sseMember(i))
		default:
			all = append(all, j.rawMember(i))
		}
	}
	return all
}

// member is a client that follows the queue until all members together have seen the end of the run.
func (j *job) member(name string, follow func(ctx context.Context, m *oracle.Member, opened func()) error) jobClient {
	m := j.oracle.Member(queue, name)
	return jobClient{name: name, follow: func(ctx context.Context, opened func()) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		ended := make(chan error, 1)
		// Ends with the client's connection, at the latest when ctx is cancelled.
		go func() { ended <- follow(ctx, m, opened) }()
		select {
		case err := <-ended:
			return err
		case <-j.last.done:
			cancel()
			<-ended
			return nil
		}
	}}
}

// give tells the oracle of what a member was given.
func (j *job) give(m *oracle.Member, payload string) error {
	n, err := oracle.ParseNote(payload)
	if err != nil {
		return err
	}
	m.Got(n)
	j.last.saw(n)
	return nil
}

func (j *job) jsonMember(i int) jobClient {
	return j.member(fmt.Sprintf("json-member-%d", i), func(ctx context.Context, m *oracle.Member, opened func()) error {
		ws, err := client.OpenWS(ctx, j.bridge.URL+"/v1/ws", "culvert.v1.json")
		if err != nil {
			return err
		}
		defer ws.Close()
		if err := ws.Send(ctx, client.Frame{Op: "sub", ID: "1", Sub: "s", Topic: j.topic, Queue: queue, Ack: "manual", Max: 64}); err != nil {
			return err
		}
		for {
			f, err := ws.Next(ctx)
			if err != nil {
				return err
			}
			switch f.Op {
			case "ready":
				opened()
			case "assign", "mark":
			case "msg":
				if err := j.give(m, *f.Text); err != nil {
					return err
				}
				if err := ws.Send(ctx, client.Frame{Op: "done", Sub: "s", Receipts: []string{f.Receipt}}); err != nil {
					return err
				}
			default:
				return fmt.Errorf("%w: %+v", errOver, f)
			}
		}
	})
}

func (j *job) sseMember(i int) jobClient {
	return j.member(fmt.Sprintf("sse-member-%d", i), func(ctx context.Context, m *oracle.Member, opened func()) error {
		stream, err := client.OpenSSE(ctx, j.bridge.URL+"/v1/topics/"+j.topic+"/queues/"+queue+"/events?ack=manual", "")
		if err != nil {
			return err
		}
		defer stream.Close()
		var ready struct {
			Stream string `json:"stream"`
		}
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
			case "assign", "mark":
			case "message":
				if err := j.give(m, e.Data); err != nil {
					return err
				}
				if !stream.Drained() {
					continue // what came at once is settled at once, as a worker does that handles batches
				}
				if _, _, err := client.Settle(ctx, j.bridge.URL, ready.Stream, map[string]string{"upto": e.ID}); err != nil {
					return err
				}
			default:
				return fmt.Errorf("%w: %s %s", errOver, e.Type, e.Data)
			}
		}
	})
}

func (j *job) rawMember(i int) jobClient {
	return j.member(fmt.Sprintf("raw-member-%d", i), func(ctx context.Context, m *oracle.Member, opened func()) error {
		ws, err := client.OpenWS(ctx, j.bridge.URL+"/v1/topics/"+j.topic+"/queues/"+queue+"/ws", "culvert.v1.raw")
		if err != nil {
			return err
		}
		defer ws.Close()
		opened()
		for {
			_, payload, err := ws.Conn.Read(ctx)
			if err != nil {
				return err
			}
			if err := j.give(m, string(payload)); err != nil {
				return err
			}
		}
	})
}
