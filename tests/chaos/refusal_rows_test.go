package chaos

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"culvert/tests/brokers"
)

// refusalRows let a broker that is well refuse what is published, or hold it up.
func refusalRows() []row {
	return []row{
		{name: "queue full, so that publishes are refused", on: []string{amqp}, disturb: writesRefused},
		{name: "publishing held up by a quota", on: []string{kafka}, disturb: quota, variation: true},
		{name: "large messages not taken any more", on: servers, disturb: smallMessages},
	}
}

// writesRefused lets the queue of the trial be full, which RabbitMQ says of each message (basic.nack).
func writesRefused(x *trial) {
	before := x.refusals()
	mended := x.rejectAll()
	x.step("the queue is full")
	x.refuses("unavailable")
	x.pass(pick(time.Second, 30*time.Second))
	mended()
	x.step("the queue has room again")
	for code, n := range x.refusals() {
		if n -= before[code]; code != "unavailable" && n > 0 {
			x.Errorf("%d messages that the broker refused were answered with %s", n, code)
		}
	}
}

// rejectAll lets the queue of the trial have room for nothing, until what it returns is called.
func (x *trial) rejectAll() (mend func()) {
	policy := "reject-" + x.name
	definition := `{"max-length":0,"overflow":"reject-publish"}`
	x.rabbit.Ctl(x.T, "set_policy", "--apply-to", "queues", policy, "^"+x.name+":"+queue+"$", definition)
	return x.mender(func() { x.rabbit.Ctl(x.T, "clear_policy", policy) })
}

// quota lets the broker hold up bridges that publish more than a little.
func quota(x *trial) {
	admin := brokers.KafkaAdmin(x.T, x.arena.kafka.Cluster())
	alter := func(op sarama.ClientQuotasOp) {
		bridges := []sarama.QuotaEntityComponent{{EntityType: sarama.QuotaEntityClientID, MatchType: sarama.QuotaMatchExact, Name: "culvert"}}
		if err := admin.AlterClientQuotas(bridges, op, false); err != nil {
			x.Errorf("the quota: %v", err)
		}
	}
	mend := x.mender(func() { alter(sarama.ClientQuotasOp{Key: "producer_byte_rate", Remove: true}) })
	x.step("publishing is held up")
	alter(sarama.ClientQuotasOp{Key: "producer_byte_rate", Value: 500})
	x.pass(pick(6*time.Second, time.Minute))
	mend()
	x.step("publishing is free again")
}

// smallMessages lowers at run time what the topic, or RabbitMQ, takes: what is larger is refused for good, and only that, however many small ones are on their way together.
func smallMessages(x *trial) {
	const largest = 300
	mended := x.takeAtMost(largest)
	x.step("messages are taken up to %d bytes", largest)
	for range few(2, 20) {
		if answer := x.probe(strings.Repeat("large ", largest)); answer.Code != "too-large" || answer.Retryable {
			x.Errorf("a message that is too large was answered with %+v", answer)
		}
		x.pass(x.between(0, time.Second))
	}
	x.goOn("while large messages are refused")
	mended()
	x.step("larger messages are taken again")
}

// takeAtMost bounds the size of messages, until what it returns is called.
func (x *trial) takeAtMost(largest int) (mend func()) {
	if x.kind == kafka {
		return x.alterTopic("max.message.bytes", strconv.Itoa(largest))
	}
	set := func(n int) {
		x.rabbit.Ctl(x.T, "eval", fmt.Sprintf("application:set_env(rabbit, max_message_size, %d).", n))
	}
	mend = x.mender(func() { set(128 << 20) })
	set(largest)
	x.rabbit.Ctl(x.T, "close_all_connections", "only smaller messages from now on") // a channel asks when it is opened
	return mend
}
