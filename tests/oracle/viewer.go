package oracle

import "fmt"

// Viewer is one client that views the topic from before the first message on. It costs a few words for each publisher and key,
// whatever it is shown, so that a run can have many.
type Viewer struct {
	name string
	next map[series]int
	// missing are messages that later ones of their series overtook.
	missing map[Note]bool
	// order is a digest of what came with each key, to be the same for all viewers.
	order  map[string]uint64
	seen   int
	lost   int64 // by gaps
	open   bool  // a gap of unknown size
	faults []string
}

// Viewer makes a viewer called name.
func (o *Oracle) Viewer(name string) *Viewer {
	v := &Viewer{name: name, next: map[series]int{}, missing: map[Note]bool{}, order: map[string]uint64{}}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.viewers = append(o.viewers, v)
	return v
}

// Saw says that the viewer was shown a message.
func (v *Viewer) Saw(n Note) {
	next := v.next[n.series()]
	switch {
	case n.N >= next:
		for skipped := next; skipped < n.N; skipped++ {
			v.missing[Note{n.Publisher, n.Key, skipped}] = true
		}
		v.next[n.series()] = n.N + 1
	case v.missing[n]:
		delete(v.missing, n)
		v.fault("saw %v after number %d of its key", n, next-1)
	default:
		v.fault("saw %v twice", n)
		return
	}
	const prime = 1099511628211 // of FNV-1a, which this is in all but its width
	v.order[n.Key] = (v.order[n.Key] ^ uint64(n.Publisher)<<40 ^ uint64(n.N)) * prime
	v.seen++
}

// has reports whether the viewer was shown n.
func (v *Viewer) has(n Note) bool { return n.N < v.next[n.series()] && !v.missing[n] }

// Gap says that the viewer was told of a hole; lost is negative where its size was not told.
func (v *Viewer) Gap(lost int64) {
	if lost < 0 {
		v.open = true
		return
	}
	v.lost += lost
}

// Seen counts the messages that the viewer was shown.
func (v *Viewer) Seen() int { return v.seen }

func (v *Viewer) fault(format string, args ...any) {
	const most = 20
	if len(v.faults) < most {
		v.faults = append(v.faults, fmt.Sprintf("viewer %s "+format, append([]any{v.name}, args...)...))
	}
}

// judgeViewer wants every acked message once, or as many lost as gaps told of.
func (o *Oracle) judgeViewer(v *Viewer) {
	o.faults = append(o.faults, v.faults...)
	missing, example := int64(0), Note{}
	for n, f := range o.sent {
		if f.acked && !v.has(n) {
			missing, example = missing+1, n
		}
	}
	if missing > v.lost && !v.open {
		o.fault("viewer %s did not see %d messages, such as %v; gaps told of %d", v.name, missing, example, v.lost)
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
		if v.lost > 0 || v.open || v.seen == 0 {
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
