package oracle

import "fmt"

// Viewer is one client that views the topic from before the first message on. It costs a few words for each publisher and key,
// whatever it is shown, so that a run can have many.
type Viewer struct {
	name string
	next map[series]int
	// missing are messages that later ones of their series overtook: true where a gap was told in between.
	missing map[Note]bool
	// late are messages that came after later ones of their series.
	late []Note
	// gaps counts the gaps told so far, and told those that each series has had a message behind.
	gaps int
	told map[series]int
	// order is a digest of what came with each key, to be the same for all viewers.
	order  map[string]uint64
	seen   int
	lost   int64 // by gaps
	open   bool  // a gap of unknown size
	faults []string
}

// Viewer makes a viewer called name.
func (o *Oracle) Viewer(name string) *Viewer {
	v := &Viewer{name: name, next: map[series]int{}, missing: map[Note]bool{}, told: map[series]int{}, order: map[string]uint64{}}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.viewers = append(o.viewers, v)
	return v
}

// Saw says that the viewer was shown a message.
func (v *Viewer) Saw(n Note) {
	of := n.series()
	_, overtaken := v.missing[n]
	switch {
	case n.N >= v.next[of]:
		for skipped := v.next[of]; skipped < n.N; skipped++ {
			v.missing[Note{n.Publisher, n.Key, skipped}] = v.told[of] < v.gaps
		}
		v.next[of] = n.N + 1
	case overtaken:
		delete(v.missing, n)
		v.late = append(v.late, n)
	default:
		v.fault("saw %v twice", n)
		return
	}
	v.told[of] = v.gaps
	const prime = 1099511628211 // of FNV-1a, which this is in all but its width
	v.order[n.Key] = (v.order[n.Key] ^ uint64(n.Publisher)<<40 ^ uint64(n.N)) * prime
	v.seen++
}

// Gap says that the viewer was told of a hole; lost is negative where its size was not told.
func (v *Viewer) Gap(lost int64) {
	v.gaps++
	if lost < 0 {
		v.open = true
		return
	}
	v.lost += lost
}

// Gaps counts the holes that the viewer was told of.
func (v *Viewer) Gaps() int { return v.gaps }

// Seen counts the messages that the viewer was shown.
func (v *Viewer) Seen() int { return v.seen }

func (v *Viewer) fault(format string, args ...any) {
	const most = 20
	if len(v.faults) < most {
		v.faults = append(v.faults, fmt.Sprintf("viewer %s "+format, append([]any{v.name}, args...)...))
	}
}

// lacks reports whether the viewer was not shown n, and whether a gap stands where it was to be.
func (v *Viewer) lacks(n Note) (lacks, told bool) {
	of := n.series()
	if n.N >= v.next[of] {
		return true, v.told[of] < v.gaps
	}
	told, lacks = v.missing[n]
	return lacks, told
}

// judgeViewer wants every acked message once and in its key's order, or a gap where it was to be, no more of them missing than the gaps told of, and no gap that tells of more than
// was sent and not seen.
func (o *Oracle) judgeViewer(v *Viewer) {
	o.faults = append(o.faults, v.faults...)
	silent, announced, unseen, example := 0, int64(0), int64(0), Note{}
	for n, f := range o.sent {
		lacks, told := v.lacks(n)
		if lacks {
			unseen++
		}
		switch {
		case !f.acked:
		case lacks && told && !f.kept:
			announced++
		case lacks:
			silent, example = silent+1, n
		}
	}
	if silent > 0 {
		o.fault("viewer %s did not see %d messages, such as %v, where no gap was told", v.name, silent, example)
	}
	if announced > v.lost && !v.open {
		o.fault("viewer %s did not see %d messages; gaps told of %d", v.name, announced, v.lost)
	}
	if v.lost > unseen+o.own {
		o.fault("viewer %s was told of gaps of %d messages; there are only %d that it did not see", v.name, v.lost, unseen)
	}
	for _, n := range v.late {
		if f := o.sent[n]; f != nil && f.acked { // what was not acked may come whenever it likes
			o.fault("viewer %s saw %v after later ones of its key", v.name, n)
		}
	}
	for of, next := range v.next {
		if last := (Note{of.publisher, of.key, next - 1}); o.sent[last] == nil {
			o.fault("viewer %s saw %v, which nobody sent", v.name, last)
		}
	}
}

// judgeAgreement wants the messages of each key in one order for all viewers that missed nothing.
func (o *Oracle) judgeAgreement() {
	var first *Viewer
	for _, v := range o.viewers {
		if v.gaps > 0 || v.seen == 0 {
			continue
		}
		if first == nil {
			first = v
			continue
		}
		for _, key := range keys(first.order) {
			if v.order[key] != first.order[key] {
				o.fault("viewers %s and %s saw key %s in different orders", first.name, v.name, key)
			}
		}
	}
}
