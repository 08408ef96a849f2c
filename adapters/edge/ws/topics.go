package ws

import "culvert/domain"

// topicsOf are the topics that a sub means which names these; none where it names none.
func (at place) topicsOf(named []domain.Pattern) ([]domain.Pattern, error) {
	if len(named) == 0 {
		topic, err := at.topicOf("")
		return []domain.Pattern{domain.Pattern(topic)}, err
	}
	for _, name := range named {
		if _, err := at.topicOf(domain.Topic(name)); err != nil {
			return nil, err
		}
	}
	return named, nil
}

// topicOfQueue is the topic that a sub means which asks for a queue, and for these topics.
func topicOfQueue(topics []domain.Pattern) (domain.Topic, error) {
	if len(topics) > 1 {
		return "", domain.Errorf(domain.InvalidRequest, "a queue is one of a single topic, and topic names %d", len(topics))
	}
	topic, one := topics[0].Topic()
	if !one {
		return "", domain.Errorf(domain.InvalidRequest, "a queue is one of a single topic, and topic is the pattern %q", topic)
	}
	return topic, nil
}
