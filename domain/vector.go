package domain

import (
	"slices"
	"time"
)

// Epoch is one incarnation of a topic. A topic that was deleted and made anew has another, and places of one mean nothing in
// the other. Zero stands for an epoch that is not known yet.
type Epoch uint64

// Place is a position before which everything of one partition has been seen.
type Place struct {
	Partition int32
	// Next is the offset of the first message not yet seen.
	Next int64
	// Since, where it is not zero, says that the partition could not be read yet: it begins at its first message of this
	// time or later, and Next means nothing. Milliseconds are kept.
	Since time.Time
	// Fingerprint is that of the message before Next, as its broker gave it; 0 where none is known: the broker gives none, there is no
	// message before Next, or nobody has looked at it. A broker whose topics have no identity of their own compares it when somebody comes
	// back to the place: where another message stands there now, the topic was made anew.
	Fingerprint uint32
}

// Pending reports whether the place is only known as a time.
func (p Place) Pending() bool { return !p.Since.IsZero() }

// Vector is a place for each partition of one topic. It is immutable: With gives another.
//
// A partition without a place begins at its first message, but where the vector has a Since or a Last.
type Vector struct {
	Epoch Epoch
	// Since, where it is not zero, is the place of every partition that has none of its own: no place was known when the
	// vector was made.
	Since time.Time
	// Last, where it is not zero, is how many offsets before the end such partitions begin. A vector has no Since then.
	Last   int64
	places []Place // sorted by partition, each once
}

// NewVector makes a vector of places in any order; of two for the same partition the later one counts.
func NewVector(epoch Epoch, places ...Place) *Vector {
	sorted := slices.Clone(places)
	slices.SortStableFunc(sorted, func(a, b Place) int { return int(a.Partition) - int(b.Partition) })
	kept := sorted[:0]
	for _, p := range sorted {
		if n := len(kept); n > 0 && kept[n-1].Partition == p.Partition {
			kept[n-1] = p
			continue
		}
		kept = append(kept, p)
	}
	return &Vector{Epoch: epoch, places: kept}
}

// Places are v's places by partition. The caller does not change them.
func (v *Vector) Places() []Place { return v.places }

// At is the place of a partition, and whether it has one.
func (v *Vector) At(partition int32) (Place, bool) {
	i, ok := v.find(partition)
	if !ok {
		return Place{}, false
	}
	return v.places[i], true
}

// Next is the offset of the first message of partition not yet seen: 0 where v has no place for it, so that everything is unseen.
func (v *Vector) Next(partition int32) int64 {
	if i, ok := v.find(partition); ok && !v.places[i].Pending() {
		return v.places[i].Next
	}
	return 0
}

// With is v with another place for p's partition.
func (v *Vector) With(p Place) *Vector {
	i, ok := v.find(p.Partition)
	w := &Vector{Epoch: v.Epoch, Since: v.Since, Last: v.Last}
	if ok {
		w.places = slices.Clone(v.places)
		w.places[i] = p
		return w
	}
	w.places = make([]Place, 0, len(v.places)+1)
	w.places = append(w.places, v.places[:i]...)
	w.places = append(w.places, p)
	w.places = append(w.places, v.places[i:]...)
	return w
}

// move makes p the place of its partition, which has one, in v itself: nobody else may have v.
func (v *Vector) move(p Place) {
	i, _ := v.find(p.Partition)
	v.places[i] = p
}

// Equal reports whether both say the same.
func (v *Vector) Equal(w *Vector) bool {
	return v.Epoch == w.Epoch && v.Since.Equal(w.Since) && v.Last == w.Last && slices.EqualFunc(v.places, w.places, func(a, b Place) bool {
		return a.Partition == b.Partition && a.Next == b.Next && a.Since.Equal(b.Since) && a.Fingerprint == b.Fingerprint
	})
}

func (v *Vector) find(partition int32) (int, bool) {
	// Nearly every topic has partitions 0 to n-1, each at its own index.
	if i := int(partition); i >= 0 && i < len(v.places) && v.places[i].Partition == partition {
		return i, true
	}
	return slices.BinarySearchFunc(v.places, partition, func(p Place, want int32) int { return int(p.Partition) - int(want) })
}
