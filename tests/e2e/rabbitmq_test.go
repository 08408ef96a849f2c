package e2e

import (
	"strings"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// A topic by the name that the configuration has for the server's nameless exchange was taken for that: what anybody published to it was confirmed and nowhere, and
// left a durable queue of no name in the server each time.
func TestATopicIsNeverTheNamelessExchange(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	b := amqp().start(t)
	for _, topic := range []string{"amq.default", "amq.direct", "amq.rabbitmq.trace"} {
		wantStatus(ctx, t, request{method: "POST", url: b.URL + "/v1/topics/" + topic + "/messages", body: "x"}, 403, "not-allowed")
		wantStatus(ctx, t, request{url: b.URL + "/v1/topics/" + topic + "/events"}, 403, "not-allowed")
	}
}

// On RabbitMQ a topic of more than 228 characters had a stream that could not be made, since the server makes a folder of its name: publishing was a time-out of which nobody knew the outcome, all else a
// conflict, though all such names are topics.
func TestTheLongestTopic(t *testing.T) {
	everyBroker(t, func(t *testing.T, s subject) {
		ctx := deadline(t)
		b := s.start(t)
		topic := brokers.Topic(t)
		topic += strings.Repeat("x", 249-len(topic))
		if s.name == "kafka" {
			brokers.CreateTopic(t, brokers.Kafka(t), topic, 1)
		}
		post(ctx, t, b, topic, "one")
		viewer := view(ctx, t, b, topic, "?from=earliest", "")
		want(t, viewer, "ready", "")
		want(t, viewer, "message", "one")
	})
}

// What one broker issued for a topic is honoured by no other that has one of the same name: it is read, and told to be void.
func TestACursorOfAnotherBroker(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	topic := brokers.Topic(t)
	brokers.CreateTopic(t, brokers.Kafka(t), topic, 1)
	var bridges []*bridge.Bridge
	var cursors []string
	for _, s := range []subject{kafka(), amqp()} {
		b := s.start(t)
		post(ctx, t, b, topic, "0", "1", "2")
		viewer := view(ctx, t, b, topic, "?from=earliest", "")
		want(t, viewer, "ready", "")
		want(t, viewer, "message", "0")
		bridges, cursors = append(bridges, b), append(cursors, want(t, viewer, "message", "1").ID)
	}
	for i, b := range bridges {
		stranger := view(ctx, t, b, topic, "", cursors[1-i])
		if ready := want(t, stranger, "ready", ""); !strings.Contains(ready.Data, `"resumed":false,"reason":"epoch"`) {
			t.Errorf("a cursor of another broker: %s", ready.Data)
		}
		want(t, stranger, "gap", "")
		for _, text := range []string{"0", "1", "2"} {
			want(t, stranger, "message", text)
		}
	}
}

// A log that was deleted while nobody viewed the topic was missed by those who published: what they published from then on was confirmed, and nowhere.
func TestALogDeletedBehindAPublisher(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	b := bridge.Start(t, "CULVERT_BROKER=amqp", "CULVERT_AMQP_URL="+brokers.RabbitMQ(t).URL)
	topic := brokers.Topic(t)
	post(ctx, t, b, topic, "before")
	deleteLog(t, topic)
	wantStatus(ctx, t, request{method: "POST", url: b.URL + "/v1/topics/" + topic + "/messages", body: "nowhere"}, 503, "unavailable")
	post(ctx, t, b, topic, "after")
	viewer := view(ctx, t, b, topic, "?from=earliest", "")
	want(t, viewer, "ready", "")
	want(t, viewer, "message", "after")
}
