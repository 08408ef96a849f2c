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
