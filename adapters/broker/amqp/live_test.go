package amqp

import (
	"fmt"
	"testing"

	"culvert/domain"
)

func TestALiveReaderThatTakesNothingLosesTheOldest(t *testing.T) {
	q := &liveQueue{news: make(chan struct{}, 1)}
	r := &liveReader{queue: q}
	const n, size = 100, 1 << 20
	for i := range n {
		q.push(&domain.Message{Key: fmt.Append(nil, i), Payload: make([]byte, size)})
	}
	batch, lost, err := q.take(t.Context())
	if err != nil || len(batch) == 0 || len(batch) > liveBytes/size || int(lost)+len(batch) != n {
		t.Fatalf("of %d messages %d are there and %d lost (%v)", n, len(batch), lost, err)
	}
	c := r.chunk(batch, lost)
	if c.Gap == nil || c.Gap.Reason != domain.GapOverflow || c.Gap.Lost != lost || c.Next != n {
		t.Errorf("that is told as %+v", c.Gap)
	}
	for _, m := range c.Messages {
		if string(m.Key) != fmt.Sprint(m.Offset) {
			t.Fatalf("message %s stands at %d", m.Key, m.Offset)
		}
	}
	q.push(&domain.Message{})
	if batch, lost, _ = q.take(t.Context()); len(batch) != 1 || lost != 0 || r.chunk(batch, lost).Messages[0].Offset != n {
		t.Errorf("then come %d messages, %d lost", len(batch), lost)
	}
}
