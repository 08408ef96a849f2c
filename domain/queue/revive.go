package queue

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"culvert/domain"
)

// headerRedriven names, as topic/queue, the queue to which a message was sent back, and which alone is given it.
const headerRedriven = "culvert-redriven"

// revive makes of a letter the message that it was, for its queue alone; nil where it is a letter of another queue, or something that others have put among the letters. A letter that was a letter
// before is one again.
func (n name) revive(letter *domain.Message) *domain.Message {
	headers, of := exhume(letter.Headers)
	if of != n {
		return nil
	}
	headers = slices.DeleteFunc(headers, func(h domain.Header) bool { return h.Name == headerRedriven })
	headers = append(headers, domain.Header{Name: headerRedriven, Value: []byte(n.path())})
	return &domain.Message{Key: letter.Key, Headers: headers, Payload: letter.Payload, Time: time.UnixMilli(time.Now().UnixMilli()).UTC()}
}

// exhume gives a letter's headers as they were before it died last, and the queue in which it did.
// Not every broker keeps the order of headers with different names, but all of them that of headers with the same.
func exhume(headers []domain.Header) (before []domain.Header, in name) {
	seen := make(map[string]bool)
	for _, h := range slices.Backward(headers) {
		if !strings.HasPrefix(h.Name, headerDead) || seen[h.Name] {
			before = append(before, h)
			continue
		}
		seen[h.Name] = true
		switch h.Name {
		case headerTopic:
			in.topic = domain.Topic(h.Value)
		case headerQueue:
			in.queue = domain.Queue(h.Value)
		}
	}
	slices.Reverse(before)
	return before, in
}

// path names a queue in a header: no name has a slash.
func (n name) path() string { return string(n.topic) + "/" + string(n.queue) }

// elsewhere reports whether m was sent back to another queue of the same topic, and is nothing for this one.
func (n name) elsewhere(m *domain.Message) bool {
	for _, h := range m.Headers {
		if h.Name != headerRedriven {
			continue
		}
		topic, queue, ok := bytes.Cut(h.Value, []byte("/"))
		return ok && string(topic) == string(n.topic) && string(queue) != string(n.queue)
	}
	return false
}
