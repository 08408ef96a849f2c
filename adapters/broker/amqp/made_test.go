package amqp

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"culvert/domain"
	"culvert/tests/brokers"
)

// Where somebody else in the node was about to make a new topic's exchange, too, the queue's first member was told of a gap: the exchange counted as made anew.
func TestAnExchangeThatTwoMakeAtOnceIsMadeOnce(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	b, topic := openBroker(t, url), domain.Topic(brokers.Topic(t))
	slow := relayTo(t, url)
	missed, madeElsewhere := make(chan struct{}), make(chan struct{})
	miss, makeElsewhere := sync.OnceFunc(func() { close(missed) }), sync.OnceFunc(func() { close(madeElsewhere) })
	defer makeElsewhere()
	slow.listen(func(said []byte) {
		if bytes.Contains(said, []byte("no exchange")) {
			miss()
			<-madeElsewhere
		}
	})
	link, _ := openLink(t, slow.url, func(c *Config) { c.DialTimeout, c.RequestTimeout = patience, patience })
	var late sync.WaitGroup
	late.Go(func() {
		defer miss() // where something fails
		if _, err := b.ensure(t.Context(), link, topic); err != nil {
			t.Error(err)
		}
	})
	<-missed

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	given := 0
	for event, err := range b.Join(ctx, topic, "workers", domain.Terms{}) {
		if err != nil || len(event.Revoked) > 0 {
			t.Fatalf("the member was told %+v, %v", event, err)
		}
		makeElsewhere()
		late.Wait()
		publish(ctx, t, b, topic, numbered(0, 1)...).are("")
		for _, c := range event.Assigned {
			haul, err := c.Fetch(ctx)
			if err != nil || haul.Gap != nil {
				t.Errorf("a message gave %+v, %v", haul, err)
			}
			given += len(haul.Messages)
		}
		time.AfterFunc(200*time.Millisecond, cancel) // the member would have been told by then
	}
	if given != 1 {
		t.Errorf("the member was given %d messages, want 1", given)
	}
}
