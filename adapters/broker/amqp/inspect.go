package amqp

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// inspect finds out how a queue that is there was declared. Nothing but a refusal tells that over AMQP 0-9-1: who declares a queue with other arguments is told the first
// that differs, and how it is. So it is declared with what is known of it until nothing differs. A user that may not declare it (the right to configure) needs the management
// plugin for that. Where neither helps it is taken for a queue without a single active consumer, of any type but a stream.
func (b *Broker) inspect(ctx context.Context, d *declarer, q *queue) error {
	guess := queueGuess{durable: true, args: b.cfg.queueArguments(domain.OrderKey)}
	// By this no queue is made where it is gone meanwhile: only streams have an age, and that is none.
	guess.args[amqp091.StreamMaxAgeArg] = "never"
	const most = 20 // arguments and properties that a queue can have
	for range most {
		err := d.ask(ctx, func(ch *amqp091.Channel) error {
			_, err := ch.QueueDeclare(q.name, guess.durable, guess.autoDelete, false, false, guess.args)
			return err
		})
		if err == nil {
			q.single, _ = guess.args[amqp091.SingleActiveConsumerArg].(bool)
			q.kind, _ = guess.args[amqp091.QueueTypeArg].(string)
			_, q.expires = guess.args[amqp091.QueueTTLArg]
			return nil
		}
		if code(err) == 0 { // it is not the server that refuses
			return err
		}
		if code(err) == amqp091.AccessRefused && b.management != nil {
			return b.management.inspect(ctx, q)
		}
		if wrong := guess.correct(err); wrong != nil {
			b.log.Warn("it cannot be found out how a queue was declared, so that it counts as one that keeps no order", "queue", q.name, "error", err, "because", wrong)
			return nil
		}
		if guess.args[amqp091.QueueTypeArg] == amqp091.QueueTypeStream {
			return errStream(q.name)
		}
	}
	return nil
}

func errStream(name string) error {
	return domain.Errorf(domain.Unsupported, "what the broker has under the queue's name is a stream, which cannot be shared as a queue").Because(fmt.Errorf("the stream %q", name))
}

// queueGuess is how a queue seems to have been declared.
type queueGuess struct {
	durable, autoDelete bool
	args                amqp091.Table
}

// difference is what a server says of the first argument that is another one than the queue's. Where it goes without a type, that is as in the one declared. The
// text of an error ends at 255 bytes: that of a queue with a long name may lack its end.
var difference = regexp.MustCompile(`inequivalent arg '([^']+)' for queue (?:.* but current is (?:(none)|the value '(.*)' of type '(\w+)'|'(.*)')$)?`)

// inequivalent is what a server says of the first argument that differs: its name, whether there is none, its value, its type. Nil where err does not say so.
func inequivalent(err error) []string {
	var reply *amqp091.Error
	if code(err) != amqp091.PreconditionFailed || !errors.As(err, &reply) {
		return nil
	}
	found := difference.FindStringSubmatch(reply.Reason)
	if found == nil {
		return nil
	}
	return []string{found[1], found[2], found[3] + found[5], found[4]}
}

// correct takes over what err says, and fails where that cannot be used.
func (g *queueGuess) correct(err error) error {
	if code(err) == amqp091.AccessRefused {
		return errors.New("the broker's user needs the right to configure it, or the setting management")
	}
	found := inequivalent(err)
	if found == nil {
		return errors.New("it is refused for something else")
	}
	name, none, value, kind := found[0], found[1] != "", found[2], found[3]
	switch name {
	case "durable":
		g.durable = value == "true"
		return nil
	case "auto_delete":
		g.autoDelete = value == "true"
		return nil
	}
	before, had := g.args[name]
	if none && !had {
		return fmt.Errorf("%s differs in nothing that we know of", name)
	}
	if none {
		delete(g.args, name)
		return nil
	}
	if g.args[name], err = parse(value, kind, before); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// parse reads an argument as the server shows it. Without a kind it is of that of before.
func parse(value, kind string, before any) (any, error) {
	if kind == "" {
		switch before.(type) {
		case string:
			kind = "longstr"
		case bool:
			kind = "bool"
		case int64:
			kind = "long"
		}
	}
	switch kind {
	case "longstr":
		return value, nil
	case "bool":
		return strconv.ParseBool(value)
	case "byte", "short", "signedint", "long", "unsignedbyte", "unsignedshort", "unsignedint":
		return strconv.ParseInt(value, 10, 64)
	default:
		return nil, errors.New("it is neither a text nor a number")
	}
}
