package broker

import (
	"time"

	"culvert/domain"
)

// locate finds the offset at which start begins, and the gap between what it asks for and what there is.
func (l *log) locate(start domain.Start) (next int64, gap *domain.Gap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trim(time.Now())
	if v := start.Vector(); v != nil {
		return l.resume(v)
	}
	if start.Earliest() {
		return l.first, nil
	}
	if n, ok := start.Last(); ok {
		return max(l.end()-n, l.first), nil
	}
	if t, ok := start.Time(); ok {
		return l.since(t), nil
	}
	return l.end(), nil
}

// resume finds where a reader that has seen v goes on. The caller holds mu.
func (l *log) resume(v *domain.Vector) (int64, *domain.Gap) {
	if v.Epoch != 0 && v.Epoch != l.epoch {
		return l.first, &domain.Gap{Reason: domain.GapEpoch, Lost: domain.LostUnknown}
	}
	since := v.Since
	place, ok := v.At(0)
	if ok {
		since = place.Since
	}
	if !since.IsZero() {
		if !l.trimmed.Before(since) {
			return l.since(since), &domain.Gap{Reason: domain.GapRetention, Lost: domain.LostUnknown}
		}
		return l.since(since), nil
	}
	switch next := v.Next(0); {
	case next < l.first:
		return l.first, &domain.Gap{Reason: domain.GapRetention, Lost: l.first - next}
	case next > l.end():
		return l.end(), &domain.Gap{Reason: domain.GapBroker, Lost: domain.LostUnknown}
	default:
		return next, nil
	}
}

// since is the offset of the first message with time t or later; the end where there is none. The caller holds mu.
func (l *log) since(t time.Time) int64 {
	// Times are the injectors', in no order, so that nothing but looking finds the first.
	for i, e := range l.entries[l.head:] {
		if e.message != nil && !e.message.Time.Before(t) {
			return l.first + int64(i)
		}
	}
	return l.end()
}
