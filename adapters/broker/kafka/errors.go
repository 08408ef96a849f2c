package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/IBM/sarama"

	"culvert/domain"
)

// hungUp is what an operator shall look at when every broker ends the connection without a word: that is all that Kafka says to who speaks TLS where it does not, or the other
// way round, or does not log in.
const hungUp = "if this lasts, tls.enabled and sasl.mechanism may not be what the listener asks for"

// translate turns what sarama says into a domain.Error about topic. Nil stays nil, and a domain.Error what it is.
func translate(topic domain.Topic, err error) error {
	var known *domain.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	switch {
	case errors.Is(err, sarama.ErrUnknownTopicOrPartition), errors.Is(err, sarama.ErrInvalidTopic):
		return domain.Errorf(domain.UnknownTopic, "there is no topic %q", topic).Because(err)
	case errors.Is(err, sarama.ErrTopicAuthorizationFailed), errors.Is(err, sarama.ErrGroupAuthorizationFailed), errors.Is(err, sarama.ErrClusterAuthorizationFailed),
		errors.Is(err, sarama.ErrPolicyViolation):
		return domain.Errorf(domain.NotAllowed, "the broker does not allow it on topic %q", topic).Because(err)
	case errors.Is(err, sarama.ErrMessageSizeTooLarge), errors.Is(err, sarama.ErrMessageTooLarge):
		return domain.Errorf(domain.TooLarge, "the message is larger than topic %q takes", topic).Because(err)
	case errors.Is(err, sarama.ErrInvalidMessage), errors.Is(err, sarama.ErrInvalidRecord), errors.Is(err, sarama.ErrInvalidTimestamp):
		return domain.Errorf(domain.InvalidRequest, "the broker does not take this message on topic %q", topic).Because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return domain.Errorf(domain.Unavailable, "the broker did not answer in time").Because(err)
	case errors.Is(err, sarama.ErrOutOfBrokers) && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		return domain.Errorf(domain.Unavailable, "the broker cannot be reached").Because(fmt.Errorf("%w (%s)", err, hungUp))
	default:
		return domain.Errorf(domain.Unavailable, "the broker cannot be reached").Because(err)
	}
}
