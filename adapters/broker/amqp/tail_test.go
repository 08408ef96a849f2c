package amqp_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/adapters/broker/amqp"
	"culvert/domain"
	"culvert/tests/brokers"
)

// view is one Tail, which ends with the test.
type view struct {
	t       testing.TB
	opening domain.Opening
	next    func() (domain.Chunk, error, bool)
	stop    func()
	place   domain.Place
	gaps    []domain.Gap
}

func tail(t testing.TB, b *amqp.Broker, topic domain.Topic, from domain.Start) *view {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*soon)
	opening, chunks, err := b.Tail(ctx, topic, from)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	next, stop := iter.Pull2(chunks)
	v := &view{t: t, opening: opening, next: next, gaps: opening.Gaps}
	v.place, _ = opening.Vector.At(0)
	v.stop = func() { cancel(); stop() }
	t.Cleanup(v.stop)
	return v
}

// chunk gives the next one. Its messages stand one after the other, none of them before the place.
func (v *view) chunk() domain.Chunk {
	v.t.Helper()
	c, err, ok := v.next()
	if err != nil || !ok {
		v.t.Fatalf("the reading ended: %v", err)
	}
	if c.Gap != nil {
		v.gaps = append(v.gaps, *c.Gap)
		v.place = c.Begin()
	}
	for _, m := range c.Messages {
		if m.Offset < v.place.Next {
			v.t.Fatalf("offset %d comes after place %d", m.Offset, v.place.Next)
		}
		v.place = m.After()
	}
	if v.place.Next != c.Next {
		v.t.Fatalf("the place after a chunk is %d, its messages end before %d", c.Next, v.place.Next)
	}
	return c
}

// read gives the next n messages.
func (v *view) read(n int) []*domain.Message {
	v.t.Helper()
	var got []*domain.Message
	for len(got) < n {
		got = append(got, v.chunk().Messages...)
	}
	return got
}

// expect fails unless these come next.
func (v *view) expect(texts ...string) {
	v.t.Helper()
	if got := payloads(v.read(len(texts))); !slices.Equal(got, texts) {
		v.t.Fatalf("came %q, want %q", got, texts)
	}
}

// vector is the place after all that was read.
func (v *view) vector() *domain.Vector { return v.opening.Vector.With(v.place) }

func (v *view) without(what string) {
	v.t.Helper()
	if len(v.gaps) > 0 {
		v.t.Fatalf("%s: there are gaps: %+v", what, v.gaps)
	}
}

func logOf(topic domain.Topic) string { return string(topic) + ":$log" }

func ensure(t testing.TB, b *amqp.Broker, topic domain.Topic) {
	t.Helper()
	if err := b.Ensure(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
}

func TestALogThatIsMadeAnewUnderAReaderIsAGap(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	b, topic, other := node(t, server.URL), topicOn(t, server.URL), meet(t, server.URL)
	v := tail(t, b, topic, domain.StartLatest())
	other.send(string(topic), "", numbers(0, 20)...)
	v.expect(numbers(0, 20)...)
	v.without("as long as nothing happened")
	if _, err := other.QueueDelete(logOf(topic), false, false, false); err != nil {
		t.Fatal(err)
	}
	c := v.chunk()
	if c.Gap == nil || c.Gap.Reason != domain.GapEpoch || c.Gap.Lost != domain.LostUnknown || c.Epoch == 0 || c.Epoch == v.opening.Vector.Epoch || c.Next != 0 {
		t.Fatalf("the reader was told %+v (gap %+v)", c, c.Gap)
	}
	other.send(string(topic), "", numbers(20, 40)...)
	v.expect(numbers(20, 40)...)

	// Another reader of this node is in the same epoch, so that its viewers can go over to the first one.
	if second := tail(t, b, topic, domain.StartEarliest()); second.opening.Vector.Epoch != c.Epoch {
		t.Errorf("a reader is in the epoch %x, the one that comes after it in %x", c.Epoch, second.opening.Vector.Epoch)
	}
}

// A place at 500 in a log of 15 is waited for by the server without a word.
func TestALogThatWasMadeAnewMeanwhileIsAGap(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	b, topic, other := node(t, server.URL), topicOn(t, server.URL), meet(t, server.URL)
	v := tail(t, b, topic, domain.StartLatest())
	other.send(string(topic), "", numbers(0, 10)...)
	v.expect(numbers(0, 10)...)
	inside := v.vector()
	other.send(string(topic), "", numbers(10, 500)...)
	v.expect(numbers(10, 500)...)
	beyond := v.vector()
	v.stop()
	if _, err := other.QueueDelete(logOf(topic), false, false, false); err != nil {
		t.Fatal(err)
	}
	ensure(t, b, topic)
	other.send(string(topic), "", numbers(500, 515)...)

	for name, place := range map[string]*domain.Vector{"beyond the new end": beyond, "at another message": inside} {
		second := tail(t, b, topic, domain.StartVector(place))
		if len(second.gaps) != 1 || second.gaps[0].Reason != domain.GapEpoch || second.gaps[0].Lost != domain.LostUnknown {
			t.Errorf("%s: the gaps are %+v", name, second.gaps)
		}
		second.expect(numbers(500, 515)...)
	}
}

func TestAPlaceOfAnotherNodeOrBroker(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	topic, other := topicOn(t, server.URL), meet(t, server.URL)
	first := tail(t, node(t, server.URL), topic, domain.StartLatest())
	other.send(string(topic), "", numbers(0, 10)...)
	first.expect(numbers(0, 10)...)
	place := first.vector()
	other.send(string(topic), "", numbers(10, 20)...)

	b := node(t, server.URL)
	v := tail(t, b, topic, domain.StartVector(place))
	v.expect(numbers(10, 20)...)
	v.without("on another node")

	// That node saw the log made anew before.
	v = tail(t, b, topic, domain.StartVector(domain.NewVector(place.Epoch|7<<32, place.Places()...)))
	v.expect(numbers(10, 20)...)
	v.without("with the epoch of another node")

	// Nobody saw the message before this one.
	v = tail(t, b, topic, domain.StartVector(domain.NewVector(place.Epoch, domain.Place{Next: 15})))
	v.expect(numbers(15, 20)...)
	v.without("without a fingerprint")

	v = tail(t, b, topic, domain.StartVector(domain.NewVector(place.Epoch+1, place.Places()...)))
	if len(v.gaps) != 1 || v.gaps[0].Reason != domain.GapEpoch {
		t.Errorf("of another broker's place the gaps are %+v", v.gaps)
	}
	v.expect(numbers(0, 20)...)
}

// small lets the server keep a few thousand bytes of a log, in files of one or two thousand.
func small(c *amqp.Config) { c.StreamSegmentBytes, c.StreamMaxBytes = 2000, 6000 }

// smallTopicOn is topicOn for a small log. The server's retention fails where a log is deleted that it is about to look at, and with it all streams of the server are away for a moment (3.10.8).
func smallTopicOn(t testing.TB, url string) domain.Topic {
	t.Helper()
	topic := topicOn(t, url)
	t.Cleanup(func() { <-time.After(time.Second) })
	return topic
}

// fill publishes numbered messages of some 200 bytes in chunks of ten, so that files come and go.
func fill(other *stranger, topic domain.Topic, from, to int) (texts []string) {
	for i := from; i < to; i++ {
		texts = append(texts, fmt.Sprintf("%d %s", i, strings.Repeat("x", 100)))
	}
	for part := range slices.Chunk(texts, 10) {
		other.send(string(topic), "", part...)
	}
	return texts
}

func TestWhatRetentionTookIsCounted(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	b, topic, other := node(t, server.URL, small), smallTopicOn(t, server.URL), meet(t, server.URL)
	v := tail(t, b, topic, domain.StartLatest())
	fill(other, topic, 0, 3)
	v.read(3)
	place := v.vector()
	v.stop()
	texts := fill(other, topic, 3, 300)
	brokers.Eventually(t, soon, "the log is cut off", func() bool {
		info, err := b.Describe(t.Context(), topic)
		return err == nil && info.Partitions[0].First > 3
	})

	v = tail(t, b, topic, domain.StartVector(place))
	begin := v.place.Next
	if len(v.gaps) != 1 || v.gaps[0].Reason != domain.GapRetention || v.gaps[0].Lost != begin-3 {
		t.Fatalf("a place at 3 in a log that begins at %d has the gaps %+v", begin, v.gaps)
	}
	first := v.read(1)
	if first[0].Offset != begin {
		t.Errorf("the reader is at %d, the first message at %d", begin, first[0].Offset)
	}
	got := first
	for string(got[len(got)-1].Payload) != texts[len(texts)-1] {
		got = append(got, v.chunk().Messages...)
	}
	if len(v.gaps) != 1 {
		t.Errorf("there are more gaps: %+v", v.gaps)
	}
	if want := texts[len(texts)-len(got):]; !slices.Equal(payloads(got), want) {
		t.Error("after the gap messages are missing")
	}
}

// The server leaves out an offset wherever a file of a log begins.
func TestOffsetsWithoutMessagesAreNoGaps(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	b := node(t, server.URL, func(c *amqp.Config) { c.StreamSegmentBytes = 2000 })
	topic, other := topicOn(t, server.URL), meet(t, server.URL)
	live := tail(t, b, topic, domain.StartLatest())
	texts := fill(other, topic, 0, 200)
	for name, v := range map[string]*view{"live": live, "from the log": tail(t, b, topic, domain.StartEarliest())} {
		v.expect(texts...)
		v.without(name)
		if v.place.Next <= 200 {
			t.Errorf("%s: 200 messages end at %d: nothing was left out, so that this test says nothing", name, v.place.Next)
		}
	}
}

func TestAReaderThatRetentionOvertakesIsTold(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	b := node(t, server.URL, small, func(c *amqp.Config) { c.ReadAhead = 1 })
	topic, other := smallTopicOn(t, server.URL), meet(t, server.URL)
	v := tail(t, b, topic, domain.StartLatest())
	fill(other, topic, 0, 3)
	v.read(3)
	texts := fill(other, topic, 3, 400) // while it takes nothing
	brokers.Eventually(t, soon, "the log is cut off", func() bool {
		info, err := b.Describe(t.Context(), topic)
		return err == nil && info.Partitions[0].First > 100
	})

	reached := v.place.Next
	for {
		c := v.chunk()
		if c.Gap != nil {
			if c.Gap.Reason != domain.GapRetention || c.Gap.Lost != c.Messages[0].Offset-reached {
				t.Errorf("after %d comes %d, with the gap %+v", reached, c.Messages[0].Offset, c.Gap)
			}
		}
		reached = c.Next
		if n := len(c.Messages); n > 0 && string(c.Messages[n-1].Payload) == texts[len(texts)-1] {
			break
		}
	}
	if len(v.gaps) == 0 {
		t.Error("a reader that was overtaken was told nothing")
	}
}

func TestAReaderGoesOnAfterTheServerWasKilled(t *testing.T) {
	t.Parallel()
	server := brokers.StartRabbitMQ(t)
	b := node(t, server.URL())
	topic := domain.Topic(brokers.Topic(t))
	v := tail(t, b, topic, domain.StartLatest())
	meet(t, server.URL()).send(string(topic), "", numbers(0, 100)...)
	v.expect(numbers(0, 100)...)
	meet(t, server.URL()).send(string(topic), "", numbers(100, 200)...)
	server.Kill()
	server.Start()
	brokers.Eventually(t, soon, "the log is there again", func() bool { return b.Ensure(t.Context(), topic) == nil })
	meet(t, server.URL()).send(string(topic), "", numbers(200, 300)...)
	v.expect(numbers(100, 300)...)
	v.without("after the server was killed")
}

func TestAReaderGoesOnAfterItsConnectionBroke(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	url, network := through(t, server.URL)
	topic, other := topicOn(t, server.URL), meet(t, server.URL)
	v := tail(t, node(t, url), topic, domain.StartLatest())
	for i := range 5 {
		other.send(string(topic), "", numbers(100*i, 100*i+100)...)
		network.cut()
		v.expect(numbers(100*i, 100*i+100)...)
	}
	v.without("after connections broke")
}

func TestALogThatMayNotBeMadeAnewEndsTheReading(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	topic, other := topicOn(t, server.URL), meet(t, server.URL)
	ensure(t, node(t, server.URL), topic)
	v := tail(t, node(t, server.URL, func(c *amqp.Config) { c.CreateTopics = false }), topic, domain.StartLatest())
	other.send(string(topic), "", "a")
	v.expect("a")
	if _, err := other.QueueDelete(logOf(topic), false, false, false); err != nil {
		t.Fatal(err)
	}
	if c, err, _ := v.next(); domain.CodeOf(err) != domain.UnknownTopic || err == nil {
		t.Errorf("the reading went on with %+v, %v", c, err)
	}
}

// nextSecond waits for the server to get what comes in another second than what has come, for it tells no more.
func nextSecond() time.Time {
	<-time.After(time.Until(time.Now().Truncate(time.Second).Add(2 * time.Second)))
	return time.Now().Truncate(time.Second)
}

func TestTimesOfStrangersMessages(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	b, topic, other := node(t, server.URL), topicOn(t, server.URL), meet(t, server.URL)
	ensure(t, b, topic)
	other.send(string(topic), "", "untimed before")
	now := nextSecond()
	timed := func(text string, at time.Time) {
		ok, err := other.PublishWithDeferredConfirm(string(topic), "", false, false, amqp091.Publishing{Timestamp: at, Body: []byte(text)})
		if err != nil || !ok.Wait() {
			t.Fatal(err)
		}
	}
	timed("made long ago", now.Add(-time.Hour))
	other.send(string(topic), "", "untimed after")
	timed("made in a while", now.Add(time.Hour))

	for _, c := range []struct {
		from time.Time
		want string
	}{
		{now.Add(-2 * time.Hour), "untimed before"},
		{now, "untimed after"},
		{now.Add(-time.Second), "untimed after"},
		{now.Add(5 * time.Second), "made in a while"},
	} {
		if got := payloads(tail(t, b, topic, domain.StartTime(c.from)).read(1))[0]; got != c.want {
			t.Errorf("from %s on, as seen from %s, the first is %q, want %q", c.from, now, got, c.want)
		}
	}
	later := tail(t, b, topic, domain.StartTime(now.Add(2*time.Hour)))
	if later.place.Next != 4 {
		t.Errorf("a time to come is at %d, want the end, 4", later.place.Next)
	}
	other.send(string(topic), "", "new")
	later.expect("new")
}

func TestNoHeaderHoldsUpTheLog(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	b, topic, other := node(t, server.URL), topicOn(t, server.URL), meet(t, server.URL)
	v := tail(t, b, topic, domain.StartLatest())
	ok, err := other.PublishWithDeferredConfirm(string(topic), "", false, false, amqp091.Publishing{
		Headers: amqp091.Table{
			"number": int32(7), "none": nil, "table": amqp091.Table{"a": true}, "list": []any{int64(1), nil, "b"}, "when": time.Unix(1, 0),
			"culvert-time": "never", "x-stream-offset": int64(99), "x-death": []any{amqp091.Table{"count": int64(1)}},
		},
		Body: []byte("odd"),
	})
	if err != nil || !ok.Wait() {
		t.Fatal(err)
	}
	other.send(string(topic), "", "after it")
	v.expect("odd", "after it")
	if v.place.Next != 2 {
		t.Errorf("the place is %d, want 2", v.place.Next)
	}
}

func TestADefaultExchangeCannotBeViewed(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	b := node(t, server.URL, func(c *amqp.Config) {
		c.Topology = []amqp.Topology{{Topic: "*", Exchange: "amq.default", RoutingKey: "{topic}", Queue: "{topic}"}}
	})
	if _, _, err := b.Tail(t.Context(), topicOn(t, server.URL), domain.StartLatest()); domain.CodeOf(err) != domain.Unsupported {
		t.Errorf("viewing it: %v", err)
	}
}

func TestALiveReaderIsToldOfAnOutage(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	url, network := through(t, server.URL)
	b := node(t, url, func(c *amqp.Config) { c.Streams = "off" })
	topic, other := topicOn(t, server.URL), meet(t, server.URL)
	v := tail(t, b, topic, domain.StartLatest())
	other.send(string(topic), "", "before")
	v.expect("before")
	network.cut()
	if c := v.chunk(); c.Gap == nil || c.Gap.Reason != domain.GapBroker || c.Gap.Lost != domain.LostUnknown || c.Next != 1 {
		t.Fatalf("after the connection broke came %+v", c)
	}
	other.send(string(topic), "", "after")
	v.expect("after")

	again := tail(t, b, topic, domain.StartVector(v.vector()))
	if len(again.gaps) != 1 || again.gaps[0].Reason != domain.GapEpoch {
		t.Errorf("with an old place it begins with the gaps %+v", again.gaps)
	}
}

func TestTheCatalogueIsWhatTheTopologySays(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	if server.Management == "" {
		t.Fatal("the environment names a server, and not its management plugin: CULVERT_TEST_AMQP_MANAGEMENT=http://user:password@host:15672 does")
	}
	topic, other := topicOn(t, server.URL), meet(t, server.URL)
	exchange := "ex:" + string(topic)
	b := node(t, server.URL, managed(server.Management), func(c *amqp.Config) {
		c.Topology = []amqp.Topology{{Topic: "brokers*", Exchange: "ex:{topic}", Queue: "jobs:{topic}:{queue}"}, {Topic: "fixed", Exchange: exchange}}
		c.Topology[0].Topic = string(topic[:len(topic)-2]) + "*"
	})
	ensure(t, b, topic)
	t.Cleanup(func() { _ = other.ExchangeDelete(exchange, false, false) })
	for name, bound := range map[string]bool{"jobs:" + string(topic) + ":mine": true, "jobs:" + string(topic) + ":loose": false, "else:" + string(topic): true} {
		if _, err := other.QueueDeclare(name, true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = other.QueueDelete(name, false, false, false) })
		if bound {
			if err := other.QueueBind(name, "", exchange, false, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	topics, err := b.Topics(t.Context())
	if err != nil || !slices.Contains(topics, topic) || !slices.Contains(topics, "fixed") {
		t.Errorf("the topics are %v (%v), want %s and fixed among them", topics, err, topic)
	}
	if i := slices.IndexFunc(topics, func(t domain.Topic) bool { return strings.HasPrefix(string(t), "amq.") }); i >= 0 {
		t.Errorf("the server's own exchange %s is listed", topics[i])
	}
	queues, err := b.Queues(t.Context(), topic)
	if err != nil || len(queues) != 1 || queues[0].Queue != "mine" {
		t.Errorf("the queues are %+v (%v), want mine", queues, err)
	}

	wrong := node(t, server.URL, managed(strings.Replace(server.Management, "guest:guest", "guest:wrong", 1)))
	if _, err := wrong.Topics(t.Context()); domain.CodeOf(err) != domain.Unavailable || strings.Contains(err.Error(), "wrong") {
		t.Errorf("with a wrong password: %v", err)
	}
	bare := node(t, server.URL)
	if _, err := bare.Topics(t.Context()); domain.CodeOf(err) != domain.Unsupported {
		t.Errorf("without the management plugin: %v", err)
	}
	if can := bare.Capabilities(topic); can.Has(domain.Catalogue) || can.Has(domain.Lag) {
		t.Errorf("without the management plugin it declares %v", can)
	}
}

// BenchmarkTail reads a log from its beginning, over and over.
func BenchmarkTail(b *testing.B) {
	server := brokers.RabbitMQ(b)
	broker, topic, other := node(b, server.URL), topicOn(b, server.URL), meet(b, server.URL)
	if err := broker.Ensure(b.Context(), topic); err != nil {
		b.Fatal(err)
	}
	const stored = 100_000
	other.send(string(topic), "", numbers(0, stored)...)
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; {
		ctx, cancel := context.WithCancel(b.Context())
		_, chunks, err := broker.Tail(ctx, topic, domain.StartEarliest())
		if err != nil {
			b.Fatal(err)
		}
		n := min(left, stored)
		left -= n
		for c, err := range chunks {
			if err != nil {
				b.Fatal(err)
			}
			if n -= len(c.Messages); n <= 0 {
				break
			}
		}
		cancel()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}
