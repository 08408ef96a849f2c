package kafka_test

import (
	"fmt"
	"slices"
	"testing"

	"culvert/domain"
	"culvert/tests/brokers"
)

// Apache's tool takes the end of what is written for the latest, also while a transaction is open there: a place that is after all that readers see. A queue that was moved there was taken for one of
// a topic made anew: its next member was told of a gap and given everything again.
func TestAQueueStandsInATransactionThatIsOpen(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	join(t, b, topic, "workers", nil).leave()
	mustPublish(t, b, topic, numbers(0, 5)...)
	p := brokers.StartTransactions(t, cluster)
	p.Begin()
	p.Send(string(topic), 0, "k", "in it")
	mustPublish(t, b, topic, "behind it")
	const end, written = 5, 7
	brokers.ConsumerGroupCommand(t, cluster, "--reset-offsets", "--to-latest", "--execute", "--group", string(topic)+".workers", "--topic", string(topic))

	want := []domain.Committed{{Extent: domain.Extent{End: end}, Place: written}}
	behind := progress(t, b, topic, "workers")
	if behind.Lag != 0 || !slices.Equal(behind.Partitions, want) {
		t.Errorf("the progress is %+v, want no lag and %+v", behind, want)
	}
	expectQueues(t, b, topic, domain.QueueInfo{Queue: "workers"})
	looker := tail(t, b, topic, behind.Start())
	m := join(t, b, topic, "workers", nil)
	m.leave()
	if got := committed(t, cluster, string(topic)+".workers", topic); got != written {
		t.Errorf("a member came and went, and the place is %d, want %d", got, written)
	}

	// Our own reset goes where readers are, or to the place that it was.
	if moved := move(t, b, topic, "workers", domain.StartLatest()); moved[0].Place != end {
		t.Errorf("the latest is %+v, want %d", moved, end)
	}
	if moved := move(t, b, topic, "workers", behind.Start()); !slices.Equal(moved, want) {
		t.Errorf("the queue was moved to %+v, want %+v", moved, want)
	}
	beyond := domain.StartVector(domain.NewVector(behind.Epoch, domain.Place{Next: written + 1}))
	if _, err := b.Move(t.Context(), topic, "workers", beyond); domain.CodeOf(err) != domain.InvalidCursor {
		t.Errorf("beyond what is written: %v, want invalid-cursor", err)
	}

	again := join(t, b, topic, "workers", nil)
	p.Commit() // its marker is message 7
	mustPublish(t, b, topic, "after it")
	looker.messagesAre(t, "after it")
	if got := payloads(again.given(t, 1)); fmt.Sprint(got) != fmt.Sprint([]string{"after it"}) {
		t.Errorf("the queue was given %q, want what is behind its place", got)
	}
	if gaps := slices.Concat(m.gaps, again.gaps, looker.gaps, looker.opening.Gaps); len(gaps) > 0 {
		t.Errorf("a place in a transaction that is open is told as the gaps %v", gaps)
	}
}

// What is beyond all that is written was never of this log.
func TestAPlaceBeyondWhatIsWrittenIsOfAnotherEpoch(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	mustPublish(t, b, topic, numbers(0, 5)...)
	commitBehindOurBack(t, cluster, string(topic)+".workers", topic, 6)
	want := domain.Committed{Extent: domain.Extent{End: 5}, Place: domain.NoPlace}
	if p := progress(t, b, topic, "workers"); p.Lag != 5 || p.Partitions[0] != want {
		t.Errorf("the progress is %+v, want %+v", p, want)
	}
	m := join(t, b, topic, "workers", nil)
	m.given(t, 5)
	if len(m.gaps) != 1 || m.gaps[0].Reason != domain.GapEpoch {
		t.Errorf("the next member was told %v, want one gap of the epoch", m.gaps)
	}
}
