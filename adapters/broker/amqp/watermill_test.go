package amqp

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/rabbitmq/amqp091-go"

	"culvert/adapters/broker"
	"culvert/domain"
	"culvert/tests/brokers"
)

// watermillPair is a publisher and a subscriber. Whoever gets them closes them.
func watermillPair(t *testing.T, url, queue string) (*Publisher, *Subscriber) {
	t.Helper()
	cfg := DefaultConfig()
	cfg.URL = url
	cfg.Streams = streamsOff // Watermill has no use for a log
	pub, err := NewPublisher(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	sub, err := NewSubscriber(cfg, SubscriberConfig{Queue: queue, NackPause: time.Millisecond}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return pub, sub
}

// TestReconnect of the suite runs a command that restarts the server: TestAWatermillPairOutlivesAnOutage is ours.
func TestWatermillSuite(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	group := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		pub, sub := watermillPair(t, url, group)
		closing(t, sub) // the suite forgets one: it closes it before it is subscribed
		return pub, sub
	}
	tests.TestPubSub(t, tests.Features{
		ConsumerGroups:                      true,
		GuaranteedOrder:                     true,
		GuaranteedOrderWithSingleSubscriber: true,
		Persistent:                          true,
	}, func(t *testing.T) (message.Publisher, message.Subscriber) { return group(t, "test") }, group)
}

// receive gives the next message, acknowledged.
func receive(t *testing.T, messages <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case w, ok := <-messages:
		if !ok {
			t.Fatal("the subscription has ended")
		}
		w.Ack()
		return w
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	return nil
}

func closing(t *testing.T, closers ...interface{ Close() error }) {
	t.Helper()
	t.Cleanup(func() {
		for _, c := range closers {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func subscribe(t *testing.T, sub message.Subscriber, topic string) <-chan *message.Message {
	t.Helper()
	messages, err := sub.Subscribe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

func TestAWatermillPairOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	node := brokers.StartRabbitMQ(t)
	topic := brokers.Topic(t)
	pub, shared := watermillPair(t, node.URL(), "q")
	_, own := watermillPair(t, node.URL(), "")
	closing(t, pub, shared, own)
	subscriptions := map[string]<-chan *message.Message{"a shared queue": subscribe(t, shared, topic), "a queue of one's own": subscribe(t, own, topic)}
	if err := pub.Publish(topic, message.NewMessage("1", []byte("before"))); err != nil {
		t.Fatal(err)
	}
	for name, messages := range subscriptions {
		if w := receive(t, messages); string(w.Payload) != "before" {
			t.Fatalf("%s: %q came", name, w.Payload)
		}
	}
	node.Kill()
	node.Start()
	for name, messages := range subscriptions {
		brokers.Eventually(t, patience, name+" has messages again", func() bool { // a queue of one's own is bound when the connection is back
			if err := pub.Publish(topic, message.NewMessage("2", []byte("after"))); err != nil {
				t.Fatal(err)
			}
			select {
			case w := <-messages:
				w.Ack()
				return string(w.Payload) == "after"
			case <-time.After(100 * time.Millisecond):
				return false
			}
		})
	}
}

// Watermill's AMQP adapter requeues what it cannot unmarshal, and spins; and it does not see that a subscription is cancelled while a message waits.
func TestASubscriberTakesAnythingAndLeavesAtOnce(t *testing.T) {
	t.Parallel()
	rabbit := brokers.RabbitMQ(t)
	topic := brokers.Topic(t)
	pub, sub := watermillPair(t, rabbit.URL, "q")
	closing(t, pub, sub)
	ctx, cancel := context.WithCancel(t.Context())
	messages, err := sub.Subscribe(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	odd := amqp091.Publishing{Headers: amqp091.Table{"n": int32(1), "t": amqp091.Table{"a": []any{true}}, "d": amqp091.Decimal{Scale: 1, Value: 5}}, Body: []byte("odd")}
	if err := server(t, rabbit.URL).Publish(topic, "", false, false, odd); err != nil {
		t.Fatal(err)
	}
	if w := receive(t, messages); w.UUID == "" || w.Metadata["n"] != "1" || w.Metadata["d"] != "0.5" || w.Metadata["t"] != `{"a":[true]}` {
		t.Errorf("it is %v %v", w.UUID, w.Metadata)
	}
	if err := pub.Publish(topic, message.NewMessage("2", []byte("waits"))); err != nil {
		t.Fatal(err)
	}
	var w *message.Message
	select {
	case w = <-messages:
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	cancel()
	select {
	case <-w.Context().Done():
	case <-time.After(patience):
		t.Error("the message's context did not end")
	}
	select {
	case _, ok := <-messages:
		if ok {
			t.Error("another message came")
		}
	case <-time.After(patience):
		t.Error("the subscription did not end")
	}
	if w := receive(t, subscribe(t, sub, topic)); string(w.Payload) != "waits" {
		t.Errorf("%q came back", w.Payload)
	}
}

// A broker can be made of this pair as of any of Watermill's.
func TestABrokerOfThePair(t *testing.T) {
	t.Parallel()
	topic := domain.Topic(brokers.Topic(t))
	pub, sub := watermillPair(t, brokers.RabbitMQ(t).URL, "")
	b, err := broker.NewPair(pub, sub, broker.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, chunks, err := b.Tail(ctx, topic, domain.StartLatest())
	if err != nil {
		t.Fatal(err)
	}
	sent := &domain.Message{Key: []byte{0, 0xff}, Headers: headers("b", "\xff", "a", "1", "a", "2"), Time: time.UnixMilli(1_700_000_000_123)}
	b.Publish(ctx, topic, []*domain.Message{sent}, func(_ int, _ domain.Ack, err error) {
		if err != nil {
			t.Error(err)
		}
	})
	for c, err := range chunks {
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Messages) > 0 {
			if !sameMessage(sent, c.Messages[0]) {
				t.Errorf("%+v came as %+v", sent, c.Messages[0])
			}
			return
		}
	}
	t.Error("nothing came")
}

// Applications with Watermill's own adapter, in its topology of a fanout exchange a topic, understand us, and we them.
func TestWithWatermillAMQP(t *testing.T) {
	t.Parallel()
	rabbit := brokers.RabbitMQ(t)
	topic := brokers.Topic(t)
	pub, sub := watermillPair(t, rabbit.URL, "")
	theirs := wamqp.NewDurablePubSubConfig(rabbit.URL, wamqp.GenerateQueueNameTopicNameWithSuffix("theirs"))
	theirPub, err := wamqp.NewPublisher(theirs, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	theirSub, err := wamqp.NewSubscriber(theirs, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, pub, sub, theirPub, theirSub)
	atTheirs, atOurs := subscribe(t, theirSub, topic), subscribe(t, sub, topic)
	for i, from := range []message.Publisher{pub, theirPub} {
		sent := message.NewMessage(watermill.NewUUID(), []byte(strconv.Itoa(i)))
		sent.Metadata["name"] = "värde"
		if err := from.Publish(topic, sent); err != nil {
			t.Fatal(err)
		}
		for to, messages := range map[string]<-chan *message.Message{"theirs": atTheirs, "ours": atOurs} {
			if w := receive(t, messages); w.UUID != sent.UUID || !bytes.Equal(w.Payload, sent.Payload) || w.Metadata["name"] != "värde" {
				t.Errorf("message %d came to %s as %s %q %v", i, to, w.UUID, w.Payload, w.Metadata)
			}
		}
	}
}
