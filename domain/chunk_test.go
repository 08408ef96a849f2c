package domain_test

import (
	"testing"
	"time"

	"culvert/domain"
)

// A place carries the fingerprint of the message before it, and of no other.
func TestThePlaceAfterAChunk(t *testing.T) {
	message := &domain.Message{Position: domain.Position{Partition: 2, Offset: 6}, Fingerprint: 66}
	messages := []*domain.Message{{Position: domain.Position{Partition: 2, Offset: 5}, Fingerprint: 55}, message}
	gap := &domain.Gap{Reason: domain.GapBroker, Partition: 2, Lost: domain.LostUnknown}
	before := domain.Place{Partition: 2, Next: 5, Fingerprint: 44}
	for name, c := range map[string]struct {
		before domain.Place
		chunk  domain.Chunk
		want   domain.Place
	}{
		"messages":                     {before, domain.Chunk{Messages: messages, Next: 7}, domain.Place{Next: 7, Fingerprint: 66}},
		"messages and what has none":   {before, domain.Chunk{Messages: messages, Next: 9}, domain.Place{Next: 9}},
		"messages after a gap":         {before, domain.Chunk{Gap: gap, Messages: messages, Next: 7}, domain.Place{Next: 7, Fingerprint: 66}},
		"what has no message":          {before, domain.Chunk{Next: 9}, domain.Place{Next: 9}},
		"nothing":                      {before, domain.Chunk{Next: 5}, domain.Place{Next: 5, Fingerprint: 44}},
		"a gap":                        {before, domain.Chunk{Gap: gap, Next: 9}, domain.Place{Next: 9}},
		"a gap that moves nothing":     {before, domain.Chunk{Gap: gap, Next: 5}, domain.Place{Next: 5}},
		"a pending place that is read": {domain.Place{Partition: 2, Next: 5, Since: time.UnixMilli(1), Fingerprint: 44}, domain.Chunk{Next: 5}, domain.Place{Next: 5}},
	} {
		c.chunk.Partition, c.want.Partition = 2, 2
		if got := c.chunk.After(c.before); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if got, want := (domain.Chunk{Partition: 2, Messages: messages, Next: 7}).Begin(), (domain.Place{Partition: 2, Next: 5}); got != want {
		t.Errorf("begins at %+v, want %+v", got, want)
	}
	if got, want := (domain.Chunk{Partition: 2, Next: 7}).Begin(), (domain.Place{Partition: 2, Next: 7}); got != want {
		t.Errorf("without messages it begins at %+v, want %+v", got, want)
	}
	if got, want := message.After(), (domain.Place{Partition: 2, Next: 7, Fingerprint: 66}); got != want {
		t.Errorf("the place after a message is %+v, want %+v", got, want)
	}
}

func TestTheEndOfATopicHasItsFingerprints(t *testing.T) {
	info := domain.TopicInfo{Epoch: 3, Partitions: []domain.Extent{{Partition: 0}, {Partition: 1, First: 2, End: 9, Fingerprint: 8}}}
	want := domain.NewVector(3, domain.Place{}, domain.Place{Partition: 1, Next: 9, Fingerprint: 8})
	if got := info.End(); !got.Equal(want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
