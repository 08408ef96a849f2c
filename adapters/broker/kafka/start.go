package kafka

import (
	"context"
	"time"

	"culvert/domain"
)

// locate finds where from begins in every partition of topic, and the holes between that and what there is. Partitions without a leader are pending,
// unless from knows their offset.
func (b *Broker) locate(ctx context.Context, topic domain.Topic, shape topology, from domain.Start) ([]domain.Place, []domain.Gap, error) {
	extents, err := b.extents(ctx, topic, shape.readable())
	if err != nil {
		return nil, nil, err
	}
	l := locator{shape: shape, extents: extents, now: time.Now()}
	asked := make(map[int32]domain.Place, len(shape.leaders))
	queries := make(map[int32]int64)
	for _, p := range shape.partitions() {
		asked[p] = l.ask(from, p)
		if _, readable := extents[p]; readable && asked[p].Pending() {
			queries[p] = timeQuery(asked[p])
		}
	}
	found, err := b.offsets(ctx, topic, queries)
	if err != nil {
		return nil, nil, err
	}
	places := make([]domain.Place, 0, len(asked))
	for _, p := range shape.partitions() {
		place := asked[p]
		if offset, ok := found[p]; ok {
			place = at(extents[p], offset)
		}
		places = append(places, place)
	}
	return places, l.gaps, nil
}

// timeQuery is how the cluster is asked for the offset of a pending place.
func timeQuery(p domain.Place) int64 { return max(p.Since.UnixMilli(), 0) }

// at is the place of the answer to a timeQuery: the end, where nothing is that new.
func at(e domain.Extent, offset int64) domain.Place {
	if offset < 0 || offset > e.End {
		offset = e.End
	}
	return domain.Place{Partition: e.Partition, Next: offset}
}

// theBeginning is before all messages, for partitions whose first offset cannot be asked for now.
var theBeginning = time.UnixMilli(1)

// locator says where a start begins in each partition: an offset, or a time that is yet to be looked up.
type locator struct {
	shape   topology
	extents map[int32]domain.Extent // of readable partitions
	now     time.Time
	gaps    []domain.Gap
}

func (l *locator) ask(from domain.Start, p int32) domain.Place {
	if v := from.Vector(); v != nil {
		return l.resume(v, p)
	}
	if t, ok := from.Time(); ok {
		return since(p, t)
	}
	e, readable := l.extents[p]
	n, last := from.Last()
	switch {
	case from.Earliest():
		return l.first(p)
	case !readable:
		return since(p, l.now) // what comes when it is back is not missed
	case last:
		return domain.Place{Partition: p, Next: max(e.End-n, e.First)}
	default:
		return domain.Place{Partition: p, Next: e.End}
	}
}

// resume says where a reader that has seen v goes on, and notes the hole where it cannot.
func (l *locator) resume(v *domain.Vector, p int32) domain.Place {
	if v.Epoch != 0 && v.Epoch != l.shape.epoch {
		l.gap(p, domain.GapEpoch, domain.LostUnknown)
		return l.first(p)
	}
	place, known := v.At(p)
	switch {
	case !known && v.Since.IsZero():
		return l.first(p)
	case !known:
		return since(p, v.Since)
	case place.Pending():
		return place
	}
	e, readable := l.extents[p]
	switch {
	case readable && place.Next < e.First:
		l.gap(p, domain.GapRetention, e.First-place.Next)
		return l.first(p)
	case readable && place.Next > e.End:
		// The end never goes back in one epoch, so that is another log under the same name.
		l.gap(p, domain.GapEpoch, domain.LostUnknown)
		return l.first(p)
	}
	return place
}

func (l *locator) first(p int32) domain.Place {
	if e, readable := l.extents[p]; readable {
		return domain.Place{Partition: p, Next: e.First}
	}
	return since(p, theBeginning)
}

func (l *locator) gap(p int32, reason domain.GapReason, lost int64) {
	l.gaps = append(l.gaps, domain.Gap{Reason: reason, Partition: p, Lost: lost})
}

// since is a pending place. Before the year 1970 there is nothing.
func since(p int32, t time.Time) domain.Place {
	if t.Before(theBeginning) {
		t = theBeginning
	}
	return domain.Place{Partition: p, Since: t}
}
