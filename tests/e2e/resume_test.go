package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// deadline is the lifetime of a test's clients.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// post injects texts with one key over HTTP, in one batch.
func post(ctx context.Context, t *testing.T, b *bridge.Bridge, topic string, texts ...string) {
	t.Helper()
	type message struct {
		Key  string `json:"key"`
		Text string `json:"text"`
	}
	var body struct {
		Messages []message `json:"messages"`
	}
	for _, text := range texts {
		body.Messages = append(body.Messages, message{"k", text})
	}
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Results []client.Frame `json:"results"`
	}
	if err := client.Post(ctx, b.URL+"/v1/topics/"+topic+"/messages", "application/vnd.culvert.batch+json", raw, &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Results) != len(texts) {
		t.Fatalf("%d results for %d messages", len(answer.Results), len(texts))
	}
	for i, r := range answer.Results {
		if r.Op != "ack" {
			t.Fatalf("message %d was answered with %+v", i, r)
		}
	}
}

func view(ctx context.Context, t *testing.T, b *bridge.Bridge, topic, query, lastID string) *client.SSE {
	t.Helper()
	stream, err := client.OpenSSE(ctx, b.URL+"/v1/topics/"+topic+"/events"+query, lastID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stream.Close)
	return stream
}

func want(t *testing.T, stream *client.SSE, eventType, data string) client.Event {
	t.Helper()
	e, err := stream.Next()
	if err != nil {
		t.Fatalf("waiting for %s %q: %v", eventType, data, err)
	}
	if e.Type != eventType || data != "" && e.Data != data {
		t.Fatalf("got %s %q, want %s %q", e.Type, e.Data, eventType, data)
	}
	return e
}

func numbered(from, to int) (texts []string) {
	for i := from; i < to; i++ {
		texts = append(texts, fmt.Sprint("m", i))
	}
	return texts
}

// A client that was cut off goes on exactly where it was: from the live log, and where that has ended, from the broker's.
func TestAStreamGoesOnWhereItBroke(t *testing.T) {
	everyBroker(t, func(t *testing.T, s subject) {
		ctx := deadline(t)
		b, topic := s.start(t), s.topic(t)
		stream := view(ctx, t, b, topic, "", "")
		want(t, stream, "ready", "")
		post(ctx, t, b, topic, numbered(0, 10)...)
		last := ""
		for _, text := range numbered(0, 4) {
			last = want(t, stream, "message", text).ID
		}
		stream.Close()
		post(ctx, t, b, topic, numbered(10, 20)...)

		resumed := view(ctx, t, b, topic, "", last)
		var ready struct {
			Resumed bool `json:"resumed"`
		}
		if err := json.Unmarshal([]byte(want(t, resumed, "ready", "").Data), &ready); err != nil || !ready.Resumed {
			t.Fatalf("resumed is %v, %v", ready.Resumed, err)
		}
		for _, text := range numbered(4, 20) {
			want(t, resumed, "message", text)
		}
		post(ctx, t, b, topic, "live")
		want(t, resumed, "message", "live")

		all := view(ctx, t, b, topic, "?from=earliest", "")
		want(t, all, "ready", "")
		for _, text := range numbered(0, 20) {
			want(t, all, "message", text)
		}
	})
}

// What a restart of the bridge does to a stored cursor depends on who keeps the log, and is told.
func TestACursorAfterARestart(t *testing.T) {
	everyBroker(t, func(t *testing.T, s subject) {
		ctx := deadline(t)
		b, topic := s.start(t), s.topic(t)
		stream := view(ctx, t, b, topic, "", "")
		want(t, stream, "ready", "")
		post(ctx, t, b, topic, numbered(0, 3)...)
		cursor := want(t, stream, "message", "m0").ID
		b.Kill()

		b = s.start(t)
		post(ctx, t, b, topic, "after")
		resumed := view(ctx, t, b, topic, "", cursor)
		ready := want(t, resumed, "ready", "")
		var r struct {
			Resumed bool   `json:"resumed"`
			Reason  string `json:"reason"`
		}
		if err := json.Unmarshal([]byte(ready.Data), &r); err != nil {
			t.Fatal(err)
		}
		switch s.name {
		case "inproc":
			if r.Resumed || r.Reason != "epoch" {
				t.Fatalf("ready says %s", ready.Data)
			}
			want(t, resumed, "gap", `{"reason":"epoch","topic":"`+topic+`","partition":0,"lost":null}`)
		default:
			if !r.Resumed {
				t.Fatalf("ready says %s", ready.Data)
			}
			want(t, resumed, "message", "m1")
			want(t, resumed, "message", "m2")
		}
		want(t, resumed, "message", "after")
	})
}

// A node that goes away says so, and loses nothing that it has confirmed.
func TestShutdownSaysBye(t *testing.T) {
	everyBroker(t, func(t *testing.T, s subject) {
		ctx := deadline(t)
		b, topic := s.start(t), s.topic(t)
		stream := view(ctx, t, b, topic, "", "")
		cursor := want(t, stream, "ready", "").ID
		stopped := make(chan error, 1)
		go func() { stopped <- b.Stop() }()
		bye := want(t, stream, "bye", "")
		var said struct {
			Reason    string `json:"reason"`
			Reconnect bool   `json:"reconnect"`
		}
		if err := json.Unmarshal([]byte(bye.Data), &said); err != nil || said.Reason != "shutdown" || !said.Reconnect {
			t.Errorf("bye says %s, %v", bye.Data, err)
		}
		if bye.ID != cursor || bye.Retry == "" {
			t.Errorf("bye has id %q and retry %q, want id %q and a retry", bye.ID, bye.Retry, cursor)
		}
		if err := <-stopped; err != nil {
			t.Errorf("culvert left with %v", err)
		}
	})
}

// An unreachable broker is no reason not to start; who asks is told that it is not there.
func TestABrokerThatIsNotThere(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	b := bridge.Start(t, "CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS=127.0.0.1:1")
	stream := view(ctx, t, b, "orders", "", "")
	bye := want(t, stream, "bye", "")
	if bye.ID == "" || bye.Retry == "" {
		t.Errorf("bye has id %q and retry %q: a client could not come back", bye.ID, bye.Retry)
	}
	wantStatus(ctx, t, request{url: b.URL + "/v1/topics/orders/events?strict=1"}, 503, "unavailable")
	wantStatus(ctx, t, request{url: b.Admin + "/readyz"}, 503, "")
	wantStatus(ctx, t, request{url: b.Admin + "/livez"}, 200, "")
	wantStatus(ctx, t, request{method: "POST", url: b.URL + "/v1/topics/orders/messages", body: "x"}, 503, "unavailable")
}

// On a broker that makes no topics an unknown one is the caller's mistake, on every edge.
func TestAnUnknownTopic(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	b := bridge.Start(t, "CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS="+brokers.Kafka(t).Bootstrap())
	topic := brokers.Topic(t)
	wantStatus(ctx, t, request{url: b.URL + "/v1/topics/" + topic}, 404, "unknown-topic")
	wantStatus(ctx, t, request{url: b.URL + "/v1/topics/" + topic + "/events"}, 404, "unknown-topic")
	wantStatus(ctx, t, request{method: "POST", url: b.URL + "/v1/topics/" + topic + "/messages", body: "x"}, 404, "unknown-topic")
	wantStatus(ctx, t, request{url: b.URL + "/v1/topics/" + topic + "/queues/q/events"}, 404, "unknown-topic")
	brokers.CreateTopic(t, brokers.Kafka(t), topic, 1)
	wantStatus(ctx, t, request{url: b.URL + "/v1/topics/" + topic}, 200, "")
	// Its dead letters would have nowhere to go.
	wantStatus(ctx, t, request{url: b.URL + "/v1/topics/" + topic + "/queues/q/events"}, 404, "unknown-topic")

	ws, err := client.OpenWS(ctx, b.URL+"/v1/ws", "culvert.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if err := ws.Send(ctx, client.Frame{Op: "sub", ID: "1", Sub: "a", Topic: topic + ".not"}); err != nil {
		t.Fatal(err)
	}
	if f, err := ws.Next(ctx); err != nil || f.Op != "err" || f.ID != "1" || f.Code != "unknown-topic" {
		t.Errorf("got %+v, %v", f, err)
	}
}
