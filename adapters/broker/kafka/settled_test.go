package kafka

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"culvert/domain"
)

func TestSettledTravelsInMetadata(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := settled{next: rapid.Int64Range(0, 1000).Draw(t, "next")}
		model := map[int64]bool{}
		for _, o := range rapid.SliceOf(rapid.Int64Range(0, 1200)).Draw(t, "offsets") {
			s.add(o, o+1)
			model[o] = true
		}
		first := s.next
		epoch := domain.Epoch(rapid.Uint64().Draw(t, "epoch"))

		again, its := restore(s.next, s.metadata(epoch))
		if again.next != s.next || its != epoch || !slices.Equal(again.beyond, s.beyond) {
			t.Fatalf("%+v of epoch %x came back as %+v of epoch %x", s, epoch, again, its)
		}
		for o := first; o < 1210; o++ {
			if s.has(o) != model[o] {
				t.Fatalf("offset %d is settled: %v, want %v (%+v)", o, s.has(o), model[o], s)
			}
		}
	})
}

func TestMetadataFitsTheClusterWhateverWasSettled(t *testing.T) {
	s := settled{next: 1 << 40}
	for i := range int64(5000) {
		s.add(s.next+1+2*i, s.next+2+2*i)
	}
	text := s.metadata(1 << 63)
	if len(text) > 4096 {
		t.Errorf("the metadata have %d bytes; a cluster takes 4096 by default", len(text))
	}
	again, _ := restore(s.next, text)
	if len(again.beyond) < 500 || !slices.Equal(again.beyond, s.beyond[:len(again.beyond)]) {
		t.Errorf("%d spans came back, want the first ones, as many as fit", len(again.beyond))
	}
}

func TestMetadataOfOthersTellNothing(t *testing.T) {
	for _, text := range []string{"", "consumed by a Java client", metadataMark, metadataMark + "zz:", metadataMark + "1", metadataMark + "1:!", metadataMark + "1:AA", metadataMark + "1:AAE"} {
		if s, epoch := restore(7, text); s.next != 7 || len(s.beyond) > 0 || epoch != 0 {
			t.Errorf("%q was read as %+v of epoch %d", text, s, epoch)
		}
	}
}

func FuzzRestore(f *testing.F) {
	s := settled{next: 10, beyond: []span{{12, 13}, {20, 400}}}
	f.Add(int64(10), s.metadata(0xfeed))
	f.Add(int64(0), metadataMark+"1:_____w")
	f.Fuzz(func(t *testing.T, next int64, text string) {
		if next < 0 {
			return
		}
		s, epoch := restore(next, text)
		if s.next != next {
			t.Fatalf("next is %d, want %d", s.next, next)
		}
		at := next
		for _, b := range s.beyond {
			if b.from <= at || b.to <= b.from {
				t.Fatalf("the spans %v from %d are not in order", s.beyond, next)
			}
			at = b.to
		}
		if epoch != 0 && len(text) < 2000 && strings.HasPrefix(text, metadataMark) {
			if again, its := restore(next, s.metadata(epoch)); its != epoch || !slices.Equal(again.beyond, s.beyond) {
				t.Fatalf("%+v came back as %+v", s, again)
			}
		}
	})
}
