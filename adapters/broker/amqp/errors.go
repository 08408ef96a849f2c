package amqp

import (
	"context"
	"errors"
	"strings"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// translate turns what the driver says into a domain.Error about topic. Nil stays nil, and a domain.Error what it is.
func translate(topic domain.Topic, err error) error {
	var known *domain.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if errors.Is(err, amqp091.ErrChannelMax) {
		return errChannels().Because(err)
	}
	switch code(err) {
	case amqp091.NotFound:
		if !missing(err) {
			return errAway(err)
		}
		return domain.Errorf(domain.UnknownTopic, "there is no topic %q", topic).Because(err)
	case amqp091.AccessRefused, amqp091.ResourceLocked:
		return domain.Errorf(domain.NotAllowed, "the broker does not allow it on topic %q", topic).Because(err)
	case amqp091.ContentTooLarge:
		return domain.Errorf(domain.TooLarge, "the message is larger than the broker takes").Because(err)
	case amqp091.PreconditionFailed:
		if starting(err) {
			return errAway(err)
		}
		return domain.Errorf(domain.Conflict, "what the broker has under the names of topic %q is of another kind than is needed", topic).Because(err)
	case amqp091.NotImplemented:
		return domain.Errorf(domain.Unsupported, "the broker cannot do this on topic %q", topic).Because(err)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return domain.Errorf(domain.Unavailable, "the broker did not answer in time").Because(err)
	}
	return errAway(err)
}

// code is the AMQP reply code of an error that the server gave; else 0.
func code(err error) int {
	var reply *amqp091.Error
	if errors.As(err, &reply) && reply.Server {
		return reply.Code
	}
	return 0
}

// starting reports whether the server says that a stream of its own is not there yet for its consumers: it has just been declared, by another node at the same time for example, or
// the server has just come back.
func starting(err error) bool {
	return strings.Contains(err.Error(), "running replica") || strings.Contains(err.Error(), "not have a replica on the local node")
}

func errAway(cause error) error {
	return domain.Errorf(domain.Unavailable, "the broker cannot be reached").Because(cause)
}

// errChannels says that the connection has all the channels that the server allows.
func errChannels() *domain.Error {
	return domain.Errorf(domain.Unavailable, "this node uses as many channels as the broker allows on a connection (its channel_max)")
}

func errClosed() error {
	return domain.Errorf(domain.Unavailable, "the broker is shutting down")
}
