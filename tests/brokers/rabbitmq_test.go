package brokers_test

import (
	"context"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"culvert/tests/brokers"
)

func TestRabbitMQCarriesMessagesOfAForeignClient(t *testing.T) {
	server := brokers.RabbitMQ(t)
	queue := brokers.Topic(t)
	channel := openChannel(t, dial(t, server.URL))
	if _, err := channel.QueueDeclare(queue, false, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = channel.QueueDelete(queue, false, false, false) })

	brokers.Pika(t, server.URL, `
channel.basic_publish("", sys.argv[1], b"there", pika.BasicProperties(headers={"none": None, "list": [1, True]}))
`, queue)
	got, ok, err := channel.Get(queue, true)
	if err != nil || !ok {
		t.Fatalf("the queue has nothing (%v)", err)
	}
	list, _ := got.Headers["list"].([]any)
	if none, has := got.Headers["none"]; string(got.Body) != "there" || !has || none != nil || len(list) != 2 || list[1] != true {
		t.Errorf("what pika published came as %q with %v", got.Body, got.Headers)
	}

	publish(t, channel, queue, "back")
	printed := brokers.Pika(t, server.URL, `
method, properties, body = channel.basic_get(sys.argv[1], auto_ack=True)
print(body.decode())
`, queue)
	if want := "back\n"; printed != want {
		t.Errorf("pika read %q, want %q", printed, want)
	}
}

func TestRabbitMQKeepsWhatItConfirmedWhenItEnds(t *testing.T) {
	t.Parallel()
	node := brokers.StartRabbitMQ(t, "consumer_timeout = 61000")
	conn := dial(t, node.URL())
	channel := openChannel(t, conn)
	queue := brokers.Topic(t)
	if _, err := channel.QueueDeclare(queue, true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if got := node.Ctl(t, "eval", "application:get_env(rabbit, consumer_timeout)."); strings.TrimSpace(got) != "{ok,61000}" {
		t.Errorf("of the line of its configuration the node knows %q", got)
	}
	for name, end := range map[string]func(){"killed": node.Kill, "stopped": node.Stop} {
		publish(t, openChannel(t, dial(t, node.URL())), queue, name)

		end()
		if _, err := amqp.Dial(node.URL()); err == nil {
			t.Fatalf("it was %s and still answers", name)
		}
		node.Start()

		got, ok, err := openChannel(t, dial(t, node.URL())).Get(queue, true)
		if err != nil || !ok || string(got.Body) != name {
			t.Errorf("after it was %s the queue gives %q, %v (%v)", name, got.Body, ok, err)
		}
	}
	node.Ctl(t, "delete_queue", queue)
	if _, err := openChannel(t, dial(t, node.URL())).QueueDeclarePassive(queue, true, false, false, false, nil); err == nil {
		t.Error("the queue that was deleted is there")
	}
}

func TestRabbitMQBlocksPublishersWhileItsMemoryIsUsedUp(t *testing.T) {
	t.Parallel()
	node := brokers.StartRabbitMQ(t)
	conn := dial(t, node.URL())
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 2))
	channel := openChannel(t, conn)
	queue, err := channel.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		t.Fatal(err)
	}

	node.RaiseMemoryAlarm(t)
	// It blocks who publishes, and says so then.
	if err := channel.PublishWithContext(t.Context(), "", queue.Name, false, false, amqp.Publishing{}); err != nil {
		t.Fatal(err)
	}
	if b := within(t, blocked, "blocked"); !b.Active {
		t.Errorf("the first word is %+v", b)
	}
	node.ClearMemoryAlarm(t)
	if b := within(t, blocked, "unblocked"); b.Active {
		t.Errorf("the last word is %+v", b)
	}
}

func dial(t *testing.T, url string) *amqp.Connection {
	t.Helper()
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func openChannel(t *testing.T, conn *amqp.Connection) *amqp.Channel {
	t.Helper()
	channel, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if err := channel.Confirm(false); err != nil {
		t.Fatal(err)
	}
	return channel
}

// publish returns when the message is confirmed.
func publish(t *testing.T, channel *amqp.Channel, queue, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	confirmation, err := channel.PublishWithDeferredConfirmWithContext(ctx, "", queue, true, false, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	if acked, err := confirmation.WaitContext(ctx); err != nil || !acked {
		t.Fatalf("%q is not confirmed: %v", body, err)
	}
}

// within gives what comes next on c.
func within[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("it was never told: %s", what)
		panic("unreachable")
	}
}
