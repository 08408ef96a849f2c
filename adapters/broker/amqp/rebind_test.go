package amqp

import (
	"testing"

	"culvert/domain"
	"culvert/tests/brokers"
)

// On a connection without a free channel every member lost what it had been given, every few seconds: there was no channel to bind its queue again on.
func TestAMemberStaysWhereNoChannelIsLeftToBindItsQueueOn(t *testing.T) {
	t.Parallel()
	b := openBroker(t, brokers.RabbitMQ(t).URL+"?channel_max=1")
	conn, err := b.joining.connection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := &membership{broker: b, conn: conn, layout: b.cfg.layout(domain.Topic(brokers.Topic(t)))}
	if err := m.rebind(t.Context(), queue{name: "nowhere"}); domain.CodeOf(err) != domain.Unavailable {
		t.Errorf("a queue and an exchange that are not there: %v", err)
	}
	last, err := b.joining.channelOf(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	defer last.close()
	if err := m.rebind(t.Context(), queue{name: "nowhere"}); err != nil {
		t.Error(err)
	}
}
