package amqp_test

import (
	"strings"
	"testing"

	"culvert/adapters/broker/amqp"
	"culvert/domain"
	"culvert/tests/brokers"
)

// kinds are the types of queues that an adapter can declare.
var kinds = map[string]func(*amqp.Config){"classic": func(*amqp.Config) {}, "quorum": quorum}

func TestAQueueTellsHowMuchItHas(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	for kind, declare := range kinds {
		for told, management := range map[string]string{"with the management plugin": server.Management, "without": ""} {
			t.Run(kind+" "+told, func(t *testing.T) {
				t.Parallel()
				topic := topicOn(t, server.URL)
				b, outside := node(t, server.URL, declare, managed(management)), meet(t, server.URL)
				progress := func(queue domain.Queue, code domain.Code) domain.Progress {
					t.Helper()
					p, err := b.Progress(t.Context(), topic, queue)
					if (err == nil) != (code == "") || err != nil && domain.CodeOf(err) != code || len(p.Partitions) > 0 {
						t.Fatalf("%s is %+v: %v, want the error %q", queue, p, err, code)
					}
					return p
				}
				progress(workers, domain.UnknownTopic)
				m := join(t, b, topic, domain.Terms{})
				m.leave()
				progress("others", domain.UnknownQueue)
				if outside.left(string(topic)+":others") != -1 {
					t.Error("a queue was made by being looked at")
				}
				// A quorum queue counts who has just left for a moment.
				brokers.Eventually(t, soon, "nobody consumes an empty queue", func() bool { return progress(workers, "").Lag == 0 })
				if p := progress(workers, ""); p.Order != "" {
					t.Errorf("a queue with a single active consumer is %+v", p)
				}
				outside.send(string(topic), "", numbers(0, 5)...)
				if p := progress(workers, ""); p.Lag != 5 {
					t.Errorf("a queue of five messages is %+v", p)
				}

				m = join(t, b, topic, domain.Terms{})
				m.settle(m.given(t, 5)[:2]...)
				want := int64(domain.LagUnknown)
				if management != "" {
					want = 3
				}
				brokers.Eventually(t, soon, "two of five messages are settled", func() bool { return progress(workers, "").Lag == want })
				m.leave()
				brokers.Eventually(t, soon, "three messages come back", func() bool { return progress(workers, "").Lag == 3 })
			})
		}
	}
}

// Of queues whose names differ in capitals alone, one was said to be as far behind as another.
func TestALagIsNotThatOfACapital(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	topic := topicOn(t, server.URL)
	b, outside := node(t, server.URL, managed(server.Management)), meet(t, server.URL)
	capital := string(topic) + ":Workers"
	t.Cleanup(func() { _, _ = meet(t, server.URL).QueueDelete(capital, false, false, false) })
	if err := b.EnsureQueue(t.Context(), topic, "Workers"); err != nil {
		t.Fatal(err)
	}
	m := join(t, b, topic, domain.Terms{})
	outside.send(string(topic), "", numbers(0, 5)...)
	m.settle(m.given(t, 5)[:2]...)
	brokers.Eventually(t, soon, "two of five messages are settled", func() bool {
		p, err := b.Progress(t.Context(), topic, workers)
		return err == nil && p.Lag == 3
	})
}

func TestAQueueThatIsLookedAtStaysAsItIs(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	for name, args := range map[string]table{"classic": {}, "quorum": {"x-queue-type": "quorum"}, "of other arguments": {"x-max-length": int64(7), "x-message-ttl": int64(1e6)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topic := topicOn(t, url)
			outside, queue := meet(t, url), string(topic)+":"+workers
			if err := outside.ExchangeDeclare(string(topic), "fanout", true, false, false, false, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := outside.QueueDeclare(queue, true, false, false, false, args); err != nil {
				t.Fatal(err)
			}
			p, err := node(t, url).Progress(t.Context(), topic, workers)
			if err != nil || p.Order != domain.OrderNone || p.Lag != 0 {
				t.Errorf("a queue without a single active consumer is %+v: %v", p, err)
			}
			outside.send(string(topic), "", "one")
			if n := outside.left(queue); n != 0 {
				t.Errorf("%d messages came into a queue that nobody has bound, want none", n)
			}
			if outside.left(string(topic)+":$log") != -1 {
				t.Error("the topic was given a log")
			}
		})
	}
}

func TestALogIsNotLookedAtAsAQueue(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	topic := topicOn(t, server.URL)
	b := node(t, server.URL, managed(server.Management), func(c *amqp.Config) {
		c.Topology = []amqp.Topology{{Topic: string(topic), Queue: "{topic}-{queue}", Log: "{topic}-log"}}
	})
	t.Cleanup(func() { _, _ = meet(t, server.URL).QueueDelete(string(topic)+"-log", false, false, false) })
	if err := b.Ensure(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	// What the log is called was shown to whoever tried its name.
	if _, err := b.Progress(t.Context(), topic, "log"); domain.CodeOf(err) != domain.Unsupported || strings.Contains(domain.AsError(err).Detail, string(topic)) {
		t.Errorf("looking at the log: %v", err)
	}
	if err := b.Forget(t.Context(), topic, "log"); domain.CodeOf(err) != domain.Unsupported {
		t.Errorf("deleting the log: %v", err)
	}
	if queues, err := b.Queues(t.Context(), topic); err != nil || len(queues) > 0 {
		t.Errorf("the topic has queues %v: %v; its log is none", queues, err)
	}
	if meet(t, server.URL).left(string(topic)+"-log") != 0 {
		t.Error("the log is gone")
	}
}
