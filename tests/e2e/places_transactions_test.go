package e2e

import (
	"testing"
	"time"

	"culvert/tests/brokers"
)

// What Apache's own client aborts is never shown, and no gap. What is in an open transaction, and behind it, waits until that is over.
func TestTransactions(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	k, cluster, topic := kafka(), brokers.Kafka(t), brokers.Topic(t)
	brokers.CreateTopic(t, cluster, topic, 1)
	b := k.start(t)
	p := brokers.StartTransactions(t, cluster)
	viewers := eachEdge(ctx, t, b, topic, "latest", "")
	for _, e := range viewers {
		e.ready("anew")
	}

	p.Begin()
	p.Send(topic, 0, "k", "aborted 0")
	p.Send(topic, 0, "k", "aborted 1")
	p.Abort()
	p.Begin()
	p.Send(topic, 0, "k", "committed 0")
	p.Commit()
	p.Begin()
	p.Send(topic, 0, "k", "aborted 2")
	p.Abort()
	// Offsets 0 to 6 are two messages, a marker, a message, a marker, a message, a marker.
	var cursors []string
	for _, e := range viewers {
		cursors = append(cursors, e.expect("committed 0").Cursor)
	}
	brokers.Eventually(t, 30*time.Second, "the topic ends behind its last marker, which comes after the answer", func() bool {
		return extents(ctx, t, b, topic)[0].End == 7
	})
	fresh := k.start(t)
	late := append(eachEdge(ctx, t, fresh, topic, "latest", ""), eachEdge(ctx, t, fresh, topic, "-1", "")...)
	for _, e := range late { // at the end, or at a marker
		e.ready("anew")
	}
	for _, cursor := range cursors {
		for _, e := range eachEdge(ctx, t, fresh, topic, "latest", cursor) {
			e.ready("resumed true")
			late = append(late, e)
		}
	}

	// A view of what is there ends, though nothing comes behind the last marker.
	for _, e := range eachEdge(ctx, t, fresh, topic, "earliest", "", "to", "latest") {
		e.ready("anew")
		e.expect("committed 0", "bye end")
	}
	for _, e := range eachEdge(ctx, t, fresh, topic, "latest", cursors[0], "to", "latest") {
		e.ready("resumed true")
		e.expect("bye end")
	}

	p.Begin()
	p.Send(topic, 0, "k", "open 0")
	post(ctx, t, b, topic, "behind it")
	p.Send(topic, 0, "k", "open 1")
	for _, e := range eachEdge(ctx, t, fresh, topic, "earliest", "") {
		e.ready("anew")
		e.expect("committed 0")
		viewers = append(viewers, e)
	}
	for _, e := range eachEdge(ctx, t, fresh, topic, "earliest", "", "to", "latest") { // what is open is not there yet
		e.ready("anew")
		e.expect("committed 0", "bye end")
	}
	if end := extents(ctx, t, b, topic)[0].End; end != 7 {
		t.Errorf("the topic ends at %d while a transaction is open, want 7", end)
	}
	p.Commit()
	for _, e := range append(viewers, late...) {
		e.expect("open 0", "behind it", "open 1")
	}
}
