package amqp

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/domain"
	"culvert/tests/brokers"
)

// Where one of the server's own processes fails all its streams are away for a moment. Who began to view just then was turned away, though the server was there. What is confirmed meanwhile is in
// the log, in its order, and a view that was there sees it without a gap.
func TestStreamsThatAreAwayForAMoment(t *testing.T) {
	t.Parallel()
	rabbit, topic := brokers.StartRabbitMQ(t), domain.Topic(brokers.Topic(t))
	b := openBroker(t, rabbit.URL())
	publish(t.Context(), t, b, topic, numbered(0, 1)...).are("")
	seen := watch(t, b, topic, domain.StartEarliest())
	const pause = 10 * time.Millisecond // shorter than streams are away, and the server has something else to do
	var over atomic.Bool
	var busy sync.WaitGroup
	for range 4 {
		busy.Go(func() {
			for ; !over.Load(); <-time.After(pause) {
				begin(t, b, topic)
			}
		})
	}
	confirmed := map[int]bool{0: true}
	end := 1
	busy.Go(func() {
		for ; !over.Load(); <-time.After(pause) {
			confirmed[end] = publish(t.Context(), t, b, topic, numbered(end, end+1)...).codes()[""] == 1
			end++
		}
	})
	for range 3 {
		rabbit.Ctl(t, "eval", "exit(whereis(osiris_retention), kill).")
	}
	over.Store(true)
	busy.Wait()
	publish(t.Context(), t, b, topic, numbered(end, end+1)...).are("")

	next := 0
	for m := range seen {
		n, _ := strconv.Atoi(string(m.Payload))
		if n < next {
			t.Errorf("message %d came after %d", n, next-1)
		}
		for ; next < n; next++ {
			if confirmed[next] {
				t.Errorf("message %d was confirmed, and is not there", next)
			}
		}
		next = n + 1
		if n == end {
			return
		}
	}
}

// begin views a topic until something has come.
func begin(t *testing.T, b *Broker, topic domain.Topic) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, chunks, err := b.Tail(ctx, topic, domain.StartEarliest())
	if err != nil {
		t.Error(err)
		return
	}
	for c, err := range chunks {
		if err != nil || len(c.Messages) == 0 {
			t.Errorf("the view began with %+v, %v", c, err)
		}
		return
	}
}
