package amqp

import (
	"bytes"
	"sync"
	"testing"

	"culvert/domain"
	"culvert/tests/brokers"
)

// A view that was beginning while the server ended the connection of all views was turned away, though the server was there.
func TestAViewBeginsThoughItsConnectionBreaks(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	for _, streams := range []string{streamsOn, streamsOff} {
		t.Run("streams "+streams, func(t *testing.T) {
			t.Parallel()
			r, topic := relayTo(t, url), domain.Topic(brokers.Topic(t))
			b := openBroker(t, r.url, func(c *Config) { c.Streams = streams })
			publish(t.Context(), t, b, topic, numbered(0, 1)...).are("")
			consumeOK := []byte{0, 60, 0, 21} // class basic, method consume-ok of AMQP 0-9-1
			cut := sync.OnceFunc(r.cut)
			r.listen(func(said []byte) {
				if bytes.Contains(said, consumeOK) {
					cut()
				}
			})
			_, chunks, err := b.Tail(t.Context(), topic, domain.StartLatest())
			if err != nil {
				t.Fatal(err)
			}
			publish(t.Context(), t, b, topic, numbered(1, 2)...).are("")
			for c, err := range chunks {
				if err != nil || len(c.Messages) != 1 || string(c.Messages[0].Payload) != "1" {
					t.Errorf("the view began with %+v, %v; want message 1", c, err)
				}
				return
			}
		})
	}
}
