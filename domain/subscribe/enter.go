package subscribe

import (
	"math"
	"sort"

	"culvert/domain"
)

// unchecked says that nobody held a vector against the broker's log.
const unchecked = math.MaxUint64

// enter finds the number of a run at which a viewer who has seen v can come in and miss nothing: false where the log does not reach back
// that far, or v is of another incarnation of the topic. checked is the log's anew from before v's places were checked against the broker's
// log: while it is the same they count as known, and may lie ahead of what this log has got yet.
func (l *log) enter(v *domain.Vector, checked uint64) (uint64, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	known := checked == l.anew
	if v.Epoch != l.head.Epoch || !v.Since.IsZero() || l.beganPast(v) {
		return 0, false
	}
	for _, have := range l.tail.Places() {
		if !reaches(have, v) {
			return 0, false
		}
	}
	for _, want := range v.Places() {
		have, ok := l.head.At(want.Partition)
		if !known && !want.Pending() && (!ok || !have.Pending() && want.Next > have.Next) {
			return 0, false
		}
		if !l.vouches(want, known) {
			return 0, false
		}
	}
	// Vectors only grow, so the runs that v covers come first.
	inside := l.inside()
	covered := sort.Search(len(inside), func(i int) bool { return !covers(v, inside[i].After) })
	if covered == len(inside) {
		return l.next, true
	}
	return inside[covered].number, true
}

// admission is whether a viewer can come into a log.
type admission int

const (
	tooLate  admission = iota // the log cannot say what the viewer lacks
	tooEarly                  // it will be able to before long: the viewer is ahead of it
	inside
)

// admits tells whether a viewer who has seen v, which nobody held against the broker's log, can come in.
func (l *log) admits(v *domain.Vector) admission {
	if _, ok := l.enter(v, unchecked); ok {
		return inside
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.ended == nil && precedes(l.tail, v) && ahead(v, l.head) {
		return tooEarly
	}
	return tooLate
}

// dropped reports whether the log no longer holds where it began.
func (l *log) dropped() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.first() > 0
}

// precedes reports whether who reads on from had comes past v, and soon.
func precedes(had, v *domain.Vector) bool {
	if had.Epoch != v.Epoch || !had.Since.IsZero() || !v.Since.IsZero() || had.Last > 0 || len(had.Places()) != len(v.Places()) {
		return false
	}
	distance := int64(0)
	for _, place := range had.Places() {
		want, ok := v.At(place.Partition)
		if !ok || want.Pending() || place.Pending() || want.Next < place.Next {
			return false
		}
		distance += want.Next - place.Next
	}
	return distance <= near
}

// ahead reports whether v has seen what lies past head.
func ahead(v, head *domain.Vector) bool {
	for _, want := range v.Places() {
		if have, ok := head.At(want.Partition); ok && !have.Pending() && want.Next > have.Next {
			return true
		}
	}
	return false
}

// covers reports whether a viewer who has seen v lacks nothing that came up to after.
func covers(v, after *domain.Vector) bool {
	for _, place := range after.Places() {
		had, ok := v.At(place.Partition)
		if !place.Pending() && (!ok || had.Pending() || had.Next < place.Next) {
			return false
		}
	}
	return true
}

// reaches reports whether a log that begins at have holds all that v lacks of the partition. Where the log's own beginning is
// not known yet, the viewer finds out when it is; one that is to begin at another time would be given what came before that.
func reaches(have domain.Place, v *domain.Vector) bool {
	want, ok := v.At(have.Partition)
	switch {
	case ok && want.Pending():
		return have.Pending() && want.Since.UnixMilli() == have.Since.UnixMilli() // a cursor keeps no more
	case have.Pending():
		return true
	default:
		return want.Next >= have.Next
	}
}

// lastOf is the vector n offsets before the end of each partition; false where the log does not reach back that far.
func (l *log) lastOf(n int64) (*domain.Vector, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	places := make([]domain.Place, 0, len(l.head.Places()))
	for _, end := range l.head.Places() {
		began, ok := l.tail.At(end.Partition)
		if end.Pending() || ok && (began.Pending() || end.Next-n < began.Next) || !ok && end.Next < n {
			return nil, false
		}
		place := domain.Place{Partition: end.Partition, Next: end.Next - n}
		place.Fingerprint = l.fingerprint(place.Partition, place.Next)
		places = append(places, place)
	}
	return domain.NewVector(l.head.Epoch, places...), true
}

// lacks reports whether a viewer who came in when some partitions could not be read has seen less of one than where the log began to read it.
func (l *log) lacks(v *domain.Vector) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return v.Epoch == l.head.Epoch && l.beganPast(v)
}

// beganPast reports whether the log began late in a partition of which v has seen less. The caller holds mu.
func (l *log) beganPast(v *domain.Vector) bool {
	for partition, began := range l.late {
		if place, _ := v.At(partition); !place.Pending() && place.Next < began {
			return true
		}
	}
	return false
}
