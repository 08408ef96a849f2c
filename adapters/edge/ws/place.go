package ws

import (
	"net/http"

	"culvert/adapters/edge"
	"culvert/domain"
)

// place is what a socket's URL stands for: a topic, a queue of it, or nothing where both are empty; and what a route of the operator's own has settled.
type place struct {
	topic domain.Topic
	queue domain.Queue
	fixed edge.Fixed
}

// The parameters of paths.
const (
	pathTopic = "topic"
	pathQueue = "queue"
)

// placeOf reads the place from the path. names are the parameters that r's route has of topic and queue, in this order.
func placeOf(r *http.Request, names []string) (at place, err error) {
	if at.fixed = edge.FixedIn(r.Context()); at.fixed.Refusal != nil {
		return place{}, at.fixed.Refusal
	}
	for _, name := range names {
		switch value := r.PathValue(name); name {
		case pathTopic:
			at.topic, err = domain.ParseTopic(value)
		case pathQueue:
			at.queue, err = domain.ParseQueue(at.topic, value)
		}
		if err != nil {
			return place{}, err
		}
	}
	return at, nil
}

// topicOf is the topic that a frame means which names topic; empty where it names none.
func (at place) topicOf(topic domain.Topic) (domain.Topic, error) {
	switch {
	case topic == "" && at.topic == "":
		return "", domain.Errorf(domain.InvalidRequest, "topic is missing: only on the URL of a topic it may be left out")
	case topic == "" || topic == at.topic:
		return at.topic, nil
	case at.topic != "":
		return "", domain.Errorf(domain.InvalidRequest, "this URL is that of topic %q; another one cannot be named here", at.topic)
	}
	return topic, nil
}

// queueOf is the queue of topic that a frame means which names it so; none where it is a view.
func (at place) queueOf(topic domain.Topic, name string, named bool) (domain.Queue, error) {
	switch {
	case !named:
		return at.queue, nil
	case at.fixed.Filters():
		return "", domain.Errorf(domain.InvalidRequest, "this URL is that of some messages of topic %q; a queue is one of all of them, so none can be named here", topic)
	}
	queue, err := domain.ParseQueue(topic, name)
	if err == nil && at.queue != "" && queue != at.queue {
		return "", domain.Errorf(domain.InvalidRequest, "this URL is that of queue %q; another one cannot be named here", at.queue)
	}
	return queue, err
}
