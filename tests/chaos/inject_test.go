package chaos

import (
	"context"
	"fmt"
	"strings"

	"culvert/tests/oracle"
)

// stranger is the number of a publisher who is none of the load, another one each time.
func (x *trial) stranger() int {
	const first = 10_000
	return first + int(x.strangers.Add(1))
}

// large begins the keys of messages that have large payloads.
const large = "large"

// payload is what carries n.
func payload(n oracle.Note) string {
	if !strings.HasPrefix(n.Key, large) {
		return n.String()
	}
	const size = 10_000
	return n.String() + " " + strings.Repeat("x", size)
}

// arrive waits until each viewer has seen these messages of a stranger, and the queue has settled them.
func (x *trial) arrive(notes []oracle.Note) {
	x.Helper()
	var lacking string
	if !x.until(recovery, func() bool {
		lacking = ""
		for _, v := range x.load.viewers {
			if missing := v.progress.misses(notes); missing > 0 {
				lacking += fmt.Sprintf("; %s lacks %d", v.name, missing)
			}
		}
		if missing := x.load.group.misses(notes); x.load.members > 0 && missing > 0 {
			lacking += fmt.Sprintf("; the queue lacks %d", missing)
		}
		return lacking == ""
	}) {
		x.Errorf("of %d messages some have not arrived%s", len(notes), lacking)
	}
}

// inject injects messages of keys of their own through the bridge, other ones for those that are not acked, and gives those that were.
func (x *trial) inject(prefix string, n int) (acked []oracle.Note) {
	x.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), recovery)
	defer cancel()
	stranger := x.stranger()
	for try := 0; len(acked) < n; try++ {
		var notes []oracle.Note
		for i := range n - len(acked) {
			notes = append(notes, oracle.Note{Publisher: stranger, Key: fmt.Sprintf("%s-%d", prefix, i), N: try})
		}
		for note, ok := range x.load.post(ctx, notes) {
			if ok {
				acked = append(acked, note)
			}
		}
		if ctx.Err() != nil {
			x.Fatalf("%d of %d messages were acked", len(acked), n)
		}
	}
	return acked
}
