package amqp

import (
	"fmt"
	"testing"

	"github.com/rabbitmq/amqp091-go"
)

func TestAnArgumentThatDiffersIsReadFromTheRefusal(t *testing.T) {
	refused := func(text string) error {
		return fmt.Errorf("declaring: %w", &amqp091.Error{Code: amqp091.PreconditionFailed, Server: true, Reason: "PRECONDITION_FAILED - " + text})
	}
	const of = " for queue 'it's' in vhost '/': received "
	for text, want := range map[string]struct {
		name  string
		known any // nil: the argument is none
		of    bool
	}{
		"inequivalent arg 'x-expires'" + of + "none but current is the value '3600000' of type 'long'":                                       {"x-expires", int64(3600000), true},
		"inequivalent arg 'x-expires'" + of + "the value '5' of type 'long' but current is none":                                             {"x-expires", nil, true},
		"inequivalent arg 'x-expires'" + of + "'5' but current is '7'":                                                                       {"x-expires", int64(7), true},
		"inequivalent arg 'x-dead-letter-exchange'" + of + "none but current is the value 'it's' of type 'longstr'":                          {"x-dead-letter-exchange", "it's", true},
		"inequivalent arg 'x-queue-type'" + of + "the value 'classic' of type 'longstr' but current is the value 'quorum' of type 'longstr'": {"x-queue-type", "quorum", true},
		"inequivalent arg 'x-queue-type'" + of + "'classic' but current is 'stream'":                                                         {"x-queue-type", "stream", true},
		"inequivalent arg 'x-max-length'" + of + "none but cur":                                                                              {"x-max-length", nil, false},
		"inequivalent arg 'x-max-priority'" + of + "none but current is none":                                                                {"x-max-priority", nil, false},
		"inequivalent arg 'x-strange'" + of + "none but current is the value '[]' of type 'array'":                                           {"x-strange", nil, false},
		"invalid arg 'x-max-age'" + " for queue 'it's' in vhost '/' of queue type rabbit_classic_queue":                                      {"", nil, false},
	} {
		guess := queueGuess{durable: true, args: amqp091.Table{"x-expires": int64(5), "x-queue-type": "classic"}}
		err := guess.correct(refused(text))
		if (err == nil) != want.of || want.name != "" && guess.args[want.name] != want.known {
			t.Errorf("%s: %v, and then %v", text, err, guess.args)
		}
	}
	guess := queueGuess{durable: true}
	if guess.correct(refused("inequivalent arg 'durable'"+of+"'true' but current is 'false'")) != nil || guess.durable {
		t.Error("a queue that is not durable is taken for one that is")
	}
}
