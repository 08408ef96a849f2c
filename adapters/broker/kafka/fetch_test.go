package kafka

import (
	"context"
	"testing"

	"culvert/domain"
)

func TestAPieceIsOfABoundedSizeAndNeverEmpty(t *testing.T) {
	of := func(count, size int) []*domain.Message {
		messages := make([]*domain.Message, count)
		for i := range messages {
			messages[i] = &domain.Message{Payload: make([]byte, size)}
		}
		return messages
	}
	small := of(1, 100)[0].Size()
	for _, c := range []struct {
		messages []*domain.Message
		want     int
	}{
		{of(1, 100), 1},
		{of(10, 100), 10},
		{of(10_000, 100), pieceBytes / small},
		{of(2, 2*pieceBytes), 1},
		{append(of(1, 100), of(1, 2*pieceBytes)...), 1},
	} {
		if got := piece(c.messages); got != c.want {
			t.Errorf("of %d messages, the first of %d bytes, %d make a piece, want %d", len(c.messages), c.messages[0].Size(), got, c.want)
		}
	}
}

func TestWhatIsReadIsEmittedInPiecesThatLeadToItsEnd(t *testing.T) {
	var chunks []domain.Chunk
	f := &fetcher{places: map[int32]int64{3: 100}, emit: func(_ context.Context, c domain.Chunk) error {
		chunks = append(chunks, c)
		return nil
	}}
	var messages []*domain.Message
	for offset := int64(100); offset < 5000; offset += 2 { // every other one was compacted
		messages = append(messages, &domain.Message{Payload: make([]byte, 200), Position: domain.Position{Partition: 3, Offset: offset}})
	}
	if err := f.give(t.Context(), 3, messages, 5100); err != nil {
		t.Fatal(err)
	}
	at, next := 0, int64(100)
	for _, c := range chunks {
		if c.Partition != 3 || c.Next <= next {
			t.Errorf("a chunk of partition %d leads from %d to %d", c.Partition, next, c.Next)
		}
		for _, m := range c.Messages {
			if m != messages[at] || m.Offset < next || m.Offset >= c.Next {
				t.Fatalf("message %d has offset %d, in a chunk from %d to %d", at, m.Offset, next, c.Next)
			}
			at++
		}
		next = c.Next
	}
	if len(chunks) < 2 || at != len(messages) || next != 5100 || f.places[3] != 5100 {
		t.Errorf("%d chunks with %d of %d messages lead to %d", len(chunks), at, len(messages), next)
	}
	chunks = nil
	if err := f.give(t.Context(), 3, nil, 5200); err != nil || len(chunks) != 1 || chunks[0].Next != 5200 {
		t.Errorf("an end without messages became %+v: %v", chunks, err)
	}
}
