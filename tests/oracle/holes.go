package oracle

import "sort"

// hole is a place in what a member was given at which something may be missing.
type hole struct {
	at    int    // how many messages came before it
	told  bool   // by a gap; else the member was away, and others may have been told
	where string // what the gap is of
	lost  int64  // negative where its size was not told
}

// Gap says that the member was told of a hole in the queue; where is what the same hole is known by when other members are told of it too, such as its partition. lost is negative where
// its size was not told.
func (m *Member) Gap(where string, lost int64) {
	m.holes = append(m.holes, hole{len(m.got), true, where, lost})
}

// Away says that the member was cut off from the queue: what was told meanwhile, others were told.
func (m *Member) Away() { m.holes = append(m.holes, hole{at: len(m.got)}) }

// told counts the holes that the member was told of.
func (m *Member) told() (n int) {
	for _, h := range m.holes {
		if h.told {
			n++
		}
	}
	return n
}

// lost is how many messages the gaps told of, and whether all of them told. All members that are there are told of the same holes, so of each place the most that one of them was told counts.
func lost(members []*Member) (sum int64, known bool) {
	most := map[string]int64{}
	for _, m := range members {
		mine := map[string]int64{}
		for _, h := range m.holes {
			if h.told && h.lost < 0 {
				return 0, false
			}
			mine[h.where] += h.lost
		}
		for where, n := range mine {
			most[where] = max(most[where], n)
		}
	}
	for _, n := range most {
		sum += n
	}
	return sum, true
}

// tale is what one member was given of each series, and is not missing: by number, with the place at which it first came.
type tale struct {
	early bool // gaps may be told early
	holes []hole
	given map[series][]step
}

type step struct{ number, at int }

type telling []tale

func tales(members []*Member, missing map[Note]bool, early bool) telling {
	all := make(telling, 0, len(members))
	for _, m := range members {
		t := tale{early, m.holes, map[series][]step{}}
		mine := map[Note]bool{}
		for i, n := range m.got {
			if !mine[n.Note] && !missing[n.Note] {
				mine[n.Note] = true
				t.given[n.series()] = append(t.given[n.series()], step{n.N, i})
			}
		}
		for _, steps := range t.given {
			sort.Slice(steps, func(i, j int) bool { return steps[i].number < steps[j].number })
		}
		all = append(all, t)
	}
	return all
}

// cover reports whether a member was told of a gap where n was to be, and none who was there all the time went on past it without.
func (all telling) cover(n Note) bool {
	covered := false
	for _, t := range all {
		told, excused := t.between(n)
		if !excused {
			return false
		}
		covered = covered || told
	}
	return covered
}

// between looks at what stands between the neighbours of n that the member was given: told says that a gap does, excused that nothing has to, or something does.
func (t tale) between(n Note) (told, excused bool) {
	steps := t.given[n.series()]
	i := sort.Search(len(steps), func(i int) bool { return steps[i].number > n.N })
	first, last := -1, int(^uint(0)>>1)
	if i > 0 {
		first = steps[i-1].at
	}
	if i < len(steps) {
		last = steps[i].at
	}
	excused = i == 0 || i == len(steps)
	for _, h := range t.holes {
		if (h.at > first || t.early && h.told) && h.at <= last {
			told, excused = told || h.told, true
		}
	}
	return told, excused
}
