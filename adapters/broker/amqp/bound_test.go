package amqp_test

import (
	"slices"
	"testing"

	"culvert/adapters/broker/amqp"
	"culvert/domain"
	"culvert/tests/brokers"
)

// The exchange of a topic was deleted in the server, and made anew by who published next: the queue was bound to nothing, and was given nothing any more, without a word.
func TestAQueueGoesOnWhenItsExchangeWasMadeAnew(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	for name, maker := range map[string]func(own *amqp.Broker) *amqp.Broker{
		"by this node":      func(own *amqp.Broker) *amqp.Broker { return own },
		"by another one":    func(*amqp.Broker) *amqp.Broker { return node(t, url) },
		"when it is missed": func(*amqp.Broker) *amqp.Broker { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topic := topicOn(t, url)
			own, outside := node(t, url), meet(t, url)
			m := join(t, own, topic, domain.Terms{})
			if err := outside.ExchangeDelete(string(topic), false, false); err != nil {
				t.Fatal(err)
			}
			by := maker(own)
			if by != nil {
				if err := by.Ensure(t.Context(), topic); err != nil {
					t.Fatal(err)
				}
			}
			brokers.Eventually(t, soon, "the queue bound again", func() bool {
				if err := outside.ExchangeDeclarePassive(string(topic), "fanout", true, false, false, false, nil); err != nil {
					outside.open()
					return false
				}
				outside.send(string(topic), "", "after")
				m.mu.Lock()
				defer m.mu.Unlock()
				return len(m.messages) > 0
			})
			if by == own || by == nil {
				m.until(t, "a gap", func() bool {
					return slices.Contains(m.gaps, domain.Gap{Reason: domain.GapBroker, Lost: domain.LostUnknown})
				})
			}
		})
	}
}
