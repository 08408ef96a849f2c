package chaos

import (
	"context"
	"fmt"

	"culvert/tests/oracle"
)

// stranger is the number of a publisher who is none of the load.
const stranger = 1000

// inject injects messages of keys of their own through the bridge, other ones for those that are not acked, and gives those that were. A prefix is used once.
func (x *trial) inject(prefix string, n int) (acked []oracle.Note) {
	x.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), recovery)
	defer cancel()
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
