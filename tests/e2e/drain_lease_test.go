package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"culvert/tests/client"
)

// TestADrainReturnsLeases stops a bridge with SIGTERM whose member holds a message and does not settle it: the member of another bridge, which had nothing, is given it as soon as the
// grace is over, and long before the broker would have given the first bridge up.
func TestADrainReturnsLeases(t *testing.T) {
	everyServer(t, func(t *testing.T, s subject) {
		const grace, session = time.Second, 40 * time.Second
		ctx := deadline(t)
		topic := s.topic(t)
		at := "/v1/topics/" + topic + "/queues/" + queue + "/events?ack=manual"
		leaves, stays := s.start(t, "CULVERT_QUEUE_DRAIN_GRACE="+grace.String(), "CULVERT_KAFKA_SESSION_TIMEOUT="+session.String(), "CULVERT_AMQP_HEARTBEAT="+session.String()), s.start(t)
		holder := member(ctx, t, leaves.URL+at)
		next := member(ctx, t, stays.URL+at)
		if s.partitions > 1 {
			shared(t, holder, s.partitions/2)
		}
		held := make(chan string, 1)
		go func() { // ends when the first bridge has given a message
			e, err := holder.Until("message")
			if err != nil {
				t.Error(err)
			}
			held <- e.Data
		}()
		text := ""
		for i := 0; text == ""; i++ { // some go to the other one
			var answer any // a message without a key goes to any partition
			if err := client.Post(ctx, stays.URL+"/v1/topics/"+topic+"/messages", "text/plain", fmt.Appendf(nil, "message %d", i), &answer); err != nil {
				t.Fatal(err)
			}
			select {
			case text = <-held:
			case <-time.After(200 * time.Millisecond):
			}
		}

		begun := time.Now()
		stopped := make(chan error, 1)
		go func() { stopped <- leaves.Stop() }() // ends with the process
		for {
			if e, err := next.Until("message"); err != nil || e.Data == text {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		took := time.Since(begun)
		t.Logf("the message was given on after %s", took.Round(time.Millisecond))
		if took < grace || took > session/2 {
			t.Errorf("the message was given to another bridge %s after SIGTERM, with a grace of %s", took, grace)
		}
		if _, err := holder.Until("bye"); err != nil { // it may have been given others, too
			t.Error(err)
		}
		if err := <-stopped; err != nil {
			t.Errorf("culvert left with %v", err)
		}
	})
}

// shared reads a member's stream until its bridge has no more than so many partitions.
func shared(t *testing.T, stream *client.SSE, partitions int) {
	t.Helper()
	for {
		e, err := stream.Until("assign")
		if err != nil {
			t.Fatal(err)
		}
		var told struct {
			Assigned int `json:"assigned"`
		}
		if err := json.Unmarshal([]byte(e.Data), &told); err != nil {
			t.Fatal(err)
		}
		if told.Assigned == partitions {
			return
		}
	}
}

// member joins a queue, and returns when it is in.
func member(ctx context.Context, t *testing.T, url string) *client.SSE {
	t.Helper()
	stream, err := client.OpenSSE(ctx, url, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stream.Close)
	want(t, stream, "ready", "")
	return stream
}

// A bridge was to leave in time whoever does not read: viewers and members, over SSE and WebSockets, with all buffers full between them and the bridge.
func TestADrainWaitsForNobodyWhoDoesNotRead(t *testing.T) {
	everyBroker(t, func(t *testing.T, s subject) {
		const within = 5 * time.Second
		ctx := deadline(t)
		b, topic := s.start(t, "CULVERT_SHUTDOWN_DRAIN=1s", "CULVERT_SHUTDOWN_TIMEOUT="+within.String(), "CULVERT_QUEUE_DRAIN_GRACE=1s", "CULVERT_HTTP_SEND_BUFFER=16384"), s.topic(t)
		for range 20 {
			stream, err := client.OpenSSE(ctx, b.URL+"/v1/topics/"+topic+"/events", "")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(stream.Close)
			want(t, stream, "ready", "")
			socket, err := client.OpenWS(ctx, b.URL+"/v1/ws", "culvert.v1.json")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(socket.Close)
			if err := socket.Send(ctx, client.Frame{Op: "sub", ID: "1", Sub: "s", Topic: topic}); err != nil {
				t.Fatal(err)
			}
			if _, err := socket.Next(ctx); err != nil {
				t.Fatal(err)
			}
		}
		member(ctx, t, b.URL+"/v1/topics/"+topic+"/queues/"+queue+"/events?ack=auto&max_in_flight=1000")
		payload := strings.Repeat("x", 200_000)
		for range 40 { // more than all buffers on the way take
			post(ctx, t, b, topic, payload)
		}
		begun := time.Now()
		if err := b.Stop(); err != nil {
			t.Errorf("culvert left with %v", err)
		}
		if took := time.Since(begun); took > within+3*time.Second { // which a busy machine may need
			t.Errorf("it took %s to leave", took)
		}
	})
}
