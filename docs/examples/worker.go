// What it shows: a worker on the queue packing of the topic orders, in Go's standard library only: it settles what it has done, and hands back what it could not do.
// How to run it: go run ./cmd/culvert serve --config configs/dev.yaml, and in further terminals: go run docs/examples/worker.go (as often as you like), python3 docs/examples/feed.py
// What to look at: workers share the orders; kill one, and another is given what it held. Orders without items are tried five times and end in the topic orders.packing.dlq.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"time"
)

var bridge = cmp.Or(os.Getenv("CULVERT_URL"), "http://127.0.0.1:8080")

// A stream has no end of its own, so that the client has no time-out: requests have contexts.
var client = &http.Client{}

// The bridge says something every 15 seconds: after three times as long it is gone.
const silence = 45 * time.Second

// frame is a line of the stream, whatever it says.
type frame struct {
	Op      string          `json:"op"`
	Stream  string          `json:"stream"`
	Receipt string          `json:"receipt"`
	Attempt int             `json:"attempt"` // from the second try on
	Key     string          `json:"key"`
	Payload json.RawMessage `json:"payload"` // where the message is JSON
	Reason  string          `json:"reason"`
	RetryMS int             `json:"retry_ms"`
}

// handle does the work. It may be called again with the same message, after a crash for instance, so that doing it twice must do no harm.
func handle(ctx context.Context, f frame) error {
	var order struct{ Order, Items int }
	if err := json.Unmarshal(f.Payload, &order); err != nil {
		return err
	}
	if order.Items == 0 {
		return errors.New("nothing to pack")
	}
	select {
	case <-time.After(time.Duration(order.Items) * 100 * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	fmt.Printf("order %d of %s: %d packed\n", order.Order, f.Key, order.Items)
	return nil
}

// work works until the stream ends, and returns after how long to come back.
func work(ctx context.Context) (pause time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	gone := time.AfterFunc(silence, cancel)
	defer gone.Stop()
	// One message at a time. A worker that takes longer than the lease (30 s) says {"touch": [receipt]} now and then.
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, bridge+"/v1/topics/orders/queues/packing/events?ack=manual&max_in_flight=1", nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Accept", "application/x-ndjson")
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		problem, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
		return 0, fmt.Errorf("%s: %s", answer.Status, problem)
	}
	member := ""
	for lines := json.NewDecoder(answer.Body); ; {
		var f frame
		if err := lines.Decode(&f); err != nil {
			return 0, err
		}
		gone.Stop() // work takes as long as it takes
		switch f.Op {
		case "ready":
			member = f.Stream
			fmt.Println("ready")
		case "msg":
			what := map[string]any{"receipts": []string{f.Receipt}}
			if err := handle(ctx, f); ctx.Err() != nil {
				return 0, ctx.Err() // what it held goes to another one
			} else if err != nil { // the message's fault: later, and a little later each time
				log.Printf("try %d of %s failed: %v", max(f.Attempt, 1), f.Payload, err)
				what = map[string]any{"nack": []string{f.Receipt}, "delay_ms": 1000 << max(f.Attempt-1, 0)}
			}
			if err := settle(ctx, member, what); err != nil {
				return 0, err
			}
		case "gap":
			log.Printf("a hole: %s", f.Reason) // messages that the broker had deleted before anybody took them
		case "bye":
			return time.Duration(f.RetryMS) * time.Millisecond, nil
		}
		gone.Reset(silence)
	}
}

func settle(ctx context.Context, member string, what any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, bridge+"/v1/streams/"+member+"/done", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode == http.StatusOK {
		return err
	}
	return fmt.Errorf("settling: %s", answer.Status)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	wait := time.Second
	for ctx.Err() == nil {
		begun := time.Now()
		pause, err := work(ctx)
		if time.Since(begun) > time.Minute {
			wait = time.Second
		}
		if err != nil && ctx.Err() == nil {
			log.Printf("%v; trying again", err)
			pause, wait = wait/2+rand.N(wait/2), min(2*wait, 30*time.Second)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}
