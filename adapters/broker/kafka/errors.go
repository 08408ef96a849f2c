package kafka

import (
	"context"
	"errors"

	"github.com/IBM/sarama"

	"culvert/domain"
)

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
	default:
		return domain.Errorf(domain.Unavailable, "the broker cannot be reached").Because(err)
	}
}
