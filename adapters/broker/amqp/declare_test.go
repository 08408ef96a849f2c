package amqp

import (
	"testing"

	"github.com/rabbitmq/amqp091-go"
)

func TestWhichServersHaveStreams(t *testing.T) {
	for _, c := range []struct {
		product, version any
		has              bool
	}{
		{"RabbitMQ", "3.9.0", true},
		{"RabbitMQ", "3.10.8", true},
		{"RabbitMQ", "3.9.0-rc.1", true},
		{"RabbitMQ", "4.0.2", true},
		{"RabbitMQ", "10.1", true},
		{"RabbitMQ", "3.8.35", false},
		{"RabbitMQ", "2.12.0", false},
		{"RabbitMQ", "new", false},
		{"RabbitMQ", nil, false},
		{"qpid", "9.2.0", false},
		{nil, "3.10.8", false},
	} {
		if has := hasStreams(amqp091.Table{"product": c.product, "version": c.version}); has != c.has {
			t.Errorf("%v %v: %t", c.product, c.version, has)
		}
	}
}
