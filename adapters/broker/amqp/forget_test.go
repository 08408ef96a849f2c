package amqp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"culvert/adapters/broker/amqp"
	"culvert/domain"
	"culvert/tests/brokers"
)

func TestAQueueIsForgottenWhenNobodyConsumesIt(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	for kind, declare := range kinds {
		for _, order := range []domain.Order{domain.OrderKey, domain.OrderNone} {
			t.Run(fmt.Sprintf("%s, order %s", kind, order), func(t *testing.T) {
				t.Parallel()
				topic := topicOn(t, url)
				b, other, outside := node(t, url, declare), node(t, url, declare), meet(t, url)
				queue := string(topic) + ":" + workers
				if err := b.Forget(t.Context(), topic, workers); domain.CodeOf(err) != domain.UnknownTopic {
					t.Errorf("a topic that is not there: %v", err)
				}
				// Whatever is asked of one queue, those who are in others of the same node notice nothing.
				bystander := join(t, b, topicOn(t, url), domain.Terms{})

				m := join(t, other, topic, domain.Terms{Order: order})
				outside.send(string(topic), "", "one", "two")
				m.given(t, 2)
				if err := b.Forget(t.Context(), topic, workers); domain.CodeOf(err) != domain.Conflict {
					t.Errorf("a queue that has a member on another node: %v", err)
				}
				outside.send(string(topic), "", "three")
				m.settle(m.given(t, 3)[0])
				m.leave()

				d, err := outside.Consume(queue, "theirs", false, false, false, false, nil)
				if err != nil {
					t.Fatal(err)
				}
				<-d
				err = b.Forget(t.Context(), topic, workers)
				if domain.CodeOf(err) != domain.Conflict || !strings.Contains(err.Error(), "another program") {
					t.Errorf("a queue that another program consumes: %v", err)
				}
				if err := outside.Close(); err != nil {
					t.Fatal(err)
				}
				outside.open()
				brokers.Eventually(t, soon, "what the other program had comes back", func() bool { return outside.left(queue) == 2 })

				if err := b.Forget(t.Context(), topic, workers); err != nil || outside.left(queue) != -1 {
					t.Fatalf("deleting it: %v, and then it has %d messages (-1: it is not there)", err, outside.left(queue))
				}
				if err := b.Forget(t.Context(), topic, workers); domain.CodeOf(err) != domain.UnknownQueue {
					t.Errorf("deleting it again: %v", err)
				}
				outside.send(string(topic), "", "before")
				m = join(t, b, topic, domain.Terms{Order: order})
				outside.send(string(topic), "", "after")
				if got := payloads(m.given(t, 1)); got[0] != "after" || len(m.gaps) > 0 {
					t.Errorf("the queue made anew gave %q, with gaps %v", got, m.gaps)
				}
				if bystander.assigned() != 1 || len(bystander.claims) != 1 || len(bystander.gaps) > 0 {
					t.Errorf("a member of another queue has had %d claims, and gaps %v", len(bystander.claims), bystander.gaps)
				}
			})
		}
	}
}

func TestWhoHasJustLeftDoesNotCount(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	for kind, declare := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			topic := topicOn(t, url)
			b, outside := node(t, url, declare), meet(t, url)
			for range 10 {
				m := join(t, b, topic, domain.Terms{})
				outside.send(string(topic), "", numbers(0, 100)...)
				m.settle(m.given(t, 100)[:50]...)
				m.leave()
				if err := b.Forget(t.Context(), topic, workers); err != nil {
					t.Fatalf("deleting a queue that its last member has left: %v", err)
				}
			}
		})
	}
}

func TestAProgramThatIsNotOursKeepsItsQueue(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	for kind, declare := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			topic := topicOn(t, url)
			b := node(t, url, declare)
			if err := b.EnsureQueue(t.Context(), topic, workers); err != nil {
				t.Fatal(err)
			}
			meet(t, url).send(string(topic), "", "one", "two")
			refused := make(chan error, 1)
			asked := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { refused <- b.Forget(t.Context(), topic, workers) }))
			defer asked.Close()
			got := brokers.Pika(t, url, `
queue, asked = sys.argv[1:]
import urllib.request
given = []
for method, properties, body in channel.consume(queue):
    if not given:
        urllib.request.urlopen(asked).read()
    given.append(body.decode())
    channel.basic_ack(method.delivery_tag)
    if len(given) == 2:
        break
print(*given)
`, string(topic)+":"+workers, asked.URL)
			if err := <-refused; domain.CodeOf(err) != domain.Conflict || strings.TrimSpace(got) != "one two" {
				t.Errorf("deleting it meanwhile: %v; pika was given %q", err, got)
			}
		})
	}
}

func TestAQueueThatIsNotOursIsKept(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	for setting, change := range map[string]func(*amqp.Config, domain.Topic){
		"create_queues": func(c *amqp.Config, _ domain.Topic) { c.CreateQueues = false },
		"passive": func(c *amqp.Config, topic domain.Topic) {
			c.Topology = []amqp.Topology{{Topic: string(topic), Passive: true}}
		},
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			topic := topicOn(t, url)
			if err := node(t, url).EnsureQueue(t.Context(), topic, workers); err != nil {
				t.Fatal(err)
			}
			b := node(t, url, func(c *amqp.Config) { change(c, topic) })
			if err := b.Forget(t.Context(), topic, workers); domain.CodeOf(err) != domain.NotAllowed || !strings.Contains(err.Error(), setting) {
				t.Errorf("deleting it: %v, want not-allowed for %s", err, setting)
			}
			if meet(t, url).left(string(topic)+":"+workers) != 0 {
				t.Error("it is gone")
			}
			if err := b.EnsureQueue(t.Context(), topic, workers); err != nil {
				t.Errorf("a queue that is there is taken as it is: %v", err)
			}
			if err := b.EnsureQueue(t.Context(), topic, "others"); domain.CodeOf(err) != domain.UnknownQueue || !strings.Contains(err.Error(), setting) {
				t.Errorf("making another: %v, want unknown-queue for %s", err, setting)
			}
		})
	}
}

func TestATopicThatIsOneQueueGoesWithIt(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	topic := topicOn(t, url)
	laid := func(c *amqp.Config) {
		name := string(topic) + ":" + workers
		c.Topology = []amqp.Topology{{Topic: string(topic), Exchange: "amq.default", RoutingKey: name, Queue: name}}
	}
	b := node(t, url, laid)
	if err := b.Forget(t.Context(), topic, workers); domain.CodeOf(err) != domain.UnknownTopic {
		t.Errorf("before it is there: %v", err)
	}
	if err := b.EnsureQueue(t.Context(), topic, workers); err != nil {
		t.Fatal(err)
	}
	meet(t, url).send("", string(topic)+":"+workers, "one")
	if p, err := b.Progress(t.Context(), topic, workers); err != nil || p.Lag != 1 {
		t.Errorf("it is %+v: %v", p, err)
	}
	careful := node(t, url, laid, func(c *amqp.Config) { c.CreateTopics = false })
	if err := careful.Forget(t.Context(), topic, workers); domain.CodeOf(err) != domain.NotAllowed || !strings.Contains(err.Error(), "create_topics") {
		t.Errorf("where no topic may be made: %v", err)
	}
	if err := b.Forget(t.Context(), topic, workers); err != nil {
		t.Error(err)
	}
	if _, err := b.Progress(t.Context(), topic, workers); domain.CodeOf(err) != domain.UnknownTopic {
		t.Errorf("after it was deleted: %v", err)
	}
}
