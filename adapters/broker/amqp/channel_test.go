package amqp

import (
	"sync"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"culvert/tests/brokers"
)

// A reader that ended while it acknowledged what it had got took the connection with it, and so interrupted all others.
func TestAChannelThatIsClosedWhileItIsUsed(t *testing.T) {
	t.Parallel()
	l, j := openLink(t, brokers.RabbitMQ(t).URL, func(c *Config) { c.DialTimeout = patience })
	conn, err := l.connection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		ch, err := l.channel(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var user sync.WaitGroup
		used := make(chan struct{}, 1)
		user.Go(func() { // ends when the channel is closed
			for ch.use(func(raw *amqp091.Channel) error { return raw.Ack(0, true) }) == nil {
				select {
				case used <- struct{}{}:
				default:
				}
			}
		})
		<-used
		ch.close()
		user.Wait()
	}
	if _, err := l.channelOf(t.Context(), conn); err != nil {
		t.Errorf("the connection is gone: %v\n%s", err, j.text.String())
	}
}
