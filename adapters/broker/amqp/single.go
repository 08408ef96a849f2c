package amqp

import (
	"context"
	"errors"
	"regexp"
	"strconv"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// single finds out whether a queue that is there has a single active consumer. Nothing but a refusal tells that over AMQP 0-9-1: who declares a queue
// with other arguments is told the first that differs, and how it is. So it is declared with what is known of it until nothing differs, or that argument does. Where
// that cannot be found out it is taken to have none.
func (b *Broker) single(ctx context.Context, d *declarer, name string) (bool, error) {
	guess := queueGuess{durable: true, args: b.cfg.queueArguments(domain.OrderKey)}
	// By this no queue is made where it is gone meanwhile: only streams have an age, and that is none.
	guess.args[amqp091.StreamMaxAgeArg] = "never"
	const most = 20 // arguments and properties that a queue can have
	for range most {
		err := d.ask(ctx, func(ch *amqp091.Channel) error {
			_, err := ch.QueueDeclare(name, guess.durable, guess.autoDelete, false, false, guess.args)
			return err
		})
		switch {
		case err == nil:
			return true, nil
		case code(err) == 0: // it is not the server that refuses
			return false, err
		case inequivalent(err) == amqp091.SingleActiveConsumerArg:
			return false, nil
		}
		if !guess.correct(err) {
			b.log.Info("it cannot be found out whether a queue has a single active consumer", "queue", name, "error", err)
			return false, nil
		}
	}
	return false, nil
}

// queueGuess is how a queue seems to have been declared.
type queueGuess struct {
	durable, autoDelete bool
	args                amqp091.Table
}

// difference is what a server says of the first argument that is another one than the queue's. Where it goes without a type, that is as in the one declared. The
// text of an error ends at 255 bytes: that of a queue with a long name may lack its end.
var difference = regexp.MustCompile(`inequivalent arg '([^']+)' for queue (?:.* but current is (?:(none)|the value '(.*)' of type '(\w+)'|'(.*)')$)?`)

// inequivalent is the first argument that differs from a queue's; empty where err does not say so.
func inequivalent(err error) string {
	if found := differing(err); found != nil {
		return found[1]
	}
	return ""
}

func differing(err error) []string {
	var reply *amqp091.Error
	if code(err) != amqp091.PreconditionFailed || !errors.As(err, &reply) {
		return nil
	}
	return difference.FindStringSubmatch(reply.Reason)
}

// correct takes over what err says; false where that cannot be used.
func (g *queueGuess) correct(err error) bool {
	found := differing(err)
	if found == nil {
		return false
	}
	name, none, value, kind := found[1], found[2] != "", found[3]+found[5], found[4]
	switch {
	case name == "durable":
		g.durable = value == "true"
		return true
	case name == "auto_delete":
		g.autoDelete = value == "true"
		return true
	case none:
		_, had := g.args[name]
		delete(g.args, name)
		return had
	}
	known, err := parse(value, kind, g.args[name])
	if err != nil || known == amqp091.QueueTypeStream {
		return false
	}
	g.args[name] = known
	return true
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
		return nil, errors.New("the argument is neither a text nor a number")
	}
}
