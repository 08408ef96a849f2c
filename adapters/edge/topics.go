package edge

import (
	"slices"

	"culvert/domain"
)

// Topics takes the topics that a stream shows, in their order: each value is a topic or a pattern, and counts once. None is an InvalidRequest error, which Err gives, as
// is a name that cannot be.
func (p *Params) Topics() []domain.Pattern {
	topics, err := parsePatterns(p.All("topic"))
	switch {
	case err != nil:
		p.Fail(err)
	case len(topics) == 0:
		p.Fail(domain.Errorf(domain.InvalidRequest, "say which topics to view: ?topic=orders, and as many more as you like; * stands for any characters"))
	}
	return topics
}

// DecodeTopics are the topics that a sub names, a string or a list of them, each a topic or a pattern that counts once; none where it leaves them out. What
// else there is, an empty list, or more of them than a request may have parameters is an InvalidRequest error.
func DecodeTopics(o *Object, limits domain.Limits) ([]domain.Pattern, error) {
	v, ok := o.Get("topic")
	if !ok {
		return nil, nil
	}
	values := []Value{v}
	if items, list := v.Items(); list {
		values = items
	}
	switch {
	case len(values) == 0:
		return nil, domain.Errorf(domain.InvalidRequest, "topic is an empty list: name a topic or a pattern, or more")
	case len(values) > limits.Parameters:
		return nil, domain.Errorf(domain.InvalidRequest, "topic names %d topics; at most %d are taken (limits.parameters)", len(values), limits.Parameters)
	}
	names := make([]string, len(values))
	for i, value := range values {
		name, err := value.String()
		if err != nil {
			return nil, fieldError("topic", err)
		}
		names[i] = name
	}
	return parsePatterns(names)
}

func parsePatterns(names []string) ([]domain.Pattern, error) {
	var patterns []domain.Pattern
	for _, name := range names {
		pattern, err := domain.ParsePattern(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(patterns, pattern) {
			patterns = append(patterns, pattern)
		}
	}
	return patterns, nil
}
