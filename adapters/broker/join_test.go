package broker

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"

	"culvert/domain"
)

// seat is one Join whose events a test pulls.
type seat struct {
	next  func() (domain.LaneEvent, error, bool)
	leave func()
}

func join(t *testing.T, p *Pair, from *domain.Start) seat {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	next, stop := iter.Pull2(p.Join(ctx, "orders", "billing", domain.Terms{From: from}))
	leave := func() { cancel(); stop() }
	t.Cleanup(leave)
	return seat{next, leave}
}

func (s seat) event(t *testing.T) domain.LaneEvent {
	t.Helper()
	event, err, ok := s.next()
	if err != nil || !ok {
		t.Fatalf("the membership ended: %v", err)
	}
	return event
}

func (s seat) claim(t *testing.T) domain.Claim {
	t.Helper()
	event := s.event(t)
	if len(event.Assigned) != 1 {
		t.Fatalf("event %+v has no claim", event)
	}
	return event.Assigned[0]
}

func fetch(t *testing.T, c domain.Claim) (payloads string, lost int64) {
	t.Helper()
	haul, err := c.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range haul.Messages {
		all = append(all, string(m.Payload))
	}
	if haul.Gap != nil {
		lost = haul.Gap.Lost
	}
	return strings.Join(all, " "), lost
}

func earliest() *domain.Start {
	s := domain.StartEarliest()
	return &s
}

func TestQueueBeginsAtTheEnd(t *testing.T) {
	p := newTestPair(t, newBackend(), nil)
	mustPublish(t, p, "orders", "before")
	c := join(t, p, nil).claim(t)
	mustPublish(t, p, "orders", "after")
	if got, _ := fetch(t, c); got != "after" {
		t.Fatalf("got %q", got)
	}
}

func TestQueueThatHasBegunTakesNoFrom(t *testing.T) {
	p := newTestPair(t, newBackend(), nil)
	first := join(t, p, earliest())
	first.claim(t)
	first.leave()
	_, err, _ := join(t, p, earliest()).next()
	expectCode(t, err, domain.Conflict)
	join(t, p, nil).claim(t)
}

// When a member leaves, the next one is given what was not settled, in order, and nothing else.
func TestQueueIsHandedOver(t *testing.T) {
	p := newTestPair(t, newBackend(), nil)
	first := join(t, p, earliest())
	c := first.claim(t)
	second := join(t, p, nil)
	if event := second.event(t); len(event.Assigned) != 0 {
		t.Fatalf("two members have the partition: %+v", event)
	}
	mustPublish(t, p, "orders", "0", "1", "2", "3", "4")
	for fetched := 0; fetched < 5; {
		haul, err := c.Fetch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fetched += len(haul.Messages)
	}
	c.Settle(0, 3, 7) // 7 was never fetched
	c.Settle(1)
	first.leave()
	if _, err := c.Fetch(t.Context()); !errors.Is(err, io.EOF) {
		t.Fatalf("a revoked claim gave %v", err)
	}
	c.Settle(2) // void
	c = second.claim(t)
	if got, lost := fetch(t, c); got != "2 4" || lost != 0 {
		t.Fatalf("got %q, lost %d", got, lost)
	}
}

// A queue whose place was overtaken goes on at the first message left, and is told how many it will never see: settled ones do not count.
func TestQueueIsOvertaken(t *testing.T) {
	p := newTestPair(t, newBackend(), func(c *Config) { c.LogMessages = 3; c.ReceiptPosition = true })
	first := join(t, p, earliest())
	c := first.claim(t)
	mustPublish(t, p, "orders", "0", "1", "2")
	if got, _ := fetch(t, c); got != "0 1 2" {
		t.Fatalf("got %q", got)
	}
	c.Settle(1)
	mustPublish(t, p, "orders", "3", "4", "5", "6", "7")
	if got, lost := fetch(t, c); got != "5 6 7" || lost != 2 {
		t.Fatalf("got %q, lost %d", got, lost)
	}
	// 0 and 2 were given and not settled, and the log has them no more.
	first.leave()
	if got, lost := fetch(t, join(t, p, nil).claim(t)); got != "5 6 7" || lost != 2 {
		t.Fatalf("after the hand-over: got %q, lost %d", got, lost)
	}
}

func TestQueueBeginsWithAGap(t *testing.T) {
	p := newTestPair(t, newBackend(), func(c *Config) { c.ReceiptPosition = true })
	mustPublish(t, p, "orders", "0")
	foreign := domain.StartVector(domain.NewVector(1, domain.Place{Next: 9}))
	c := join(t, p, &foreign).claim(t)
	if got, lost := fetch(t, c); got != "" || lost != domain.LostUnknown {
		t.Fatalf("got %q, lost %d", got, lost)
	}
	if got, lost := fetch(t, c); got != "0" || lost != 0 {
		t.Fatalf("got %q, lost %d", got, lost)
	}
}
