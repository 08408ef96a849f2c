package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// Who comes back to a place that retention has passed is told how much it missed, to the number, and gets all that is left. Who asks for the beginning, a time, or the last
// messages has missed nothing: it gets what is left of them.
func TestRetentionPassesAStoredCursor(t *testing.T) {
	t.Parallel()
	for _, k := range keepers() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			storedCursor(t, k)
		})
	}
}

func storedCursor(t *testing.T, k keeper) {
	const total, size = 300, 200
	ctx := deadline(t)
	b, topic := k.start(t, k.small(40_000)...), k.topic(t)
	begun := time.Now()
	witness := overSSE(ctx, t, b, topic, "earliest", "")
	witness.ready("anew")
	inject(ctx, t, b, topic, 0, 10, size)
	all := witness.messages(10)
	cursor, places := all[7].Cursor, map[int32]int64{}
	for _, s := range all[:8] {
		places[s.Partition] = s.Offset + 1
	}
	for n := 10; n < total; n += 10 { // small batches, by which a log is cut off
		inject(ctx, t, b, topic, n, n+10, size)
		all = append(all, witness.messages(10)...)
	}
	k.cut(t, topic, 3)

	fresh := k.start(t, k.small(40_000)...) // has nothing in memory
	left := cutOff(ctx, t, fresh, topic, places)
	for _, e := range eachEdge(ctx, t, fresh, topic, "latest", cursor) {
		e.ready("resumed false retention")
		for _, p := range left {
			e.expect(fmt.Sprintf("gap of %d: retention %d", p.Partition, p.First-places[p.Partition]))
		}
		e.isFrom(all, left, func(p extent) int64 { return p.First })
	}
	for _, from := range []string{"earliest", "@" + begun.Add(-time.Minute).UTC().Format(time.RFC3339), "-1000000"} {
		for _, e := range eachEdge(ctx, t, fresh, topic, from, "") {
			e.ready("anew")
			e.isFrom(all, left, func(p extent) int64 { return p.First })
		}
	}
	for _, e := range eachEdge(ctx, t, fresh, topic, "-2", "") {
		e.ready("anew")
		e.isFrom(all, left, func(p extent) int64 { return p.End - 2 })
	}
}

// cutOff waits until retention has passed places, and come to rest.
func cutOff(ctx context.Context, t *testing.T, b *bridge.Bridge, topic string, places map[int32]int64) (left []extent) {
	t.Helper()
	brokers.Eventually(t, 20*time.Second, "retention has passed the places", func() bool {
		before := left
		left = extents(ctx, t, b, topic)
		passed := !slices.ContainsFunc(left, func(p extent) bool { return p.First <= places[p.Partition] })
		return passed && slices.Equal(before, left)
	})
	return left
}

// isFrom wants the viewer to see exactly those of all messages that stand at begin of their partition or behind it.
func (e eyes) isFrom(all []sight, left []extent, begin func(extent) int64) {
	e.t.Helper()
	begins := map[int32]int64{}
	for _, p := range left {
		begins[p.Partition] = begin(p)
	}
	var want []sight
	for _, s := range all {
		if s.Offset >= begins[s.Partition] {
			want = append(want, s)
		}
	}
	got := e.messages(len(want))
	if !maps.EqualFunc(byPartition(got), byPartition(want), slices.Equal) {
		e.t.Errorf("%s: saw %v, want %v", e.edge, byPartition(got), byPartition(want))
	}
}

// byPartition are messages with their offsets, in order.
func byPartition(seen []sight) map[int32][]string {
	by := map[int32][]string{}
	for _, s := range seen {
		by[s.Partition] = append(by[s.Partition], fmt.Sprint(s.Offset, " ", s))
	}
	return by
}

// A viewer that reads too slowly for what the bridge has in memory, and then for what the broker keeps, is told how much it missed, to the number, and gets all the
// rest: one that was live, and one that still read from the broker's log.
func TestRetentionPassesASlowViewer(t *testing.T) {
	t.Parallel()
	for _, k := range keepers() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			slowViewer(t, k)
		})
	}
}

func slowViewer(t *testing.T, k keeper) {
	// Much more than sockets hold.
	const total, size, batch = 1000, 16_000, 50
	ctx := deadline(t)
	b := k.start(t, append(k.small(5_000_000), "CULVERT_SUBSCRIBE_WINDOW_MESSAGES=100", "CULVERT_KAFKA_FETCH_PARTITION_BYTES=65536", "CULVERT_AMQP_READ_AHEAD=10",
		"CULVERT_SSE_WRITE_TIMEOUT=2m", "CULVERT_WS_WRITE_TIMEOUT=2m", "CULVERT_WS_PONG_WAIT=2m")...)
	topic := k.topic(t)
	witness := overSSE(ctx, t, b, topic, "latest", "")
	witness.ready("anew")
	var slow []eyes
	join := func(from string) {
		for _, e := range eachEdge(ctx, t, b, topic, from, "") {
			e.ready("anew")
			slow = append(slow, e)
		}
	}
	join("latest")
	var all []sight
	for n := 0; n < total; n += batch {
		if n == 4*batch { // memory has not all any more, the broker has
			join("earliest")
		}
		inject(ctx, t, b, topic, n, n+batch, size)
		all = append(all, witness.messages(batch)...)
	}
	k.cut(t, topic, 10)
	left := cutOff(ctx, t, b, topic, nil)
	for _, e := range slow {
		e.missesExactly(all, left)
	}
}

// missesExactly wants the viewer to see all messages but those that gaps tell of, which are none that are left.
func (e eyes) missesExactly(all []sight, left []extent) {
	e.t.Helper()
	firsts, places, gaps := map[int32]int64{}, map[int32]int64{}, 0
	for _, p := range left {
		firsts[p.Partition] = p.First
	}
	due := map[int32][]sight{}
	for _, s := range all {
		due[s.Partition] = append(due[s.Partition], s)
	}
	for len(due) > 0 {
		s := e.look()
		p := s.Partition
		if s.Op == "gap" {
			gaps++
			if s.Reason != "retention" || s.Lost == nil || *s.Lost < 1 || places[p]+*s.Lost > firsts[p] {
				e.t.Fatalf("%s: at %d of a partition of which all is there from %d on: %v", e.edge, places[p], firsts[p], s)
			}
			places[p] += *s.Lost
			for due[p][0].Offset < places[p] {
				due[p] = due[p][1:]
			}
			continue
		}
		if want := due[p][0]; s.Op != "msg" || s.Offset != want.Offset || s.String() != want.String() {
			e.t.Fatalf("%s: got %v, want %v at %d", e.edge, s, want, want.Offset)
		}
		places[p] = s.Offset + 1
		if due[p] = due[p][1:]; len(due[p]) == 0 {
			delete(due, p)
		}
	}
	if gaps == 0 {
		e.t.Errorf("%s: nothing was missed, so that this test says nothing", e.edge)
	}
}
