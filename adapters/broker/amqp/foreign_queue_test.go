package amqp_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"culvert/adapters/broker/amqp"
	"culvert/domain"
	"culvert/tests/brokers"
)

// table makes the arguments of a queue.
type table = amqp091.Table

// A team has laid its topic out with an exchange, a key and a queue of its own, and we are to touch nothing of it.
func TestAQueueOfATeamsOwnIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	for name, args := range map[string]table{
		"plain":      {},
		"with much":  {"x-dead-letter-exchange": "the team's", "x-message-ttl": int32(3600000), "x-max-priority": int8(4), "x-max-length": int64(1e6), "x-overflow": "drop-head"},
		"of quorums": {"x-queue-type": "quorum", "x-delivery-limit": int32(7), "x-expires": int64(9e6), "x-dead-letter-strategy": "at-most-once"},
	} {
		for _, single := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, single %v", name, single), func(t *testing.T) {
				t.Parallel()
				args := maps.Clone(args)
				want := domain.OrderNone
				if single {
					args["x-single-active-consumer"] = true
					want = ""
				}
				topic := topicOn(t, url)
				exchange, queue := "team."+string(topic), string(topic)+"-jobs"
				b := node(t, url, func(c *amqp.Config) {
					c.Topology = []amqp.Topology{{Topic: string(topic), Exchange: "team.{topic}", Type: "direct", RoutingKey: "job", Queue: "{topic}-jobs", Log: "none", Passive: true}}
				})
				outside := meet(t, url)
				if err := outside.ExchangeDeclare(exchange, "direct", true, false, false, false, nil); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					_, _ = outside.QueueDelete(queue, false, false, false)
					_ = outside.ExchangeDelete(exchange, false, false)
				})
				refused := join(t, b, topic, domain.Terms{})
				if domain.CodeOf(refused.err) != domain.UnknownQueue || outside.left(queue) != -1 {
					t.Fatalf("joining a queue that the team has not: %v, and then it has %d messages (-1: it is not there)", refused.err, outside.left(queue))
				}
				if _, err := outside.QueueDeclare(queue, true, false, false, false, args); err != nil {
					t.Fatal(err)
				}
				if err := outside.QueueBind(queue, "job", exchange, false, nil); err != nil {
					t.Fatal(err)
				}

				m := join(t, b, topic, domain.Terms{})
				if m.err != nil || m.order != want || m.assigned() != 1 {
					t.Fatalf("joining it: %v, order %q, %d claims; want no error, order %q and one claim", m.err, m.order, m.assigned(), want)
				}
				outside.send(exchange, "job", "one")
				outside.send(exchange, "another", "none")
				outside.send(exchange, "job", "two")
				if got := payloads(m.given(t, 2)); fmt.Sprint(got) != "[one two]" {
					t.Errorf("the queue gave %q", got)
				}
			})
		}
	}
}

func TestAStreamIsNoQueue(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	topic := topicOn(t, url)
	b := node(t, url, func(c *amqp.Config) { c.Topology = []amqp.Topology{{Topic: string(topic), Queue: "{topic}:$log"}} })
	if refused := join(t, b, topic, domain.Terms{}); domain.CodeOf(refused.err) != domain.Unsupported {
		t.Errorf("joining the log of a topic: %v, want unsupported", refused.err)
	}
}

func TestWhatTheServerAndStrangersAddHoldsNothingUp(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	topic := topicOn(t, url)
	m := join(t, node(t, url, quorum), topic, domain.Terms{})
	outside := meet(t, url)
	// What a queue refuses comes to the topic by way of its dead letters, with what the server says of that.
	refuses := string(topic) + "-refuses"
	if _, err := outside.QueueDeclare(refuses, true, false, false, false, table{"x-dead-letter-exchange": string(topic)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = outside.QueueDelete(refuses, false, false, false) })
	strange := amqp091.Publishing{
		Body: []byte("strange"), ContentType: "\xff", Priority: 9, Expiration: "60000", CorrelationId: "c", ReplyTo: "r", UserId: "guest",
		Headers: table{
			"none": nil, "table": table{"a": []any{table{"b": int8(1)}}}, "list": []any{nil, "x", 1.5}, "number": amqp091.Decimal{Scale: 2, Value: 314}, "": "nameless",
			"culvert-key": []any{int64(1)}, "culvert-time": table{}, "culvert-tombstone": 1.5, "culvert-headers": int32(7), "bytes": []byte{0xff, 0}, "yes": true,
		},
	}
	if err := outside.Publish("", refuses, false, false, strange); err != nil {
		t.Fatal(err)
	}
	brokers.Eventually(t, soon, "there is something to refuse", func() bool {
		d, ok, err := outside.Get(refuses, false)
		if err != nil {
			t.Fatal(err)
		}
		return ok && d.Reject(false) == nil
	})
	if got := payloads(m.given(t, 1)); got[0] != "strange" {
		t.Fatalf("the queue gave %q", got)
	}
	outside.send(string(topic), "", "usual")
	m.given(t, 2)
	m.leave()

	// Given again it carries that count of the server's, too.
	again := join(t, node(t, url), topic, domain.Terms{})
	if got := payloads(again.given(t, 2)); fmt.Sprint(got) != "[strange usual]" {
		t.Errorf("the next member was given %q", got)
	}
}
