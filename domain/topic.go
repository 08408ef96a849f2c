package domain

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// Topic names a stream of messages: 1 to 249 of [A-Za-z0-9._-], not "." or "..".
type Topic string

// Pattern names topics: a topic itself, or a name in which * stands for any characters, also none.
type Pattern string

// Queue names a group of competing readers of one topic: 1 to 100 of [A-Za-z0-9._-], not "." or "..".
type Queue string

const (
	maxTopic         = 249
	maxQueue         = 100
	maxTopicAndQueue = 240
)

// ParseTopic gives s as a Topic, or an InvalidRequest error that says what is wrong with it.
func ParseTopic(s string) (Topic, error) {
	if err := checkName("topic", s, maxTopic); err != nil {
		return "", err
	}
	return Topic(s), nil
}

// ParsePattern gives s as a Pattern, or an InvalidRequest error that says what is wrong with it.
func ParsePattern(s string) (Pattern, error) {
	if strings.Contains(s, "*") {
		if err := checkName("topic", strings.ReplaceAll(s, "*", "x"), maxTopic); err != nil {
			return "", err
		}
		return Pattern(s), nil
	}
	topic, err := ParseTopic(s)
	return Pattern(topic), err
}

// Topic is the one topic that p names; false where p has a *, and stands for as many as there are.
func (p Pattern) Topic() (Topic, bool) {
	return Topic(p), !strings.Contains(string(p), "*")
}

// Matches reports whether topic is one of those that p names.
func (p Pattern) Matches(topic Topic) bool {
	// Of what means something to Match a valid pattern has * only, and no name has a slash.
	ok, err := path.Match(string(p), string(topic))
	return ok && err == nil
}

// ParseQueue gives s as a queue of topic, or an InvalidRequest error that says what is wrong with it.
func ParseQueue(topic Topic, s string) (Queue, error) {
	if err := checkName("queue", s, maxQueue); err != nil {
		return "", err
	}
	if len(topic)+len(s) > maxTopicAndQueue {
		return "", Errorf(InvalidRequest, "topic %q and queue %q have %d characters together, at most %d are possible", topic, s, len(topic)+len(s), maxTopicAndQueue)
	}
	return Queue(s), nil
}

func checkName(what, s string, limit int) error {
	problem := ""
	switch {
	case s == "":
		problem = "is empty"
	case len(s) > limit:
		problem = fmt.Sprintf("has %d characters, at most %d are possible", len(s), limit)
	case s == "." || s == "..":
		problem = "is reserved"
	default:
		for i := range len(s) {
			if !isNameByte(s[i]) {
				r, _ := utf8.DecodeRuneInString(s[i:])
				problem = fmt.Sprintf("has %q at character %d; letters, digits, '.', '_' and '-' are possible", r, i+1)
				break
			}
		}
	}
	if problem == "" {
		return nil
	}
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return Errorf(InvalidRequest, "%s name %q %s", what, s, problem)
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}
