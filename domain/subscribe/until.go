package subscribe

import (
	"context"
	"time"

	"culvert/domain"
)

// until is where a track ends: in each partition at an offset, or before its first message of some time, whichever comes first.
type until struct {
	stop domain.Stop
	// places are those of the topic in the stop's cursor; nil where it has none.
	places *domain.Vector
	// ends are the offsets; nil until they are known. Partitions that are not among them end before their first message.
	ends *domain.Vector
	// finished are the partitions in which a message past the end has been met.
	finished map[int32]bool
	// asked is when the broker was asked for them, and behind the epoch of a track that was not yet in the incarnation that the broker told of then.
	asked  time.Time
	behind domain.Epoch
	// passed says that the incarnation of the topic in which the end lies is over.
	passed bool

	answer chan answer // of the broker, once
	clock  *alarm      // rings when the time has come
	cancel context.CancelFunc
}

// answer is what the broker told of the topic's end.
type answer struct {
	ends *domain.Vector
	err  error
}

// newUntil is the end of a stream in topic. A stop that is a cursor knows the topic.
func newUntil(stop domain.Stop, topic domain.Topic) *until {
	u := &until{stop: stop, finished: map[int32]bool{}, answer: make(chan answer, 1)}
	if stop.Cursor != nil {
		u.places = stop.Cursor.Vector(topic)
	}
	return u
}

// begin finds the end, or begins to ask for it.
func (u *until) begin(t *track) {
	switch {
	case u.stop.Latest:
		u.ask(t)
	case u.places == nil:
		// Ends with the track.
		u.clock = newAlarm(u.stop.Time, time.Now, func() {
			t.s.mu.Lock()
			defer t.s.mu.Unlock()
			if !t.s.closed {
				u.ask(t)
			}
		})
	case u.timed():
		u.ask(t)
	default:
		u.ends = u.places
	}
}

// timed reports whether the stop's cursor has times among its places.
func (u *until) timed() bool {
	if !u.places.Since.IsZero() || u.places.Last > 0 {
		return true
	}
	for _, place := range u.places.Places() {
		if place.Pending() {
			return true
		}
	}
	return false
}

// ask asks for the topic's end as of now, and does not wait for the answer.
func (u *until) ask(t *track) {
	s := t.s.service
	u.asked = time.Now()
	if t.vector != nil {
		u.behind = t.vector.Epoch
	}
	if !s.broker.Capabilities(t.topic).Has(domain.History) {
		_, head, _ := t.live.live()
		u.answer <- answer{ends: head}
		t.s.bell.ring()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.OpenTimeout)
	u.cancel = cancel
	s.work.Add(1)
	// Ends when the broker answers, or the stream does.
	go func() {
		defer s.work.Done()
		defer cancel()
		info, err := s.broker.Describe(ctx, t.topic)
		u.answer <- answer{info.End(), err}
		t.s.bell.ring()
	}()
}

// hear takes the broker's answer, if it is there.
func (u *until) hear() error {
	select {
	case a := <-u.answer:
		if a.err != nil {
			return a.err
		}
		u.ends = u.within(a.ends)
	default:
	}
	return nil
}

// within is the end where now is the end as of now: earlier where the stop's cursor has places.
func (u *until) within(now *domain.Vector) *domain.Vector {
	if u.places == nil || u.places.Last > 0 {
		return now
	}
	var places []domain.Place
	for _, place := range now.Places() {
		switch had, ok := u.places.At(place.Partition); {
		case ok && !had.Pending():
			places = append(places, had)
		case ok || !u.places.Since.IsZero():
			places = append(places, place)
		}
	}
	return domain.NewVector(now.Epoch, places...)
}

// time is when a partition ends, zero where an offset alone says so.
func (u *until) time(partition int32) time.Time {
	if u.places == nil {
		return u.stop.Time
	}
	if place, ok := u.places.At(partition); ok {
		return place.Since
	}
	return u.places.Since
}

// over reports whether nothing more of a partition is wanted.
func (u *until) over(partition int32) bool {
	if u.finished[partition] || u.ends == nil {
		return u.finished[partition]
	}
	_, ok := u.ends.At(partition)
	return !ok
}

// cut is the first event of run, from i on, that lies past the end.
func (u *until) cut(run *domain.Run, i int) int {
	if run.Gap != nil {
		return run.Len()
	}
	for ; i < run.Len(); i++ {
		if u.past(run.Messages[i]) {
			u.finished[run.Partition] = true
			break
		}
	}
	return i
}

// past reports whether a message lies past the end, as far as that is known.
func (u *until) past(m *domain.Message) bool {
	since := u.time(m.Partition)
	return u.ends != nil && m.Offset >= u.ends.Next(m.Partition) || !since.IsZero() && !m.Time.Before(since)
}

// anew notes that the topic was made anew by run. Where that came before the end was known, the end lies behind it.
func (u *until) anew(run *domain.Run) {
	u.passed = u.passed || u.ends != nil && !run.Appended.Before(u.asked)
}

// catchUp is v moved to the end of a log, in the partitions of which more is wanted.
func (u *until) catchUp(v, head *domain.Vector) *domain.Vector {
	for _, place := range later(v, head).Places() {
		if !u.over(place.Partition) && v.Epoch == head.Epoch {
			v = v.With(place)
		}
	}
	return v
}

// reached reports whether a viewer at v has all that was asked for.
func (u *until) reached(v *domain.Vector) bool {
	wanted := v
	if u.ends != nil {
		if u.passed || u.elsewhere(v) {
			return true
		}
		wanted = u.ends
	}
	for _, place := range wanted.Places() {
		if u.finished[place.Partition] {
			continue
		}
		if had, ok := v.At(place.Partition); u.ends == nil || !ok && place.Next > 0 || had.Pending() || had.Next < place.Next {
			return false
		}
	}
	return u.ends != nil || len(wanted.Places()) > 0
}

// elsewhere reports whether the end is of another incarnation of the topic than v. Where the broker goes by fingerprints epochs do not say that.
func (u *until) elsewhere(v *domain.Vector) bool {
	if u.ends.Epoch == 0 || u.ends.Epoch == v.Epoch || u.behind == v.Epoch {
		return false
	}
	for _, place := range u.ends.Places() {
		if place.Fingerprint != 0 {
			return false
		}
	}
	return true
}

// end ends the waiting for the clock and for the broker.
func (u *until) end() {
	if u.clock != nil {
		u.clock.stop()
	}
	if u.cancel != nil {
		u.cancel()
	}
}
