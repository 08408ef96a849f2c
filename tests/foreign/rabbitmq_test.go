package foreign_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/domain"
	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// meetAMQP is meet on a RabbitMQ. The topic is there: it has been published to once.
func meetAMQP(t *testing.T) (o ours, url string) {
	t.Helper()
	url = brokers.RabbitMQ(t).URL
	o = ours{bridge: bridge.Start(t, "CULVERT_BROKER=amqp", "CULVERT_AMQP_URL="+url), topic: brokers.Topic(t)}
	o.publish(t, &domain.Message{Payload: []byte("0 ours"), Key: []byte("k"), Headers: []domain.Header{{Name: "b", Value: []byte("1")}, {Name: "a", Value: []byte("2")}}})
	return o, url
}

// What a stranger says in types that we have no words for is told as text, and holds up nothing behind it.
func TestWhatPikaPublishes(t *testing.T) {
	o, url := meetAMQP(t)
	brokers.Pika(t, url, `
at = datetime.datetime(2026, 1, 2, 3, 4, 5)
channel.basic_publish(sys.argv[1], "", b"1 odd", pika.BasicProperties(
    content_type="text/plain", correlation_id="c-7", timestamp=1767323045,
    headers={"number": 42, "yes": True, "at": at, "none": None, "bytes": b"\xff\x00"}))
channel.basic_publish(sys.argv[1], "anything", b"2 plain")
channel.basic_publish(sys.argv[1], "", b"", pika.BasicProperties(headers={"culvert-key": "k", "culvert-tombstone": "1"}))
`, o.topic)

	got := o.read(t, 4)
	tombstone, odd, plain := got[0], got[2], got[3]
	headers := map[string]string{}
	for _, h := range odd.Headers {
		headers[h.Name] = string(h.Value)
	}
	want := map[string]string{
		"number": "42", "yes": "true", "at": "2026-01-02T03:04:05Z", "none": "", "bytes": "\xff\x00",
		"content-type": "text/plain", "correlation-id": "c-7",
	}
	if fmt.Sprint(headers) != fmt.Sprint(want) {
		t.Errorf("the headers are %q, want %q", headers, want)
	}
	if !odd.Time.Equal(time.Unix(1767323045, 0)) {
		t.Errorf("the time is %v", odd.Time)
	}
	if string(plain.Payload) != "2 plain" || plain.Key != nil || len(plain.Headers) != 0 || !plain.Time.IsZero() {
		t.Errorf("the plain message is %+v", plain)
	}
	if !tombstone.Tombstone() || string(tombstone.Key) != "k" {
		t.Errorf("the tombstone is %+v", tombstone)
	}
}

func TestWhatPikaReads(t *testing.T) {
	o, url := meetAMQP(t)
	brokers.Pika(t, url, `
channel.queue_declare("pika-" + sys.argv[1], durable=True, arguments={"x-expires": 60000})
channel.queue_bind("pika-" + sys.argv[1], sys.argv[1])
`, o.topic)
	at := time.UnixMilli(time.Now().UnixMilli()).UTC()
	o.publish(t, &domain.Message{Key: []byte("k"), Payload: []byte("hello"), Headers: []domain.Header{{Name: "h", Value: []byte("v")}}}, &domain.Message{Key: []byte("gone")})
	printed := brokers.Pika(t, url, `
for _ in range(2):
    _, properties, body = channel.basic_get("pika-" + sys.argv[1], auto_ack=True)
    headers = {k: v for k, v in properties.headers.items() if k != "_watermill_message_uuid"}
    print(json.dumps({"body": body.decode(), "headers": headers, "mode": properties.delivery_mode, "time": properties.timestamp}))
`, o.topic)
	var read [2]struct {
		Body    string
		Headers map[string]string
		Mode    int
		Time    int64
	}
	lines := json.NewDecoder(strings.NewReader(printed))
	for i := range read {
		if err := lines.Decode(&read[i]); err != nil {
			t.Fatalf("pika printed %q: %v", printed, err)
		}
	}
	quote, tombstone := read[0], read[1]
	if quote.Body != "hello" || quote.Headers["culvert-key"] != "k" || quote.Headers["h"] != "v" || quote.Mode != 2 || quote.Time < at.Unix() {
		t.Errorf("pika read %+v", quote)
	}
	if tombstone.Body != "" || tombstone.Headers["culvert-key"] != "gone" || tombstone.Headers["culvert-tombstone"] != "1" {
		t.Errorf("pika read the tombstone as %+v", tombstone)
	}
}

// A Watermill application on the same server has the topic in common with us, in both directions.
func TestAWatermillApplicationOnRabbitMQ(t *testing.T) {
	o, url := meetAMQP(t)
	cfg := wamqp.NewDurablePubSubConfig(url, func(topic string) string { return "watermill-" + topic })
	cfg.Queue.Arguments = map[string]any{"x-expires": int32(60_000)}
	subscriber, err := wamqp.NewSubscriber(cfg, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	defer subscriber.Close()
	messages, err := subscriber.Subscribe(t.Context(), o.topic)
	if err != nil {
		t.Fatal(err)
	}
	publisher, err := wamqp.NewPublisher(cfg, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	defer publisher.Close()
	theirs := message.NewMessage("its-own-id", []byte("1 theirs"))
	theirs.Metadata.Set("correlation_id", "42")
	if err := publisher.Publish(o.topic, theirs); err != nil {
		t.Fatal(err)
	}
	o.publish(t, &domain.Message{Key: []byte("k"), Payload: []byte("2 ours"), Headers: []domain.Header{{Name: "z", Value: []byte("1")}, {Name: "a", Value: []byte("2")}}})

	read := map[string]*message.Message{}
	for late := time.After(30 * time.Second); len(read) < 2; {
		select {
		case m := <-messages:
			read[string(m.Payload)] = m
			m.Ack()
		case <-late:
			t.Fatalf("the application read %v", read)
		}
	}
	if m := read["2 ours"]; m == nil || m.UUID == "" || m.Metadata.Get("z") != "1" || m.Metadata.Get("a") != "2" || m.Metadata.Get("culvert-key") != "k" {
		t.Errorf("the application read ours as %+v", m)
	}
	seen := o.read(t, 3)[1]
	if want := []domain.Header{{Name: "correlation_id", Value: []byte("42")}}; string(seen.Payload) != "1 theirs" || fmt.Sprint(seen.Headers) != fmt.Sprint(want) {
		t.Errorf("we read theirs as %+v, want the payload and the metadata as the only headers", seen)
	}
}
