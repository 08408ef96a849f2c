package subscribe

import (
	"context"
	"slices"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// joins reports whether topics that appear now still join the stream.
func (s *stream) joins() bool {
	return len(s.patterns) > 0 && (s.to == nil || s.to.Time.After(time.Now()))
}

// matches reports whether topic is one that a pattern of the stream names.
func (s *stream) matches(topic domain.Topic) bool {
	return slices.ContainsFunc(s.patterns, func(p domain.Pattern) bool { return p.Matches(topic) })
}

// has reports whether topic is one of the stream's.
func (s *stream) has(topic domain.Topic) bool {
	return slices.ContainsFunc(s.tracks, func(t *track) bool { return t.topic == topic })
}

// discover lets topics join that have appeared since the last look. They are read from their beginning: before it there was nothing.
func (s *stream) discover() {
	if len(s.patterns) == 0 {
		return
	}
	known := s.service.discovery.known.Load()
	if known == nil || known == s.seen || !s.joins() {
		return
	}
	s.tracks = slices.DeleteFunc(s.tracks, (*track).told)
	if !slices.ContainsFunc(s.tracks, func(t *track) bool { return t.absent }) {
		s.seen = known // else one that is there again joins when it was told that it had gone
	}
	for _, topic := range *known {
		if s.has(topic) || !s.matches(topic) {
			continue
		}
		from := domain.StartEarliest()
		if !s.service.broker.Capabilities(topic).Has(domain.History) {
			from = domain.StartLatest()
		}
		err := s.add(topic, from)
		if domain.CodeOf(err) == domain.Unsupported {
			s.over = &domain.Bye{Reason: domain.ByeUnavailable, Reconnect: true, Cause: err} // who comes back is told by a status
			return
		}
		if err != nil {
			s.fail(err)
			return
		}
	}
}

// resolve gives the topics that a view is of now, in the order in which they are asked for, and from then on watches for those that its patterns name.
func (s *stream) resolve(ctx context.Context, v ports.View) (topics []domain.Topic, err error) {
	add := func(topic domain.Topic) {
		if !slices.Contains(topics, topic) {
			topics = append(topics, topic)
		}
	}
	for _, p := range v.Topics {
		if topic, one := p.Topic(); one {
			add(topic)
		} else if !slices.Contains(s.patterns, p) {
			s.patterns = append(s.patterns, p)
		}
	}
	if len(s.patterns) == 0 {
		return topics, nil
	}
	if s.unwatch, err = s.service.watch(&s.bell); err != nil {
		return nil, err
	}
	if v.To != nil && v.To.Time.After(time.Now()) {
		// Ends with the stream. Where there are no topics, nothing else rings when none can join any more.
		s.closing = newAlarm(v.To.Time, time.Now, s.bell.ring)
	}
	known, err := s.service.discovery.now(ctx)
	if err != nil {
		return nil, err
	}
	for _, topic := range known {
		if s.matches(topic) {
			add(topic)
		}
	}
	if v.Resume != nil {
		for _, had := range v.Resume.Topics {
			if topic, one := had.Topic.Topic(); one && s.matches(topic) {
				add(topic)
			}
		}
	}
	return topics, nil
}
