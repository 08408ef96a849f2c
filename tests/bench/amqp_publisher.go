package bench

import (
	"context"
	"errors"

	amqp "github.com/rabbitmq/amqp091-go"

	"culvert/tests/bench/drive"
)

// amqpPublisher publishes to an exchange, unconfirmed.
type amqpPublisher struct {
	conn     *amqp.Connection
	channel  *amqp.Channel
	exchange string
}

func newAMQPPublisher(url, exchange string) (*amqpPublisher, error) {
	conn, err := amqp.Dial(url)
	if err != nil {
		return nil, err
	}
	channel, err := conn.Channel()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &amqpPublisher{conn: conn, channel: channel, exchange: exchange}, nil
}

// Publish returns when the messages are written.
func (a *amqpPublisher) Publish(messages []drive.Message) error {
	for _, m := range messages {
		if err := a.channel.PublishWithContext(context.Background(), a.exchange, "", false, false, amqp.Publishing{Body: m.Payload}); err != nil {
			return err
		}
	}
	return nil
}

func (a *amqpPublisher) close() { _ = a.conn.Close() } // the work is over
