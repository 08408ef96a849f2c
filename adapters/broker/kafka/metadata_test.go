package kafka

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"culvert/adapters/broker"
	"culvert/domain"
)

func TestSettledTravelsInMetadata(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := broker.Settled{Next: rapid.Int64Range(0, 1000).Draw(t, "next")}
		model := map[int64]bool{}
		for _, o := range rapid.SliceOf(rapid.Int64Range(0, 1200)).Draw(t, "offsets") {
			s.Add(o, o+1)
			model[o] = true
		}
		first := s.Next
		epoch := domain.Epoch(rapid.Uint64().Draw(t, "epoch"))

		again, its := restore(s.Next, metadataOf(s, epoch))
		if again.Next != s.Next || its != epoch || !slices.Equal(again.Beyond, s.Beyond) {
			t.Fatalf("%+v of epoch %x came back as %+v of epoch %x", s, epoch, again, its)
		}
		for o := first; o < 1210; o++ {
			if s.Has(o) != model[o] {
				t.Fatalf("offset %d is settled: %v, want %v (%+v)", o, s.Has(o), model[o], s)
			}
		}
	})
}

func TestMetadataFitsTheClusterWhateverWasSettled(t *testing.T) {
	s := broker.Settled{Next: 1 << 40}
	for i := range int64(5000) {
		s.Add(s.Next+1+2*i, s.Next+2+2*i)
	}
	text := metadataOf(s, 1<<63)
	if len(text) > 4096 {
		t.Errorf("the metadata have %d bytes; a cluster takes 4096 by default", len(text))
	}
	again, _ := restore(s.Next, text)
	if len(again.Beyond) < 500 || !slices.Equal(again.Beyond, s.Beyond[:len(again.Beyond)]) {
		t.Errorf("%d spans came back, want the first ones, as many as fit", len(again.Beyond))
	}
}

func TestMetadataOfOthersTellNothing(t *testing.T) {
	for _, text := range []string{"", "consumed by a Java client", metadataMark, metadataMark + "zz:", metadataMark + "1", metadataMark + "1:!", metadataMark + "1:AA", metadataMark + "1:AAE"} {
		if s, epoch := restore(7, text); s.Next != 7 || len(s.Beyond) > 0 || epoch != 0 {
			t.Errorf("%q was read as %+v of epoch %d", text, s, epoch)
		}
	}
}

func FuzzRestore(f *testing.F) {
	s := broker.Settled{Next: 10, Beyond: []broker.Span{{From: 12, To: 13}, {From: 20, To: 400}}}
	f.Add(int64(10), metadataOf(s, 0xfeed))
	f.Add(int64(0), metadataMark+"1:_____w")
	f.Fuzz(func(t *testing.T, next int64, text string) {
		if next < 0 {
			return
		}
		s, epoch := restore(next, text)
		if s.Next != next {
			t.Fatalf("next is %d, want %d", s.Next, next)
		}
		at := next
		for _, b := range s.Beyond {
			if b.From <= at || b.To <= b.From {
				t.Fatalf("the spans %v from %d are not in order", s.Beyond, next)
			}
			at = b.To
		}
		if epoch != 0 && len(text) < 2000 && strings.HasPrefix(text, metadataMark) {
			if again, its := restore(next, metadataOf(s, epoch)); its != epoch || !slices.Equal(again.Beyond, s.Beyond) {
				t.Fatalf("%+v came back as %+v", s, again)
			}
		}
	})
}
