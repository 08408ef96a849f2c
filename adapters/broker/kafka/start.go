package kafka

import (
	"cmp"
	"context"
	"slices"
	"time"

	"culvert/domain"
)

// promptly is how long a leader may take to tell of its partitions once another one has: then they count as pending.
const promptly = 2 * time.Second

// locate finds where from begins in every partition of topic, and the holes between that and what there is. Partitions without a leader, or whose leader does not answer while others
// do, are pending, unless from knows their offset.
func (b *Broker) locate(ctx context.Context, topic domain.Topic, shape topology, from domain.Start) ([]domain.Place, []domain.Gap, error) {
	type answer struct {
		locator
		places []domain.Place
		err    error
	}
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	led := shape.byLeader()
	now, answers := time.Now(), make(chan answer, len(led))
	for _, partitions := range led {
		go func() { // ends with its answer, which ctx ends
			a := answer{locator: locator{shape: shape, now: now}}
			a.places, a.err = b.locateLed(ctx, topic, &a.locator, partitions, from)
			answers <- a
		}()
	}
	all := locator{shape: shape, now: now}
	found := make(map[int32]domain.Place, len(shape.leaders))
	var failed error
	for range led {
		a := <-answers
		if a.err != nil {
			failed = a.err
			continue
		}
		if len(found) == 0 {
			defer time.AfterFunc(promptly, giveUp).Stop()
		}
		for _, p := range a.places {
			found[p.Partition] = p
		}
		all.gaps = append(all.gaps, a.gaps...)
	}
	if len(found) == 0 && failed != nil {
		return nil, nil, failed
	}
	places := make([]domain.Place, 0, len(shape.leaders))
	for _, p := range shape.partitions() {
		place, ok := found[p]
		if !ok {
			place = all.ask(from, p)
		}
		places = append(places, place)
	}
	slices.SortFunc(all.gaps, func(a, b domain.Gap) int { return cmp.Compare(a.Partition, b.Partition) })
	return places, all.gaps, nil
}

// locateLed is locate for partitions that have leaders, of which all must answer.
func (b *Broker) locateLed(ctx context.Context, topic domain.Topic, l *locator, partitions []int32, from domain.Start) ([]domain.Place, error) {
	extents, err := b.extents(ctx, topic, partitions)
	if err != nil {
		return nil, err
	}
	l.extents = extents
	if l.written, err = b.written(ctx, topic, l.ahead(from)); err != nil {
		return nil, err
	}
	places, queries := make([]domain.Place, len(partitions)), make(map[int32]int64)
	for i, p := range partitions {
		places[i] = l.ask(from, p)
		if places[i].Pending() {
			queries[p] = timeQuery(places[i])
		}
	}
	found, err := b.offsets(ctx, topic, queries)
	if err != nil {
		return nil, err
	}
	for i, p := range partitions {
		if offset, ok := found[p]; ok {
			places[i] = at(extents[p], offset)
		}
	}
	return places, nil
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
	extents map[int32]domain.Extent // of partitions that can be read
	written map[int32]int64         // how far those are written in which the start is ahead
	now     time.Time
	gaps    []domain.Gap
}

// ahead are the partitions in which from is after the end of what is committed.
func (l *locator) ahead(from domain.Start) []int32 {
	var ahead []int32
	if v := from.Vector(); v != nil {
		for p, e := range l.extents {
			if v.Next(p) > e.End {
				ahead = append(ahead, p)
			}
		}
	}
	return ahead
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
	case readable && place.Next > max(e.End, l.written[p]):
		// What is written never goes back in one epoch, so that is another log under the same name.
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
