package client

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"culvert/tests/oracle"
)

// Publisher injects numbered messages over HTTP until it is told to stop. What is not confirmed it does not send again.
type Publisher struct {
	// Number is the publisher's in the messages' notes.
	Number int

	url    string // of the topic's messages
	oracle *oracle.Oracle
	stop   chan struct{}
	ended  chan struct{}

	mu    sync.Mutex // guards acked
	acked []oracle.Note
}

// Keys is how many keys a Publisher's messages have in turn.
const Keys = 24

// Publish starts a publisher of some 480 messages a second. It ends with ctx if nobody ends it before.
func Publish(ctx context.Context, o *oracle.Oracle, number int, base, topic string) *Publisher {
	p := &Publisher{
		Number: number, url: base + "/v1/topics/" + topic + "/messages", oracle: o,
		stop: make(chan struct{}), ended: make(chan struct{}),
	}
	// Ends with Finish, or with ctx.
	go func() {
		defer close(p.ended)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			p.send(ctx, n)
			select {
			case <-p.stop:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return p
}

// send injects the n-th message of each key.
func (p *Publisher) send(ctx context.Context, n int) {
	type message struct {
		Key  string `json:"key"`
		Text string `json:"text"`
	}
	var batch struct {
		Messages []message `json:"messages"`
	}
	var notes []oracle.Note
	for k := range Keys {
		note := oracle.Note{Publisher: p.Number, Key: fmt.Sprint("k", k), N: n}
		notes = append(notes, note)
		batch.Messages = append(batch.Messages, message{note.Key, note.String()})
		p.oracle.Sent(note)
	}
	body, err := json.Marshal(batch)
	if err != nil {
		panic(err) // strings can be marshalled
	}
	var answer struct {
		Results []Frame `json:"results"`
	}
	// A bridge that is gone confirms nothing.
	err = Post(ctx, p.url, "application/vnd.culvert.batch+json", body, &answer)
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, note := range notes {
		acked := err == nil && i < len(answer.Results) && answer.Results[i].Op == "ack"
		p.oracle.Answered(note, acked)
		if acked {
			p.acked = append(p.acked, note)
		}
	}
}

// Confirmed are the messages that the broker has.
func (p *Publisher) Confirmed() []oracle.Note {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acked[:len(p.acked):len(p.acked)]
}

// Finish stops the publisher, and returns when the last message was answered.
func (p *Publisher) Finish() {
	close(p.stop)
	<-p.ended
}
