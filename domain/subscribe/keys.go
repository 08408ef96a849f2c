package subscribe

import "math"

// unlimited takes all that a log has.
const unlimited = math.MaxInt

// watch lets the live log find what this viewer's keys match, so that it need not look at anything else.
func (t *track) watch() bool {
	if t.until != nil || !t.live.watch(t.at, t.s.filter.list) {
		return false
	}
	t.takeDown()
	t.watching = true
	t.takeDown = t.live.bells.hang(t.s.bell, t.s.filter.list)
	return true
}

// gatherKeys is gather for a viewer who watches keys.
func (t *track) gatherKeys() (again bool) {
	hits, next, got := t.live.takeKeys(t.at, t.s.filter.list, t.s.room)
	if got.fell {
		t.fellOut()
		return true
	}
	for i := 0; i < len(hits); {
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
	t.at = next
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
