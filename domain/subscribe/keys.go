package subscribe

import (
	"iter"
	"math"

	"culvert/domain"
)

// unlimited takes all that a log has.
const unlimited = math.MaxInt

// watch lets the live log find what this viewer's keys match, so that it need not look at anything else.
func (t *track) watch() bool {
	if t.until != nil || !t.live.watch(t.at, t.s.filter.list) {
		return false
	}
	t.hook.takeDown()
	t.watching = true
	t.hook = t.live.bells.hang(t.s.bell, t.s.filter.list)
	return true
}

// gatherKeys is gather for a viewer who watches keys.
func (t *track) gatherKeys() (again bool) {
	limit := t.s.room
	if t.conflates() {
		limit = unlimited
	}
	hits, next, got := t.live.takeKeys(t.at, t.s.filter.list, limit)
	if got.fell {
		t.fellOut()
		return true
	}
	for i := 0; i < len(hits); {
		if t.conflates() && (i == 0 || hits[i-1].run.Gap != nil) {
			t.conflate(eventsOfHits(hits[i:]))
		}
		run, from := hits[i].run, hits[i].i
		to := from
		for ; i < len(hits) && hits[i].run == run && hits[i].i == to; i++ {
			to++
		}
		t.give(run, from, to, nil)
		if run.Gap == nil {
			for _, m := range run.Messages[from:to] {
				t.s.room -= m.Size()
			}
		}
		t.vector = run.After
	}
	t.at, t.newest = next, nil
	switch {
	case got.head == nil:
		return true
	case got.ended != nil && len(hits) == 0:
		t.s.fail(got.ended)
	case !t.vector.Equal(got.head):
		t.vector = got.head
		t.s.unmarked = true
	}
	return false
}

// eventsOfHits are the messages of hits, and nothing in place of a gap.
func eventsOfHits(hits []hit) iter.Seq2[*domain.Run, *domain.Message] {
	return func(yield func(*domain.Run, *domain.Message) bool) {
		for _, h := range hits {
			var m *domain.Message
			if h.run.Gap == nil {
				m = h.run.Messages[h.i]
			}
			if !yield(h.run, m) {
				return
			}
		}
	}
}
