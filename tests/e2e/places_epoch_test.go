package e2e

import (
	"fmt"
	"testing"

	"culvert/tests/bridge"
)

// A topic that is deleted and made anew is another one: who views it, and who comes back to a place in the old one, is told so, and sees the new one from its first
// message, be it shorter or longer than the old one was.
func TestATopicMadeAnew(t *testing.T) {
	t.Parallel()
	for _, k := range keepers() {
		for name, size := range map[string]int{"shorter": 2, "longer": 40} {
			t.Run(k.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				madeAnew(t, k, size)
			})
		}
	}
}

func madeAnew(t *testing.T, k keeper, size int) {
	ctx := deadline(t)
	b, other, topic := k.start(t), k.start(t), k.topic(t)
	const old = 12
	inject(ctx, t, b, topic, 0, old, 0)
	viewers := eachEdge(ctx, t, b, topic, "earliest", "")
	var cursors []string
	for _, e := range viewers {
		e.ready("anew")
		seen := e.messages(old)
		isAll(t, e.edge, seen, 0, old)
		cursors = append(cursors, seen[old/2].Cursor, seen[old-1].Cursor)
	}

	k.remake(t, topic)
	inject(ctx, t, b, topic, 0, size, 0)
	for _, e := range viewers {
		e.expectEpoch()
		isAll(t, e.edge, e.messages(size), 0, size)
	}
	// The first node has seen what happened, the other one has nothing but the cursors.
	for _, node := range []*bridge.Bridge{b, other} {
		for _, cursor := range cursors {
			for _, e := range eachEdge(ctx, t, node, topic, "latest", cursor) {
				e.ready("resumed false epoch")
				for range k.partitions {
					e.expectEpoch()
				}
				isAll(t, e.edge, e.messages(size), 0, size)
			}
		}
	}
	inject(ctx, t, other, topic, size, size+10, 0)
	for _, e := range viewers {
		isAll(t, e.edge, e.messages(10), size, size+10)
	}
}

// expectEpoch wants to be told that a topic was made anew.
func (e eyes) expectEpoch() {
	e.t.Helper()
	if gap := e.look(); gap.String() != fmt.Sprintf("gap of %d: epoch null", gap.Partition) {
		e.t.Fatalf("%s: got %q, want a gap of an epoch", e.edge, gap)
	}
}
