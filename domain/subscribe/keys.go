package subscribe

import "math"

// unlimited takes all that a log has.
const unlimited = math.MaxInt

// watch lets the live log find what this viewer's keys match, so that it need not look at anything else.
func (t *track) watch() bool {
	if t.until != nil || !t.live.watch(t.at, t.s.filter.list) {
		return false
	}
	t.hook.takeDown()
	t.watching = true
	t.hook = t.live.bells.hang(&t.s.bell, t.s.filter.list)
	return true
}

// gatherKeys is gather for a viewer who watches keys.
func (t *track) gatherKeys() (again bool) {
	limit := t.s.room
	if t.conflates() {
		limit = unlimited
	}
	memory := t.s.memory
	got := t.live.takeKeys(memory.runs[:0], t.at, t.s.filter.list, limit)
	if got.fell {
		t.fellOut()
		return true
	}
	memory.runs = got.spans
	for i, span := range got.spans {
		if t.conflates() && (i == 0 || got.spans[i-1].Run.Gap != nil) {
			t.conflate(eventsOf(got.spans[i:]))
		}
		t.give(span.Run, span.From, span.To, nil)
		t.vector = span.Run.After
	}
	t.s.room -= got.size
	t.at, t.newest = got.next, nil
	switch {
	case got.head == nil:
		return true
	case got.ended != nil && len(got.spans) == 0:
		t.s.fail(got.ended)
	case !t.vector.Equal(got.head):
		t.vector = got.head
		t.s.unmarked = true
	}
	return got.ended != nil && t.s.over == nil
}
