package amqp_test

import (
	"fmt"
	"io"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"culvert/adapters/broker/amqp"
	"culvert/domain"
	"culvert/tests/brokers"
)

func TestAQueueHandsOverWhatIsNotSettled(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	for kind, declare := range map[string]func(*amqp.Config){"classic": func(*amqp.Config) {}, "quorum": quorum} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			topic := topicOn(t, url)
			first := join(t, node(t, url, declare), topic, domain.Terms{})
			if first.assigned() != 1 || first.order != "" {
				t.Fatalf("the first member has %d claims and is told order %q, want one and none", first.assigned(), first.order)
			}
			second := join(t, node(t, url, declare), topic, domain.Terms{})
			if n := second.assigned(); n != 0 {
				t.Errorf("the second member has %d claims beside the first", n)
			}
			meet(t, url).send(string(topic), "", numbers(0, 10)...)
			given := first.given(t, 10)
			if given[0].Known() || given[0].Offset >= given[1].Offset {
				t.Errorf("positions are %v and %v, want unknown ones that rise", given[0].Position, given[1].Position)
			}
			first.settle(given[5], given[2], given[9], given[0], given[1])
			first.leave()

			if got, want := payloads(second.given(t, 5)), []string{"3", "4", "6", "7", "8"}; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("the next member was given %q, want %q", got, want)
			}
			for c := range first.claims {
				c.Settle(4) // which is void
				if _, err := c.Fetch(t.Context()); err != io.EOF {
					t.Errorf("a claim that is gone says %v, want %v", err, io.EOF)
				}
			}
			second.settle(second.given(t, 5)...)
			second.leave()
			if n := meet(t, url).left(string(topic) + ":workers"); n != 0 {
				t.Errorf("%d messages are left of which all were settled", n)
			}
		})
	}
}

func TestWhatWasSettledAtTheLastMomentIsKept(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	for kind, declare := range map[string]func(*amqp.Config){"classic": func(*amqp.Config) {}, "quorum": quorum} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			topic := topicOn(t, url)
			m := join(t, node(t, url, declare), topic, domain.Terms{})
			outside := meet(t, url)
			const n = 900
			outside.send(string(topic), "", numbers(0, n)...)
			given := m.given(t, n)
			for i := len(given) - 1; i > 0; i-- { // each by itself, and not the first
				m.settle(given[i])
			}
			m.leave()
			outside.send(string(topic), "", "the next")
			if got := payloads(join(t, node(t, url), topic, domain.Terms{}).given(t, 2)); fmt.Sprint(got) != "[0 the next]" {
				t.Errorf("the next member was given %q; all but the first were settled", got)
			}
		})
	}
}

func TestTheLastWordOfAMemberIsKept(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	topic := topicOn(t, url)
	b, outside := node(t, url), meet(t, url)
	join(t, b, topic, domain.Terms{}).leave()
	for _, text := range numbers(0, 20) {
		outside.send(string(topic), "", text)
		m := join(t, b, topic, domain.Terms{})
		given := m.given(t, 1)
		if string(given[0].Payload) != text {
			t.Fatalf("%q was settled as the last thing, and came again", given[0].Payload)
		}
		m.settle(given...)
		m.leave()
	}
}

// Whoever made the queue may have ended before it was bound.
func TestAQueueThatIsNotBoundYetIsBound(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	topic := topicOn(t, url)
	outside := meet(t, url)
	if _, err := outside.QueueDeclare(string(topic)+":workers", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	m := join(t, node(t, url), topic, domain.Terms{})
	outside.send(string(topic), "", "one")
	m.given(t, 1)
}

func TestAMemberThatWaitsIsToldItsTurnThoughNothingIsPublished(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	for kind, declare := range map[string]func(*amqp.Config){"classic": func(*amqp.Config) {}, "quorum": quorum} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			topic := topicOn(t, url)
			first := join(t, node(t, url, declare), topic, domain.Terms{})
			second := join(t, node(t, url, declare), topic, domain.Terms{})
			if first.assigned() != 1 || second.assigned() != 0 {
				t.Fatalf("the members have %d and %d claims, want 1 and 0", first.assigned(), second.assigned())
			}
			first.leave()
			second.until(t, "the claim", func() bool { return second.held() == 1 })
		})
	}
}

func TestMembersCompeteWhereNoOrderIsKept(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	topic := topicOn(t, url)
	few := func(c *amqp.Config) { c.Prefetch = 10 }
	first := join(t, node(t, url, few), topic, domain.Terms{Order: domain.OrderNone})
	second := join(t, node(t, url, few), topic, domain.Terms{Order: domain.OrderNone})
	if first.assigned() != 1 || second.assigned() != 1 {
		t.Fatalf("the members have %d and %d claims, want both one", first.assigned(), second.assigned())
	}
	meet(t, url).send(string(topic), "", numbers(0, 40)...)
	seen := map[string]int{}
	for _, m := range append(first.given(t, 10), second.given(t, 10)...) {
		seen[string(m.Payload)]++
	}
	if len(seen) != 20 {
		t.Errorf("two members with room for ten each were given %d messages: %v", len(seen), seen)
	}

	// A queue that was made so cannot keep the order of keys afterwards, and says so.
	third := join(t, node(t, url, few), topic, domain.Terms{Order: domain.OrderKey})
	if third.order != domain.OrderNone || third.err != nil {
		t.Errorf("who wants the order of keys is told %q (%v), want %q", third.order, third.err, domain.OrderNone)
	}
}

func TestAQueueBeginsAtTheEndAndNowhereElse(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	topic := topicOn(t, url)
	b := node(t, url)
	earliest, latest := domain.StartEarliest(), domain.StartLatest()

	refused := join(t, b, topic, domain.Terms{From: &earliest})
	if domain.CodeOf(refused.err) != domain.Unsupported {
		t.Errorf("a queue that shall begin at the beginning: %v, want unsupported", refused.err)
	}
	if meet(t, url).left(string(topic)+":workers") != -1 {
		t.Error("what was refused has made the queue")
	}
	meet(t, url).send(string(topic), "", "before")
	first := join(t, b, topic, domain.Terms{From: &latest})
	meet(t, url).send(string(topic), "", "after")
	if got := payloads(first.given(t, 1)); got[0] != "after" {
		t.Errorf("the queue was given %q", got)
	}
	again := join(t, b, topic, domain.Terms{From: &latest})
	if domain.CodeOf(again.err) != domain.Conflict {
		t.Errorf("a queue that shall begin again: %v, want conflict", again.err)
	}
}

func TestAMemberOutlivesABrokenConnection(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	topic := topicOn(t, url)
	way, network := through(t, url)
	m := join(t, node(t, way), topic, domain.Terms{})
	outside := meet(t, url)
	outside.send(string(topic), "", numbers(0, 6)...)
	given := m.given(t, 6)
	m.settle(given[:3]...)
	brokers.Eventually(t, soon, "the server knows what was settled", func() bool { return unsettled(t, topic) == 3 })

	network.cut()

	m.until(t, "the claim revoked, and another one", func() bool { return len(m.claims) == 2 && m.held() == 1 })
	outside.send(string(topic), "", "6")
	if got, want := payloads(m.given(t, 10)[6:]), numbers(3, 7); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("after the outage came %q, want %q", got, want)
	}
	if len(m.gaps) > 0 {
		t.Errorf("there were gaps: %v", m.gaps)
	}
}

func TestAQueueThatIsDeletedBeginsAnewAndSaysSo(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	topic := topicOn(t, url)
	m := join(t, node(t, url), topic, domain.Terms{})
	outside := meet(t, url)
	outside.send(string(topic), "", "lost")
	m.given(t, 1)

	if _, err := outside.QueueDelete(string(topic)+":workers", false, false, false); err != nil {
		t.Fatal(err)
	}

	m.until(t, "the claim revoked, and another one", func() bool { return len(m.claims) == 2 && m.held() == 1 })
	outside.send(string(topic), "", "found")
	if got, want := payloads(m.given(t, 2)[1:]), []string{"found"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the queue that was made anew gave %q, want %q", got, want)
	}
	if want := (domain.Gap{Reason: domain.GapBroker, Lost: domain.LostUnknown}); len(m.gaps) != 1 || m.gaps[0] != want {
		t.Errorf("the member was told %v, want %v once", m.gaps, want)
	}
}

// Whoever makes the queue anew, nobody who took part in the old one may take the new one for it.
func TestAllMembersAreToldOfAQueueThatWasDeleted(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	topic := topicOn(t, url)
	members := []*member{
		join(t, node(t, url), topic, domain.Terms{Order: domain.OrderNone}),
		join(t, node(t, url), topic, domain.Terms{Order: domain.OrderNone}),
	}
	if _, err := meet(t, url).QueueDelete(string(topic)+":workers", false, false, false); err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		m.until(t, "a gap", func() bool { return len(m.gaps) == 1 })
		if m.assigned() != 1 {
			t.Errorf("after that a member has %d claims", m.assigned())
		}
	}
}

func TestAQueueThatIsDeletedDuringAnOutageBeginsAnew(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	topic := topicOn(t, url)
	way, network := through(t, url)
	m := join(t, node(t, way), topic, domain.Terms{})
	outside := meet(t, url)
	network.close()
	m.until(t, "the claim revoked", func() bool { return m.held() == 0 })
	if _, err := outside.QueueDelete(string(topic)+":workers", false, false, false); err != nil {
		t.Fatal(err)
	}
	outside.send(string(topic), "", "lost")

	network.open()

	m.until(t, "a gap", func() bool { return len(m.gaps) == 1 })
	outside.send(string(topic), "", "found")
	if got := payloads(m.given(t, 1)); got[0] != "found" {
		t.Errorf("the queue that was made anew gave %q", got)
	}
}

func TestAMembershipEndsWhereTheOrderItPromisedIsLost(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	topic := topicOn(t, url)
	way, network := through(t, url)
	m := join(t, node(t, way), topic, domain.Terms{})
	outside := meet(t, url)
	network.close()
	m.until(t, "the claim revoked", func() bool { return m.held() == 0 })
	if _, err := outside.QueueDelete(string(topic)+":workers", false, false, false); err != nil {
		t.Fatal(err)
	}
	if _, err := outside.QueueDeclare(string(topic)+":workers", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}

	network.open()

	m.until(t, "the end", func() bool { return m.err != nil })
	if domain.CodeOf(m.err) != domain.Conflict {
		t.Errorf("the membership ended with %v, want conflict", m.err)
	}
}

func TestAQueueThatMayNotBeMadeIsUnknown(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	topic := topicOn(t, url)
	b := node(t, url, func(c *amqp.Config) { c.CreateQueues = false })
	refused := join(t, b, topic, domain.Terms{})
	if domain.CodeOf(refused.err) != domain.UnknownQueue {
		t.Errorf("joining a queue that may not be made: %v, want unknown-queue", refused.err)
	}

	// Somebody else may make it; where they take it away again the membership is over.
	outside := meet(t, url)
	if _, err := outside.QueueDeclare(string(topic)+":workers", true, false, false, false, amqp091.Table{"x-single-active-consumer": true}); err != nil {
		t.Fatal(err)
	}
	m := join(t, b, topic, domain.Terms{})
	if m.err != nil || m.order != "" || m.assigned() != 1 {
		t.Fatalf("joining what somebody else has made: %v, order %q, %d claims", m.err, m.order, m.assigned())
	}
	if _, err := outside.QueueDelete(string(topic)+":workers", false, false, false); err != nil {
		t.Fatal(err)
	}
	m.until(t, "the end of the membership", func() bool { return m.err != nil })
	if domain.CodeOf(m.err) != domain.UnknownQueue || m.assigned() != 0 {
		t.Errorf("after the queue was deleted: %v and %d claims, want unknown-queue and none", m.err, m.assigned())
	}
}

// unsettled is how many messages the queue of the tests has, with those that a member holds.
func unsettled(t testing.TB, topic domain.Topic) int {
	t.Helper()
	var q struct {
		Messages int `json:"messages"`
	}
	ask(t, "queues/%2F/"+string(topic)+":workers", &q)
	return q.Messages
}
