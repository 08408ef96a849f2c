package metrics

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever is taken in whatever order, begun is as a map is; and it holds nothing when nothing is under way.
func TestBegunIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b begun
		want := map[uint64]time.Duration{}
		last := uint64(0)
		for now := range rapid.IntRange(1, 2000).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0: // a number that is never added
				last++
			case 1, 2, 3, 4:
				last++
				b.add(last, time.Duration(now))
				want[last] = time.Duration(now)
				if rapid.IntRange(0, 20).Draw(t, "refused") == 0 {
					b.take(last)
					delete(want, last)
					last--
				}
			default:
				n := last - min(last, uint64(rapid.IntRange(-2, 30).Draw(t, "back")))
				at, ok := b.take(n)
				if expected, there := want[n]; ok != there || ok && at != expected {
					t.Fatalf("number %d: got %d, %t, want %d, %t", n, at, ok, expected, there)
				}
				delete(want, n)
			}
		}
		for n := range want {
			if at, ok := b.take(n); !ok || at != want[n] {
				t.Fatalf("number %d: got %d, %t, want %d", n, at, ok, want[n])
			}
		}
		if len(b.times) != 0 || cap(b.times) > 64 {
			t.Fatalf("%d times, room for %d, when nothing is under way", len(b.times), cap(b.times))
		}
	})
}
