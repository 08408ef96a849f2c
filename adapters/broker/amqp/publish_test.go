package amqp

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
	"culvert/tests/brokers"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 30 * time.Second

// openBroker makes a broker that ends with the test.
func openBroker(t testing.TB, url string, settings ...func(*Config)) *Broker {
	t.Helper()
	cfg := DefaultConfig()
	cfg.URL = url
	for _, set := range settings {
		set(&cfg)
	}
	b, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return b
}

func withoutLog(c *Config) { c.Streams = streamsOff }

// outcomes are what became of the messages of a batch.
type outcomes struct {
	t    testing.TB
	open sync.WaitGroup
	mu   sync.Mutex // guards what follows
	acks []domain.Ack
	errs []error
	told []bool
}

// publish publishes a batch and does not wait for the outcome.
func publish(ctx context.Context, t testing.TB, b *Broker, topic domain.Topic, batch ...*domain.Message) *outcomes {
	o := &outcomes{t: t, acks: make([]domain.Ack, len(batch)), errs: make([]error, len(batch)), told: make([]bool, len(batch))}
	o.open.Add(len(batch))
	b.Publish(ctx, topic, batch, func(i int, ack domain.Ack, err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.told[i] {
			t.Errorf("message %d was answered twice", i)
			return
		}
		o.told[i], o.acks[i], o.errs[i] = true, ack, err
		o.open.Done()
	})
	return o
}

// codes waits for the outcomes, and gives how many there are of each: "" for those that were confirmed.
func (o *outcomes) codes() map[domain.Code]int {
	o.open.Wait()
	all := map[domain.Code]int{}
	for _, err := range o.errs {
		if err == nil {
			all[""]++
		} else {
			all[domain.CodeOf(err)]++
		}
	}
	return all
}

// are fails the test unless all outcomes have a code.
func (o *outcomes) are(code domain.Code) {
	o.t.Helper()
	if codes := o.codes(); codes[code] != len(o.errs) {
		o.t.Fatalf("the outcomes are %v, want %q only; %v", codes, code, o.errs)
	}
}

func numbered(from, to int) []*domain.Message {
	var all []*domain.Message
	for i := from; i < to; i++ {
		all = append(all, &domain.Message{Payload: []byte(strconv.Itoa(i)), Time: time.Now()})
	}
	return all
}

// server is a connection of a test's own.
func server(t testing.TB, url string) *amqp091.Channel {
	t.Helper()
	conn, err := amqp091.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// collecting binds a queue to a topic that it makes, and gives the queue's name.
func collecting(t testing.TB, b *Broker, ch *amqp091.Channel, topic domain.Topic, args amqp091.Table) string {
	t.Helper()
	if err := b.Ensure(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	name := string(topic) + "-collected"
	if _, err := ch.QueueDeclare(name, true, false, false, false, args); err != nil {
		t.Fatal(err)
	}
	if err := ch.QueueBind(name, "", string(topic), false, nil); err != nil {
		t.Fatal(err)
	}
	return name
}

// collected is what a queue holds.
func collected(t testing.TB, ch *amqp091.Channel, queue string) []string {
	t.Helper()
	var all []string
	for {
		d, ok, err := ch.Get(queue, true)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return all
		}
		all = append(all, string(d.Body))
	}
}

func TestWhatIsPublishedIsThereInOrderWhenItIsConfirmed(t *testing.T) {
	t.Parallel()
	rabbit := brokers.RabbitMQ(t)
	b, ch, topic := openBroker(t, rabbit.URL), server(t, rabbit.URL), domain.Topic(brokers.Topic(t))
	queue := collecting(t, b, ch, topic, nil)
	var all []*outcomes
	for i := range 20 {
		all = append(all, publish(t.Context(), t, b, topic, numbered(i*50, i*50+50)...))
	}
	for _, o := range all {
		o.are("")
		if ack := o.acks[0]; ack.Position != nil || ack.Time.IsZero() || !ack.Time.Equal(ack.Time.Truncate(time.Millisecond)) {
			t.Errorf("the confirmation is %+v", ack)
		}
	}
	got := collected(t, ch, queue)
	if len(got) != 1000 {
		t.Fatalf("%d messages arrived, want 1000", len(got))
	}
	for i, body := range got {
		if body != strconv.Itoa(i) {
			t.Fatalf("message %d is %s", i, body)
		}
	}
}

// What was confirmed is there after a server was killed, and what waited for the server goes out when it is back. There is no log here: a RabbitMQ 3.10 that is killed within a second of
// its first stream forgets that it has streams.
func TestPublishingOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	const patience = 3 * time.Minute // a server may take two to start on a busy machine
	node := brokers.StartRabbitMQ(t)
	b, topic := openBroker(t, node.URL(), withoutLog), domain.Topic(brokers.Topic(t))
	queue := collecting(t, b, server(t, node.URL()), topic, nil)
	stop := make(chan struct{})
	var all []*outcomes
	var publishing sync.WaitGroup
	var confirmed atomic.Int64
	publishing.Go(func() {
		for i := 0; ; i += 20 {
			select {
			case <-stop:
				return
			default:
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			o := publish(ctx, t, b, topic, numbered(i, i+20)...)
			o.open.Wait() // so that an outage meets some twenty
			cancel()
			confirmed.Add(int64(o.codes()[""]))
			all = append(all, o)
		}
	})
	more := func(what string) {
		now := confirmed.Load()
		brokers.Eventually(t, patience, what, func() bool { return confirmed.Load() >= now+100 })
	}
	more("messages are confirmed before the outage")
	node.Kill()
	node.Start()
	more("messages are confirmed after the outage")
	close(stop)
	publishing.Wait()
	there := map[string]int{}
	for _, body := range collected(t, server(t, node.URL()), queue) {
		there[body]++
	}
	unconfirmed := 0
	for n, o := range all {
		for i, err := range o.errs {
			body := strconv.Itoa(n*20 + i)
			if err == nil {
				if there[body] != 1 {
					t.Errorf("%s was confirmed, and is there %d times", body, there[body])
				}
				continue
			}
			unconfirmed++
			if domain.CodeOf(err) != domain.Timeout {
				t.Errorf("%s: %v, want timeout: what was not written waits", body, err)
			}
		}
	}
	if unconfirmed > 20 {
		t.Errorf("%d messages are not confirmed: more than was under way", unconfirmed)
	}
}

func TestAnAlarmRefusesWhatIsPublished(t *testing.T) {
	t.Parallel()
	node := brokers.StartRabbitMQ(t)
	b, topic := openBroker(t, node.URL(), withoutLog), domain.Topic(brokers.Topic(t))
	publish(t.Context(), t, b, topic, numbered(0, 1)...).are("")
	node.RaiseMemoryAlarm(t)
	// The server tells of the alarm when it meets the first message.
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	publish(ctx, t, b, topic, numbered(1, 2)...).are(domain.Timeout)
	brokers.Eventually(t, patience, "the alarm is known", func() bool { return b.publishing.alarm() != "" })
	o := publish(t.Context(), t, b, topic, numbered(2, 100)...)
	o.are(domain.Unavailable)
	if text := o.errs[0].Error(); !strings.Contains(text, "memory") {
		t.Errorf("the refusal says %q, and not which alarm it is", text)
	}
	// Reading goes on.
	if err := b.Ensure(t.Context(), topic); err != nil {
		t.Error(err)
	}
	node.ClearMemoryAlarm(t)
	brokers.Eventually(t, patience, "the alarm is over", func() bool { return b.publishing.alarm() == "" })
	publish(t.Context(), t, b, topic, numbered(100, 101)...).are("")

	// A new connection knows nothing of the alarm of the old one.
	node.RaiseMemoryAlarm(t)
	brokers.Eventually(t, patience, "the alarm is known again", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		publish(ctx, t, b, topic, numbered(101, 102)...).codes()
		return b.publishing.alarm() != ""
	})
	node.Kill()
	node.Start()
	brokers.Eventually(t, patience, "messages are taken", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return publish(ctx, t, b, topic, numbered(102, 103)...).codes()[""] == 1
	})
}

func TestATopicThatIsDeletedIsMadeAnewOrUnknown(t *testing.T) {
	t.Parallel()
	rabbit := brokers.RabbitMQ(t)
	ch, topic := server(t, rabbit.URL), domain.Topic(brokers.Topic(t))
	b := openBroker(t, rabbit.URL)
	strict := openBroker(t, rabbit.URL, func(c *Config) { c.CreateTopics = false })
	publish(t.Context(), t, strict, topic, numbered(0, 3)...).are(domain.UnknownTopic)
	publish(t.Context(), t, b, topic, numbered(0, 3)...).are("")
	publish(t.Context(), t, strict, topic, numbered(0, 3)...).are("")
	if err := ch.ExchangeDelete(string(topic), false, false); err != nil {
		t.Fatal(err)
	}
	// What is under way when the server says so may have been there before; what was not written yet finds out.
	publish(t.Context(), t, strict, topic, numbered(0, 1)...).are(domain.Timeout)
	publish(t.Context(), t, strict, topic, numbered(0, 3)...).are(domain.UnknownTopic)
	publish(t.Context(), t, b, topic, numbered(0, 1)...).are(domain.Timeout)
	publish(t.Context(), t, b, topic, numbered(0, 3)...).are("")
	publish(t.Context(), t, strict, topic, numbered(0, 3)...).are("")
}

func TestAFullQueueRefuses(t *testing.T) {
	t.Parallel()
	rabbit := brokers.RabbitMQ(t)
	b, ch, topic := openBroker(t, rabbit.URL), server(t, rabbit.URL), domain.Topic(brokers.Topic(t))
	collecting(t, b, ch, topic, amqp091.Table{"x-max-length": 5, "x-overflow": "reject-publish"})
	o := publish(t.Context(), t, b, topic, numbered(0, 10)...)
	if codes := o.codes(); codes[""] != 5 || codes[domain.Unavailable] != 5 {
		t.Fatalf("the outcomes are %v", codes)
	}
	if text := o.errs[9].Error(); !strings.Contains(text, "queue_max_bytes") {
		t.Errorf("the refusal says %q", text)
	}
}

func TestCloseFlushes(t *testing.T) {
	t.Parallel()
	rabbit := brokers.RabbitMQ(t)
	ch, topic := server(t, rabbit.URL), domain.Topic(brokers.Topic(t))
	b := openBroker(t, rabbit.URL)
	queue := collecting(t, b, ch, topic, nil)
	o := publish(t.Context(), t, b, topic, numbered(0, 5000)...)
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.are("")
	if n := len(collected(t, ch, queue)); n != 5000 {
		t.Errorf("%d messages arrived, want 5000", n)
	}
	publish(t.Context(), t, b, topic, numbered(0, 2)...).are(domain.Unavailable)
}

func TestWithoutAServerMessagesWaitForTheirDeadline(t *testing.T) {
	t.Parallel()
	const nobody = "amqp://guest:guest@127.0.0.1:1/"
	b := openBroker(t, nobody, func(c *Config) { c.PublishTimeout = 300 * time.Millisecond; c.PublishWindow = 5 })
	began := time.Now()
	publish(t.Context(), t, b, "topic", numbered(0, 20)...).are(domain.Unavailable)
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("they were given up after %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	publish(ctx, t, b, "other", numbered(0, 20)...).are(domain.Unavailable)

	// What waits is answered by Close, when that may not wait any longer.
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	patient, done := context.WithTimeout(t.Context(), time.Hour)
	defer done()
	o := publish(patient, t, b, "third", numbered(0, 5)...)
	if err := b.Close(ctx); err != nil {
		t.Error(err)
	}
	o.are(domain.Unavailable)
}

// A server that reads nothing blocks whoever writes, and the driver's own closing waits for who writes.
func TestAServerThatReadsNothingHangsNobody(t *testing.T) {
	t.Parallel()
	rabbit := brokers.RabbitMQ(t)
	for name, heal := range map[string]func(*relay){
		"and goes on":      func(r *relay) { r.stall(false) },
		"and is cut off":   func(r *relay) { r.stall(false); r.cut() },
		"and stays silent": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := relayTo(t, rabbit.URL)
			topic := domain.Topic(brokers.Topic(t))
			b := openBroker(t, r.url, func(c *Config) { c.Heartbeat = time.Second; c.PublishWindow = 20_000 })
			publish(t.Context(), t, b, topic, numbered(0, 1)...).are("")
			r.stall(true)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // on a busy machine nothing would be written in less
			defer cancel()
			large := make([]*domain.Message, 40)
			for i := range large {
				large[i] = &domain.Message{Payload: bytes.Repeat([]byte("x"), 1<<20)}
			}
			o := publish(ctx, t, b, topic, large...)
			if codes := o.codes(); codes[domain.Timeout] == 0 || codes[domain.Unavailable] == 0 || codes[domain.Timeout]+codes[domain.Unavailable] != len(large) {
				t.Errorf("the outcomes are %v: some were written, and some were not", codes)
			}
			if heal == nil {
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				if err := b.Close(ctx); err != nil {
					t.Error(err)
				}
				return
			}
			heal(r)
			brokers.Eventually(t, patience, "messages are confirmed again", func() bool {
				return publish(t.Context(), t, b, topic, numbered(0, 1)...).codes()[""] == 1
			})
		})
	}
}

// Heartbeats find a server that is silent.
func TestASilentServerIsLeft(t *testing.T) {
	t.Parallel()
	r := relayTo(t, brokers.RabbitMQ(t).URL)
	topic := domain.Topic(brokers.Topic(t))
	b := openBroker(t, r.url, func(c *Config) { c.Heartbeat = time.Second })
	publish(t.Context(), t, b, topic, numbered(0, 1)...).are("")
	conn, err := b.publishing.connection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.stall(true)
	brokers.Eventually(t, patience, "the connection is given up", conn.IsClosed)
	r.stall(false)
	publish(t.Context(), t, b, topic, numbered(0, 1)...).are("")
}

func TestOnlyWhatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	node := brokers.StartRabbitMQ(t, "max_message_size = 1000000")
	topic, other := domain.Topic(brokers.Topic(t)), domain.Topic(brokers.Topic(t)+"-other")
	b := openBroker(t, node.URL())
	publish(t.Context(), t, b, other, numbered(0, 1)...).are("")
	conn, err := b.publishing.connection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	limits := domain.DefaultLimits()
	largest := &domain.Message{
		Key: bytes.Repeat([]byte{0xff}, limits.KeyBytes), Payload: make([]byte, limits.MessageBytes),
		Headers: headers("a", strings.Repeat("\xff", limits.HeaderBytes-2), "a", ""),
	}
	publish(t.Context(), t, b, topic, largest).are("")
	for _, n := range []int{130_500, 131_500, 1_000_000} { // about frame_max, which is 131072
		o := publish(t.Context(), t, b, topic, &domain.Message{Headers: headers("a", strings.Repeat("x", n))})
		if n < 131_072 {
			o.are("")
		} else {
			o.are(domain.TooLarge)
		}
	}
	var many []domain.Header
	for i := range 9000 {
		many = append(many, domain.Header{Name: strconv.Itoa(10_000 + i)})
	}
	publish(t.Context(), t, b, topic, &domain.Message{Headers: many}).are(domain.TooLarge)

	// How much the server takes is known when it has told so.
	large := &domain.Message{Payload: make([]byte, 1_000_001)}
	publish(t.Context(), t, b, topic, large).are(domain.TooLarge)
	o := publish(t.Context(), t, b, topic, append(append(numbered(0, 20), large), numbered(0, 20)...)...)
	if codes := o.codes(); codes[domain.TooLarge] != 1 || codes[""] != 40 {
		t.Errorf("the outcomes are %v", codes)
	}
	if conn.IsClosed() {
		t.Error("the connection was lost, and with it what other topics published")
	}

	// One that was started anew may take more: it was taken to be as before for as long as the topic was published to.
	node.Ctl(t, "eval", "application:set_env(rabbit, max_message_size, 2000000).")
	b.publishing.hangUp()
	brokers.Eventually(t, patience, "the connection is found to be lost", conn.IsClosed)
	publish(t.Context(), t, b, topic, large).are("")
}

func TestIdleTopicsGiveTheirChannelsBack(t *testing.T) {
	t.Parallel()
	rabbit := brokers.RabbitMQ(t)
	base := brokers.Topic(t)
	name := func(i int) domain.Topic { return domain.Topic(fmt.Sprintf("%s-%d", base, i)) }
	t.Run("when there are too many", func(t *testing.T) {
		b := openBroker(t, rabbit.URL)
		b.publisher.most = 2
		for i := range 6 {
			publish(t.Context(), t, b, name(i), numbered(0, 3)...).are("")
		}
		if n := len(b.publisher.senders); n > 2 {
			t.Errorf("%d topics have channels", n)
		}
	})
	t.Run("when the server allows no more", func(t *testing.T) {
		b := openBroker(t, rabbit.URL+"?channel_max=3")
		for i := range 6 {
			publish(t.Context(), t, b, name(i), numbered(0, 3)...).are("")
		}
	})
	t.Run("after a while", func(t *testing.T) {
		b := openBroker(t, rabbit.URL)
		b.publisher.idle = 50 * time.Millisecond
		publish(t.Context(), t, b, name(1), numbered(0, 3)...).are("")
		brokers.Eventually(t, patience, "the topic has no sender", func() bool {
			b.publisher.mu.Lock()
			defer b.publisher.mu.Unlock()
			return len(b.publisher.senders) == 0
		})
		publish(t.Context(), t, b, name(1), numbered(0, 3)...).are("")
	})
}

// The server confirms what it can give to nobody.
func TestNothingIsPublishedToAQueueThatIsNotThere(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	topic := domain.Topic(brokers.Topic(t))
	for _, passive := range []bool{true, false} { // which makes the queue
		b := openBroker(t, server.URL, func(c *Config) {
			c.QueueExpires = time.Minute
			c.Topology = []Topology{{Topic: "*", Exchange: "amq.default", RoutingKey: "{topic}", Queue: "{topic}", Passive: passive}}
		})
		o := publish(t.Context(), t, b, topic, &domain.Message{Payload: []byte("a")})
		o.open.Wait()
		if err := o.errs[0]; (err == nil) == passive || err != nil && domain.CodeOf(err) != domain.UnknownTopic {
			t.Errorf("passive %t: %v", passive, err)
		}
	}
}
