package subscribe

import (
	"sort"

	"culvert/domain"
)

// gather gives what the source holds past the track's place, and reports whether it is worth asking again at once.
func (t *track) gather() (again bool) {
	t.hook.wait()
	if err := t.prepare(); err != nil {
		t.s.fail(err)
		return false
	}
	switch {
	case t.arrival != nil:
		t.tellArrival()
		return true
	case t.source == nil:
		return false
	case t.until != nil && t.finished():
		t.release()
		return false
	case t.watching:
		return t.gatherKeys()
	}
	if t.plain() {
		return t.gatherPlain()
	}
	limit := t.s.room
	if t.conflates() {
		limit = unlimited
	}
	memory := t.s.memory
	got := t.source.take(memory.runs[:0], t.at, limit)
	switch {
	case got.fell && t.replay != nil:
		t.read(domain.StartVector(t.vector))
		return true
	case got.fell:
		t.fellOut()
		return true
	case len(got.spans) == 0:
		return t.rest(got)
	}
	memory.runs = got.spans
	conflated := t.conflates() && got.size > t.s.batchBytes
	for i, span := range got.spans {
		if conflated && (i == 0 || got.spans[i-1].Run.Gap != nil) {
			t.conflate(eventsOf(got.spans[i:]))
		}
		if !t.walk(span) {
			t.readWith(domain.StartVector(t.vector), nobody)
			break
		}
		t.at += uint64(span.To - span.From)
	}
	if t.seat != nil {
		t.replay.pace.moveTo(t.seat, t.at)
	}
	t.newest = nil
	t.s.room -= got.size
	if t.replay != nil && t.source != nil {
		t.splice()
	}
	// Where nothing more is to be done at the end of the log, the bell tells when there is more.
	return got.head == nil || got.ended != nil || t.own || t.replay != nil || t.s.filter.keys != nil
}

// plain reports whether this viewer is given just what the log has: all of it, as everybody sees it.
func (t *track) plain() bool {
	return !t.own && t.replay == nil && !t.s.several && t.s.left == 0 && !t.conflates() && t.s.filter.wantsAll()
}

// gatherPlain is gather for such a viewer. It costs the same however much that is.
func (t *track) gatherPlain() (again bool) {
	s := t.s
	got := t.source.take(s.memory.spans, t.at, s.room)
	switch had := len(s.memory.spans); {
	case got.fell:
		t.fellOut()
		return true
	case len(got.spans) == had:
		return t.rest(got)
	}
	s.memory.spans = got.spans
	t.at, t.vector = got.next, got.spans[len(got.spans)-1].Run.After
	s.room -= got.size
	s.unmarked = false
	return got.head == nil || got.ended != nil
}

// prepare does what had to wait for the broker.
func (t *track) prepare() error {
	if t.source == nil && !t.absent {
		if err := t.advance(); err != nil {
			return err
		}
		counted := t.given != nil && len(t.given.Places()) > 0
		if t.source != nil && !counted && !t.s.place(nil, nil).Fits() {
			return domain.Errorf(domain.TooManyRequests, "topic %q has joined, and the cursor of so many no longer fits %d bytes", t.topic, domain.MaxCursor)
		}
	}
	if t.until != nil {
		return t.until.hear()
	}
	return nil
}

// rest is what there is to do at the end of the source.
func (t *track) rest(got taken) (again bool) {
	if got.ended != nil {
		t.s.fail(got.ended)
		return false
	}
	if t.own && t.source.lacks(t.vector) {
		t.readWith(domain.StartVector(t.vector), nobody)
		return true
	}
	t.catchUp(got.head)
	if t.replay != nil {
		if t.splice() {
			return true
		}
		t.replay.more()
		return false
	}
	return !t.own && t.s.filter.keys != nil && t.watch()
}

// catchUp moves to the end of the source, of which all runs have been walked.
func (t *track) catchUp(head *domain.Vector) {
	if !t.own {
		t.vector = head
		return
	}
	if t.until != nil {
		t.vector = t.until.catchUp(t.vector, head)
		return
	}
	t.vector = later(t.vector, head)
	t.own = t.differs(head)
}

// later is the later place of both in each partition. One that v does not know begins at its first message, and not where a log will begin that cannot read it yet.
func later(v, head *domain.Vector) *domain.Vector {
	if v.Epoch != head.Epoch {
		return v
	}
	for _, place := range head.Places() {
		if had, ok := v.At(place.Partition); !place.Pending() && (!ok || had.Pending() || had.Next < place.Next) {
			v = v.With(place)
		}
	}
	return v
}

// walk moves over what the source has of one run. False says that the source lacks something before it that this viewer has not seen.
func (t *track) walk(span domain.Span) bool {
	run := span.Run
	anew := t.vector.Epoch != run.After.Epoch || again(run.Base, run.Gap)
	if !t.own || anew {
		if t.until != nil && anew {
			t.until.anew(run)
		}
		t.own = t.until != nil
		t.give(run, span.From, span.To, nil)
		t.vector = run.After
		return true
	}
	seen := t.vector.Next(run.Partition)
	if t.until != nil && t.until.over(run.Partition) {
		return true
	}
	base, ok := run.Base.At(run.Partition)
	if ok && !base.Pending() && base.Next > seen && !t.pending(run.Partition) && t.source.lacks(t.vector) {
		return false
	}
	after, _ := run.After.At(run.Partition)
	if after.Next <= seen && !t.pending(run.Partition) {
		t.own = t.differs(run.After)
		return true
	}
	if gap := run.Gap; gap != nil && run.Base.Next(run.Partition) < seen {
		// It has seen some of what is lost to the others.
		after := t.vector.With(after)
		t.tell(&domain.Gap{Reason: gap.Reason, Partition: gap.Partition, Lost: min(gap.Lost, after.Next(run.Partition)-seen)}, t.vector, after)
		t.vector = after
		t.own = t.differs(run.After)
		return true
	}
	before, from, to := t.vector, unseen(run, seen), run.Len()
	if t.until != nil {
		if to = t.until.cut(run, from); to < run.Len() {
			after, _ = run.VectorAt(to).At(run.Partition)
		}
	}
	if to > from || to == run.Len() {
		t.vector = t.vector.With(after)
	}
	t.give(run, from, to, before)
	t.own = t.differs(run.After)
	return true
}

// differs reports whether the track keeps a vector of its own where the source has v.
func (t *track) differs(v *domain.Vector) bool { return t.until != nil || !t.vector.Equal(v) }

func (t *track) pending(partition int32) bool {
	place, ok := t.vector.At(partition)
	return ok && place.Pending()
}

// unseen is the first event of the run that a viewer lacks who has seen all before offset seen.
func unseen(run *domain.Run, seen int64) int {
	return sort.Search(len(run.Messages), func(i int) bool { return run.Messages[i].Offset >= seen })
}

// give adds what matches of run, from event i up to end, to the batch. own is the viewer's vector before it, where that is not the run's.
func (t *track) give(run *domain.Run, i, end int, own *domain.Vector) {
	if !t.filtered() || run.Gap != nil {
		t.span(run, i, end, own)
		return
	}
	if own == nil && run.Thinned() {
		// The ids of the frames that everybody shares may be on messages that this viewer does not get.
		own = run.Base
	}
	for i < end {
		from := i
		for i < end && t.wants(run.Messages[i]) {
			i++
		}
		t.span(run, from, i, own)
		for i < end && !t.wants(run.Messages[i]) {
			t.s.unmarked = true
			i++
		}
	}
}

// filtered reports whether this viewer is not given everything.
func (t *track) filtered() bool { return t.newest != nil || !t.s.filter.wantsAll() }

func (t *track) wants(m *domain.Message) bool {
	return t.s.filter.wants(m) && (t.newest == nil || m.Key == nil || t.newest[string(m.Key)] == m)
}

// span adds events of run to the batch, as far as the limit lets them through.
func (t *track) span(run *domain.Run, from, to int, own *domain.Vector) {
	s := t.s
	if s.cut != nil || from >= to {
		return
	}
	span := domain.Span{Run: run, From: from, To: to}
	if own == nil && s.several {
		own = run.Base
		if run.Gap != nil {
			own = run.After // which may take away places of other partitions, too
		}
	}
	if own != nil {
		place := s.place(t, own)
		span.Own = &place
	}
	if run.Gap == nil && s.left > 0 {
		span.To = min(to, from+int(min(s.left, int64(run.Len()))))
		s.left -= int64(span.To - from)
		if s.left == 0 {
			cut := span.After(span.To - 1)
			s.cut = &cut
		}
	}
	s.memory.spans = append(s.memory.spans, span)
	s.unmarked = false
}
