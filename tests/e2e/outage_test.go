package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// server is a broker of a test's own.
type server struct {
	kind string
	// environment lets a bridge find it.
	environment []string
	// create makes a topic, where the broker does not make it by itself.
	create func(topic string)
	kill   func()
	start  func()
}

func kafkaServer(t *testing.T) server {
	s := brokers.StartKafka(t, nil)
	return server{
		kind:        "kafka",
		environment: []string{"CULVERT_KAFKA_BROKERS=" + s.Addr()},
		create:      func(topic string) { brokers.CreateTopic(t, s.Cluster(), topic, 3) },
		kill:        s.Kill,
		start:       s.Start,
	}
}

func amqpServer(t *testing.T) server {
	s := brokers.StartRabbitMQ(t)
	return server{
		kind:        "amqp",
		environment: []string{"CULVERT_AMQP_URL=" + s.URL(), "CULVERT_AMQP_MANAGEMENT=" + s.Server().Management},
		create:      func(string) {},
		kill:        s.Kill,
		start:       s.Start,
	}
}

// While the broker is gone, streams that are open stay, new ones are told to come back with a place that misses nothing, requests fail as trouble that passes, and
// when it is back all go on where they were.
func TestStreamsOutliveTheBroker(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) server{"kafka": kafkaServer, "amqp": amqpServer} {
		t.Run(name, func(t *testing.T) { streamsOutlive(t, start(t)) })
	}
}

func streamsOutlive(t *testing.T, server server) {
	ctx := deadline(t)
	topic := brokers.Topic(t)
	server.create(topic)
	server.create(topic + ".workers.dlq")
	b := bridge.Start(t, append(server.environment, "CULVERT_BROKER="+server.kind, "CULVERT_SUBSCRIBE_OPEN_TIMEOUT=2s", "CULVERT_INJECT_TIMEOUT=4s", "CULVERT_REST_BODY_TIMEOUT=5s")...)

	viewer := view(ctx, t, b, topic, "", "")
	want(t, viewer, "ready", "")
	member, err := client.OpenSSE(ctx, b.URL+"/v1/topics/"+topic+"/queues/workers/events?ack=manual", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(member.Close)
	var joined struct {
		Stream string `json:"stream"`
	}
	if err := json.Unmarshal([]byte(want(t, member, "ready", "").Data), &joined); err != nil {
		t.Fatal(err)
	}
	post(ctx, t, b, topic, "before")
	want(t, viewer, "message", "before")
	first, err := member.Until("message")
	if err != nil || first.Data != "before" {
		t.Fatalf("%+v, %v", first, err)
	}
	if settled, unknown, err := client.Settle(ctx, b.URL, joined.Stream, map[string]any{"receipts": []string{first.ID}}); settled != 1 || len(unknown) > 0 || err != nil {
		t.Fatalf("%d settled, %q unknown, %v", settled, unknown, err)
	}

	server.kill()
	brokers.Eventually(t, 30*time.Second, "the bridge is not ready, and says why", func() bool {
		a := send(ctx, t, request{url: b.Admin + "/readyz"})
		return a.status == 503 && strings.Contains(a.body, `"`+server.kind+`"`)
	})
	wantStatus(ctx, t, request{url: b.Admin + "/livez"}, 200, "")
	fresh := topic + "-2" // nothing is read of it, so that only the broker could tell where it ends
	refused := view(ctx, t, b, fresh, "", "")
	bye := want(t, refused, "bye", "")
	if bye.ID == "" || bye.Retry == "" || !strings.HasPrefix(bye.Data, `{"reason":"unavailable","reconnect":true,"retry_ms":`) {
		t.Errorf("the view of a broker that is gone began with %+v", bye)
	}
	for _, r := range []request{
		{url: b.URL + "/v1/topics/" + fresh + "/events?strict=1"},
		{url: b.URL + "/v1/topics/" + fresh + "/events", header: map[string]string{"Accept": "application/x-ndjson"}},
		{url: b.URL + "/v1/topics"},
		{url: b.URL + "/v1/topics/" + topic},
	} {
		if a := wantStatus(ctx, t, r, 503, "unavailable"); a.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After in %v", r.url, a.header)
		}
	}
	if a := send(ctx, t, request{method: "POST", url: b.URL + "/v1/topics/" + topic + "/messages", body: "lost"}); a.status != 503 && a.status != 504 {
		t.Errorf("injecting: %d %s", a.status, a.body)
	}

	server.start()
	server.create(fresh)
	brokers.Eventually(t, 60*time.Second, "the bridge is ready again", func() bool { return send(ctx, t, request{url: b.Admin + "/readyz"}).status == 200 })
	texts := []string{"after 0", "after 1", "after 2"}
	for _, text := range texts {
		brokers.Eventually(t, 60*time.Second, "messages can be injected again", func() bool {
			return send(ctx, t, request{method: "POST", url: b.URL + "/v1/topics/" + topic + "/messages", body: text, header: map[string]string{"Culvert-Key": "k"}}).status == 200
		})
	}
	for what, stream := range map[string]*client.SSE{"the viewer": viewer, "the member": member} {
		if err := goesOn(stream, texts); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	post(ctx, t, b, fresh, "first")
	resumed := view(ctx, t, b, fresh, "", bye.ID)
	want(t, resumed, "ready", "")
	want(t, resumed, "message", "first")
}

// goesOn reads texts off a stream, in order. What was under way when the broker went away may come, or come twice.
func goesOn(stream *client.SSE, texts []string) error {
	next := 0
	for next < len(texts) {
		e, err := stream.Next()
		switch {
		case err != nil:
			return fmt.Errorf("waiting for %q: %w", texts[next], err)
		case e.Type == "gap" || e.Type == "bye":
			return fmt.Errorf("waiting for %q: %s %s", texts[next], e.Type, e.Data)
		case e.Type == "message" && e.Data == texts[next]:
			next++
		case e.Type == "message" && e.Data != "lost" && e.Data != "before" && (next == 0 || e.Data != texts[next-1]):
			return fmt.Errorf("waiting for %q: %q", texts[next], e.Data)
		}
	}
	return nil
}
