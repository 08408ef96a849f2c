package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"culvert/tests/brokers"
)

// What compaction takes away leaves no gap: who comes back to a place before it gets what is left, and deletions as such. The last N are offsets, whatever is left of them.
func TestACompactedTopic(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	k, topic := kafka(), brokers.Topic(t)
	brokers.CreateTopic(t, brokers.Kafka(t), topic, 1, "cleanup.policy", "compact", "segment.ms", "100", "min.cleanable.dirty.ratio", "0.001", "min.compaction.lag.ms", "0")
	b := k.start(t)
	inject(ctx, t, b, topic, 0, 30, 0) // of five keys
	wantStatus(ctx, t, request{method: "POST", url: b.URL + "/v1/topics/" + topic + "/messages", header: map[string]string{"Culvert-Key": "k1", "Culvert-Tombstone": "1"}}, 200, "")
	first := overSSE(ctx, t, b, topic, "earliest", "")
	first.ready("anew")
	cursor := first.messages(3)[2].Cursor

	fresh := k.start(t) // has nothing in memory
	var end int64
	brokers.Eventually(t, 60*time.Second, "the topic is compacted", func() bool {
		post(ctx, t, b, topic, "last") // what comes after a segment closes it, and the last one is never compacted
		end = extents(ctx, t, b, topic)[0].End
		own, cancel := context.WithCancel(ctx)
		defer cancel()
		e := overSSE(own, t, fresh, topic, "earliest", "")
		e.ready("anew")
		return fmt.Sprint(e.lasting(end)) == "[m25 m27 m28 m29 k1 deleted]"
	})
	for _, e := range eachEdge(ctx, t, fresh, topic, "latest", cursor) {
		e.ready("resumed true")
		if got := fmt.Sprint(e.lasting(end)); got != "[m25 m27 m28 m29 k1 deleted]" {
			t.Errorf("%s: from a place before what was compacted came %s", e.edge, got)
		}
	}
	for _, e := range eachEdge(ctx, t, fresh, topic, fmt.Sprint(26-end), "") { // begins where m26 was
		e.ready("anew")
		if got := fmt.Sprint(e.lasting(end)); got != "[m27 m28 m29 k1 deleted]" {
			t.Errorf("%s: of the last %d offsets came %s", e.edge, end-26, got)
		}
	}
	plain := view(ctx, t, fresh, topic, "", cursor)
	for {
		e, err := plain.Next()
		if err != nil || e.Type == "gap" {
			t.Fatalf("waiting for a deletion: %+v, %v", e, err)
		}
		if e.Type == "delete" {
			if e.Data != "k1" {
				t.Errorf("a deletion of %q", e.Data)
			}
			return
		}
	}
}

// lasting reads a partition to its end, and gives the messages but for "last", of which compaction may take more at any time.
func (e eyes) lasting(end int64) (seen []sight) {
	e.t.Helper()
	for {
		s := e.messages(1)[0]
		if s.String() != "last" {
			seen = append(seen, s)
		}
		if s.Offset == end-1 {
			return seen
		}
	}
}
