package routing

import (
	"slices"
	"strings"
	"testing"

	"culvert/domain"
	"culvert/ports"
)

func TestQueuesAreThoseOfTheTopicsBroker(t *testing.T) {
	main, other := &stub{}, &listing{}
	b := newBroker(t, main, other)
	queues, err := b.Queues(t.Context(), "orders")
	if err != nil || !slices.Equal(queues, []domain.QueueInfo{{Queue: "billing", Lag: 17}}) || !slices.Equal(other.asked, []domain.Topic{"prod-orders-v2"}) {
		t.Errorf("got %v, %v; asked for %v", queues, err, other.asked)
	}
	other.err = domain.Errorf(domain.UnknownTopic, "there is no topic %q", "prod-orders-v2")
	if _, err := b.Queues(t.Context(), "orders"); domain.CodeOf(err) != domain.UnknownTopic || strings.Contains(domain.AsError(err).Detail, "prod") {
		t.Errorf("an unknown topic: %v", err)
	}
	if _, err := b.Queues(t.Context(), "plain"); domain.CodeOf(err) != domain.Unsupported {
		t.Errorf("a broker that cannot list queues: %v", err)
	}
	if _, err := b.Queues(t.Context(), "secret.plan"); domain.CodeOf(err) != domain.NotAllowed {
		t.Errorf("a topic that is not allowed: %v", err)
	}
	if len(main.asked) != 0 {
		t.Errorf("the other broker was asked for %v", main.asked)
	}
}

// useQueue does all that can be done to a queue without joining it, and gives what went wrong by what was done.
func useQueue(t *testing.T, b *Broker, topic domain.Topic) map[string]error {
	t.Helper()
	progress, telling := b.Progress(t.Context(), topic, "billing")
	if telling == nil && progress.Lag != 17 {
		t.Errorf("progress %+v", progress)
	}
	moved, moving := b.Move(t.Context(), topic, "billing", domain.StartEarliest())
	if moving == nil && !slices.Equal(moved, []domain.Committed{{Place: 3}}) {
		t.Errorf("moved to %+v", moved)
	}
	return map[string]error{
		"progress": telling,
		"move":     moving,
		"forget":   b.Forget(t.Context(), topic, "billing"),
		"ensure":   b.EnsureQueue(t.Context(), topic, "billing"),
	}
}

func expectAll(t *testing.T, all map[string]error, want domain.Code) {
	t.Helper()
	for what, err := range all {
		if domain.CodeOf(err) != want || err == nil {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
}

// What is done to a queue is done by the broker of its topic, under the name that this has there.
func TestQueuesAreKeptByTheTopicsBroker(t *testing.T) {
	for topic, physical := range map[domain.Topic]domain.Topic{"orders": "prod-orders-v2", "eu.a.b": "region.a.b.eu", "access.log": "access.log"} {
		main, other := &keeping{}, &keeping{}
		for what, err := range useQueue(t, newBroker(t, main, other), topic) {
			if err != nil {
				t.Errorf("%s of %s: %v", what, topic, err)
			}
		}
		if !slices.Equal(other.asked, slices.Repeat([]domain.Topic{physical}, 4)) || len(main.asked) != 0 || !other.moved.Earliest() {
			t.Errorf("%s: asked for %v, of the other broker for %v; moved to %+v", topic, other.asked, main.asked, other.moved)
		}
	}
}

func TestQueuesOfABrokerThatKeepsNone(t *testing.T) {
	main := &listing{}
	expectAll(t, useQueue(t, newBroker(t, main, &stub{}), "plain"), domain.Unsupported)
	if len(main.asked) != 0 {
		t.Errorf("the broker was asked for %v", main.asked)
	}
}

func TestQueuesOfTopicsThatAreNotAllowed(t *testing.T) {
	main, other := &keeping{}, &keeping{}
	b := newBroker(t, main, other)
	expectAll(t, useQueue(t, b, "secret.plan"), domain.NotAllowed)
	if _, err := b.Queues(t.Context(), "secret.plan"); domain.CodeOf(err) != domain.NotAllowed {
		t.Errorf("queues: %v", err)
	}
	if len(main.asked)+len(other.asked) != 0 {
		t.Error("a broker was asked")
	}
}

// Who may name a hidden topic has been seen to already.
func TestQueuesOfHiddenTopicsAreKept(t *testing.T) {
	main := &keeping{}
	b, err := New([]Route{{Name: "audit.*", Allow: true, Hidden: true}}, map[string]ports.Broker{"main": main}, "main")
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range useQueue(t, b, "audit.a") {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestNoPhysicalNameInWhatIsWrongWithAQueue(t *testing.T) {
	other := &keeping{}
	other.err = domain.Errorf(domain.UnknownQueue, "topic %q has no queue %q", "prod-orders-v2", "billing")
	for what, err := range useQueue(t, newBroker(t, &stub{}, other), "orders") {
		if e := domain.AsError(err); e.Code != domain.UnknownQueue || e.Detail != `topic "orders" has no queue "billing"` {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A topic of which a queue was made is one that was used, and is listed where the broker lists none.
func TestATopicWithAQueueThatWasMadeIsListed(t *testing.T) {
	other := &keeping{listing: listing{listErr: domain.Errorf(domain.Unsupported, "no")}}
	b := newBroker(t, &listing{}, other)
	if err := b.EnsureQueue(t.Context(), "orders", "billing"); err != nil {
		t.Fatal(err)
	}
	expectList(t, b, false, ports.TopicEntry{Topic: "orders", Broker: "other"})
}
