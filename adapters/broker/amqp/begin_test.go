package amqp

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"culvert/domain"
	"culvert/tests/brokers"
)

// A view that was beginning while the server ended the connection of all views was turned away, though the server was there.
func TestAViewBeginsThoughItsConnectionBreaks(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	for streams, want := range map[string]string{streamsOn: "kept", streamsOff: "new"} {
		t.Run("streams "+streams, func(t *testing.T) {
			t.Parallel()
			r, topic := relayTo(t, url), domain.Topic(brokers.Topic(t))
			b := openBroker(t, r.url, func(c *Config) { c.Streams = streams })
			publish(t.Context(), t, b, topic, &domain.Message{Payload: []byte("kept")}).are("")
			consumeOK := []byte{0, 60, 0, 21} // class basic, method consume-ok of AMQP 0-9-1
			cut := sync.OnceFunc(r.cut)
			r.listen(func(said []byte) {
				if bytes.Contains(said, consumeOK) {
					cut()
				}
			})
			from := domain.StartEarliest()
			if streams == streamsOff {
				from = domain.StartLatest()
			}
			_, chunks, err := b.Tail(t.Context(), topic, from)
			if err != nil {
				t.Fatal(err)
			}
			if streams == streamsOff {
				publish(t.Context(), t, b, topic, &domain.Message{Payload: []byte("new")}).are("")
			}
			for c, err := range chunks {
				if err != nil || len(c.Messages) != 1 || string(c.Messages[0].Payload) != want {
					t.Errorf("the view began with %+v, %v; want the message %q", c, err, want)
				}
				return
			}
		})
	}
}

// Where one of the server's own processes fails, all its streams are away for a moment. Who came just then was turned away, though the server was there.
func TestAViewBeginsWhileTheServersStreamsAreAway(t *testing.T) {
	t.Parallel()
	rabbit, topic := brokers.StartRabbitMQ(t), domain.Topic(brokers.Topic(t))
	b := openBroker(t, rabbit.URL())
	publish(t.Context(), t, b, topic, numbered(0, 1)...).are("")
	view := func() {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, chunks, err := b.Tail(ctx, topic, domain.StartEarliest())
		if err != nil {
			t.Error(err)
			return
		}
		for c, err := range chunks {
			if err != nil || len(c.Messages) != 1 {
				t.Errorf("the view began with %+v, %v", c, err)
			}
			return
		}
	}
	var over atomic.Bool
	var viewing sync.WaitGroup
	for range 4 {
		viewing.Go(func() {
			for !over.Load() {
				view()
			}
		})
	}
	for range 3 {
		rabbit.Ctl(t, "eval", "exit(whereis(osiris_retention), kill).")
	}
	over.Store(true)
	viewing.Wait()
}
