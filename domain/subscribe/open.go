package subscribe

import (
	"context"
	"slices"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// open finds the stream's first place in all its topics, and waits for the brokers where it must, at most for timeout.
func (s *stream) open(ctx context.Context, v ports.View, timeout time.Duration) error {
	if v.Resume != nil && !v.Resume.Shares(v.Topics) {
		return domain.Errorf(domain.InvalidCursor, "the cursor is of none of the %d topics asked for", len(v.Topics))
	}
	topics, err := s.resolve(ctx, v)
	if err != nil {
		return err
	}
	s.several = len(topics) > 1 || len(s.patterns) > 0
	for _, topic := range topics {
		if err := s.add(topic, s.beginning(topic, v)); err != nil {
			return err
		}
	}
	if err := s.arrive(ctx, timeout); err != nil {
		return err
	}
	s.settle()
	s.describe(v)
	if !s.cursor().Fits() {
		return domain.Errorf(domain.InvalidRequest, "%d topics with all their partitions are too many for one stream: their cursor would have more than %d bytes; view fewer of them on each", len(s.tracks), domain.MaxCursor)
	}
	s.tracks = slices.DeleteFunc(s.tracks, (*track).told)
	return nil
}

// beginning is where a view begins in a topic.
func (s *stream) beginning(topic domain.Topic, v ports.View) domain.Start {
	if v.Resume != nil {
		if had := v.Resume.Vector(topic); had != nil {
			return domain.StartVector(had)
		}
	}
	return v.From
}

// add makes a track of topic.
func (s *stream) add(topic domain.Topic, from domain.Start) error {
	overflow, err := s.service.admit(topic, from, s.to, s.overflow)
	if err != nil {
		return err
	}
	if to := s.to; to != nil && to.Cursor != nil && to.Cursor.Vector(topic) == nil {
		return domain.Errorf(domain.InvalidCursor, "the cursor in to says nothing of topic %q, so its end is not known", topic)
	}
	f, err := s.service.enter(topic)
	if err != nil {
		return err
	}
	t := &track{s: s, topic: topic, overflow: overflow, feed: f, from: from}
	if s.to != nil {
		t.until = newUntil(*s.to, topic)
	}
	t.hook = f.bells.hang(&s.bell, nil)
	s.tracks = append(s.tracks, t)
	return nil
}

// arrive waits until all tracks have their first place.
func (s *stream) arrive(ctx context.Context, timeout time.Duration) error {
	var giveUp *time.Timer // nil until something has to be waited for, which is seldom
	for {
		s.mu.Lock()
		missing, err := s.advance()
		s.mu.Unlock()
		if err != nil || missing == nil {
			return err
		}
		if giveUp == nil {
			giveUp = time.NewTimer(timeout)
			defer giveUp.Stop()
		}
		select {
		case <-s.bell.rung:
		case <-giveUp.C:
			return missing.late(timeout)
		case <-s.service.draining:
			return domain.Errorf(domain.Unavailable, "this node is shutting down")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// advance gives one of the tracks that have no place yet, nil where all have one. Where the stream itself has readers for which others of its tracks wait, those are to begin where they were
// asked to, when they have their turn: it comes only when the stream is read.
func (s *stream) advance() (missing *track, err error) {
	var waiting []*track
	reading := false
	for _, t := range s.tracks {
		t.hook.wait()
		if err := t.advance(); err != nil {
			return nil, err
		}
		switch {
		case t.source != nil:
			reading = reading || t.replay != nil
		case t.absent:
		case s.service.replays.waits(t.replay):
			waiting = append(waiting, t)
		default:
			missing = t
		}
	}
	switch {
	case missing != nil || len(waiting) == 0:
		return missing, nil
	case !reading:
		return waiting[0], nil
	}
	for _, t := range waiting {
		t.await()
	}
	return nil, nil
}

// describe fills in what opens the stream.
func (s *stream) describe(v ports.View) {
	s.ready = &ports.Ready{Stream: streamID(), Cursor: s.cursor()}
	resumed := true
	for _, t := range s.tracks {
		at := t.vector
		if t.arrival != nil {
			at = t.arrival.at
			if resumed || s.ready.Reason == ports.ResumeTopics {
				resumed, s.ready.Reason = false, t.arrival.reason()
			}
		}
		if t.absent {
			continue
		}
		s.ready.Topics = append(s.ready.Topics, t.topic)
		for _, p := range at.Places() {
			if p.Pending() {
				s.ready.Pending = append(s.ready.Pending, ports.Pending{Topic: t.topic, Partition: p.Partition})
			}
		}
		if v.Resume != nil && v.Resume.Vector(t.topic) == nil && resumed {
			resumed, s.ready.Reason = false, ports.ResumeTopics
		}
	}
	if v.Resume == nil {
		s.ready.Reason = ""
		return
	}
	s.ready.Resumed = &resumed
}
