package oracle

import (
	"fmt"
	"hash/fnv"
)

// Viewer is one client that views the topic from before the first message on.
type Viewer struct {
	name string
	seen map[Note]int
	next map[series]int
	// order is a digest of the publishers and numbers that came with each key, to be the same for all viewers.
	order  map[string]uint64
	lost   int64 // by gaps
	open   bool  // a gap of unknown size
	faults []string
}

// Viewer makes a viewer called name.
func (o *Oracle) Viewer(name string) *Viewer {
	v := &Viewer{name: name, seen: map[Note]int{}, next: map[series]int{}, order: map[string]uint64{}}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.viewers = append(o.viewers, v)
	return v
}

// Saw says that the viewer was shown a message.
func (v *Viewer) Saw(n Note) {
	v.seen[n]++
	if v.seen[n] > 1 {
		v.fault("saw %v %d times", n, v.seen[n])
		return
	}
	if want := v.next[n.series()]; n.N < want {
		v.fault("saw %v after number %d of its key", n, want-1)
	}
	v.next[n.series()] = n.N + 1
	digest := fnv.New64a()
	fmt.Fprintf(digest, "%x %d %d", v.order[n.Key], n.Publisher, n.N)
	v.order[n.Key] = digest.Sum64()
}

// Gap says that the viewer was told of a hole; lost is negative where its size was not told.
func (v *Viewer) Gap(lost int64) {
	if lost < 0 {
		v.open = true
		return
	}
	v.lost += lost
}

// Seen counts the messages that the viewer was shown.
func (v *Viewer) Seen() int { return len(v.seen) }

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
		if f.acked && v.seen[n] == 0 {
			missing, example = missing+1, n
		}
	}
	if missing > v.lost && !v.open {
		o.fault("viewer %s did not see %d messages, such as %v; gaps told of %d", v.name, missing, example, v.lost)
	}
	for n := range v.seen {
		if o.sent[n] == nil {
			o.fault("viewer %s saw %v, which nobody sent", v.name, n)
		}
	}
}

// judgeAgreement wants the messages of each key in one order for all viewers that missed nothing.
func (o *Oracle) judgeAgreement() {
	var first *Viewer
	for _, v := range o.viewers {
		if v.lost > 0 || v.open || len(v.seen) == 0 {
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
