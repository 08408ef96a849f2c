package amqp

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// ensure gives the layout of a topic that is there, making it where that is allowed. The layout has no log where the server has none.
func (b *Broker) ensure(ctx context.Context, link *link, topic domain.Topic) (layout, error) {
	return b.find(ctx, link, topic, b.cfg.CreateTopics)
}

// find gives the layout of a topic that is there.
func (b *Broker) find(ctx context.Context, link *link, topic domain.Topic, create bool) (layout, error) {
	conn, err := link.connection(ctx)
	if err != nil {
		return layout{}, err
	}
	l := b.cfg.layout(topic)
	if err := l.usable(l.exchange, l.log, l.routingKey, l.bindingKey); err != nil {
		return layout{}, err
	}
	if !b.learn(conn) {
		l.log = ""
	}
	create = create && !l.passive
	d := declarer{link: link, conn: conn}
	defer d.close()
	if l.exchange != "" {
		bound := b.bound.to(topic)
		err = d.ensure(ctx, create,
			func(ch *amqp091.Channel) error {
				return ch.ExchangeDeclarePassive(l.exchange, l.kind, true, false, false, false, nil)
			},
			func(ch *amqp091.Channel) error {
				return ch.ExchangeDeclare(l.exchange, l.kind, true, false, false, false, nil)
			})
		if err == nil && d.made {
			for _, m := range bound {
				signal(m.unbound)
			}
		}
	} else { // the topic is one queue: what is published to another name is confirmed, and nowhere
		err = d.ensureQueue(ctx, create, l.routingKey, b.cfg.queueArguments(domain.OrderKey))
	}
	if err == nil && l.log != "" {
		err = b.ensureLog(ctx, &d, create, l.log)
	}
	if err == nil && l.log != "" && l.exchange != "" && create {
		err = b.bind(ctx, &d, l, l.log, d.made)
	}
	if create && missing(err) { // somebody has deleted it since it was found or made
		err = errNowhere(topic).Because(err)
	}
	return l, translate(topic, err)
}

// bind binds a queue to the topic's exchange. Where it was there before, whoever made it may have come no further; but a user that may not bind takes it as it is, since many may only
// read and write what is there.
func (b *Broker) bind(ctx context.Context, d *declarer, l layout, queue string, made bool) error {
	err := d.ask(ctx, func(ch *amqp091.Channel) error { return ch.QueueBind(queue, l.bindingKey, l.exchange, false, nil) })
	if made || code(err) != amqp091.AccessRefused {
		return err
	}
	b.unbinding.Do(func() {
		b.log.Warn("the broker's user may not bind queues to topics: they are taken as bound", "queue", queue, "exchange", l.exchange,
			"mend", "let it write the queue and read the exchange, or set create_topics and create_queues to false", "error", err)
	})
	return nil
}

// declarer asks for things on one channel after the other: the server closes a channel on which something is asked for that is not there.
type declarer struct {
	link *link
	conn *amqp091.Connection
	ch   *channel
	made bool // what was looked for last was not there, and was made
}

func (d *declarer) ask(ctx context.Context, f func(*amqp091.Channel) error) (err error) {
	if d.ch == nil {
		if d.ch, err = d.link.channelOf(ctx, d.conn); err != nil {
			return err
		}
	}
	if err = d.ch.call(ctx, f); err != nil {
		d.close()
	}
	return err
}

// ensure looks for something, and makes it where it is not there and create says so.
func (d *declarer) ensure(ctx context.Context, create bool, look, declare func(*amqp091.Channel) error) error {
	err := d.ask(ctx, look)
	d.made = code(err) == amqp091.NotFound && create
	if d.made {
		return d.ask(ctx, declare)
	}
	return err
}

// ensureQueue is ensure for a durable queue.
func (d *declarer) ensureQueue(ctx context.Context, create bool, name string, args amqp091.Table) error {
	return d.ensure(ctx, create,
		func(ch *amqp091.Channel) error {
			_, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
			return err
		},
		func(ch *amqp091.Channel) error {
			_, err := ch.QueueDeclare(name, true, false, false, false, args)
			return err
		})
}

func (d *declarer) close() {
	if d.ch != nil {
		d.ch.close()
		d.ch = nil
	}
}

// logArguments are how a stream is declared.
func (c Config) logArguments() amqp091.Table {
	args := amqp091.Table{
		amqp091.QueueTypeArg:              amqp091.QueueTypeStream,
		"x-stream-max-segment-size-bytes": c.StreamSegmentBytes,
	}
	if c.StreamMaxAge > 0 {
		args["x-max-age"] = strconv.FormatInt(int64(c.StreamMaxAge/time.Second), 10) + "s"
	}
	if c.StreamMaxBytes > 0 {
		args["x-max-length-bytes"] = c.StreamMaxBytes
	}
	return args
}

// hasStreams reports whether a server is a RabbitMQ from 3.9 on.
func hasStreams(properties amqp091.Table) bool {
	product, _ := properties["product"].(string)
	version, _ := properties["version"].(string)
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, errX := strconv.Atoi(major)
	y, errY := strconv.Atoi(minor)
	return product == "RabbitMQ" && errX == nil && errY == nil && (x > 3 || x == 3 && y >= 9)
}
