package subscribe

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
	"culvert/ports"
)

// TestTheIndexFindsWhatAPredicateFinds holds viewers of keys at any places of a log against a look at every message, while the log grows and is trimmed.
func TestTheIndexFindsWhatAPredicateFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLog("t", Window{Messages: rapid.SampledFrom([]int{1, 5, 30, 50, 100}).Draw(t, "window"), Bytes: 1 << 20, Age: time.Hour}, at(1, 0), new(bells))
		next, epoch, now := int64(0), domain.Epoch(1), time.Now()
		var keyOf []string // of all that was ever appended, by its number; "gap" of a gap
		viewers := make([]*keyViewer, rapid.IntRange(1, 4).Draw(t, "viewers"))
		for i := range viewers {
			viewers[i] = &keyViewer{keys: rapid.SampledFrom([][]string{{"a"}, {"b"}, {"a", "b"}, {"c", "a", "z"}}).Draw(t, "keys")}
			if !l.watch(0, viewers[i].keys) {
				t.Fatal("the log has its beginning, and says no")
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.IntRange(0, 2).Draw(t, "append") > 0 {
				c := domain.Chunk{Next: next}
				if rapid.IntRange(0, 9).Draw(t, "gap") == 0 {
					epoch++
					c.Gap, c.Epoch = &domain.Gap{Reason: domain.GapEpoch, Lost: domain.LostUnknown}, epoch
					keyOf = append(keyOf, "gap")
				}
				for range rapid.IntRange(0, 5).Draw(t, "messages") {
					m := &domain.Message{Position: domain.Position{Offset: c.Next}}
					key := rapid.SampledFrom([]string{"a", "b", "c", ""}).Draw(t, "key")
					if key != "" {
						m.Key = []byte(key)
					}
					keyOf = append(keyOf, key)
					c.Messages, c.Next = append(c.Messages, m), c.Next+1
				}
				next = c.Next
				l.append(c, now)
				continue
			}
			v := viewers[rapid.IntRange(0, len(viewers)-1).Draw(t, "viewer")]
			var want []uint64
			lost := false
			for i, key := range keyOf[v.at:] {
				if number := v.at + uint64(i); key == "gap" || key != "" && slices.Contains(v.keys, key) {
					want = append(want, number)
					lost = lost || number < l.first()
				}
			}
			limit := rapid.IntRange(1, 600).Draw(t, "limit")
			got := l.takeKeys(nil, v.at, v.keys, limit)
			if got.fell != lost {
				t.Fatalf("at %d of a log from %d on, which held %v for %v: fell out %v", v.at, l.first(), want, v.keys, got.fell)
			}
			if lost {
				v.at = l.next
				continue
			}
			if got.head == nil {
				want = slices.DeleteFunc(want, func(number uint64) bool { return number >= got.next })
			}
			var found []uint64
			for _, span := range got.spans {
				e := l.runs[slices.IndexFunc(l.runs, func(e entry) bool { return e.Run == span.Run })]
				for i := span.From; i < span.To; i++ {
					found = append(found, e.number+uint64(i))
				}
			}
			if !slices.Equal(found, want) || len(want) == 0 && got.head == nil {
				t.Fatalf("found %v of %v, want %v", found, v.keys, want)
			}
			v.at = got.next
		}
		for _, v := range viewers {
			l.unwatch(v.keys)
		}
		if l.index != nil {
			t.Fatal("the index outlives its viewers")
		}
	})
}

type keyViewer struct {
	keys []string
	at   uint64
}

// Who waits for a key is no slower for what others are told: the log goes on without it, and it has missed nothing.
func TestAViewerWhoseKeyIsRareNeverFallsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		s := newService(t, b, func(c *Config) { c.Window.Messages = 5 })
		stream, cancel := view(t, s, ports.View{Keys: [][]byte{[]byte("rare")}, Overflow: ports.OverflowDisconnect, Heartbeat: time.Second})
		defer cancel()
		next(t, stream) // a heartbeat: it waits for its key from now on
		for range 1000 {
			b.put(0, "common")
		}
		synctest.Wait()
		b.put(0, "rare")
		synctest.Wait()
		if got := payloads(next(t, stream)); len(got) != 1 || got[0] != "0/1000" {
			t.Fatalf("got %v", got)
		}
		for range 10 {
			b.put(0, "rare")
			synctest.Wait()
		}
		wantBye(t, stream, domain.ByeSlow)
		if b.opened != 1 {
			t.Errorf("%d readers were needed", b.opened)
		}
	})
}

// A message wakes those who wait for its key, and nobody else.
func TestAMessageWakesOnlyWhoWaitsForItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		s := newService(t, b, nil)
		const viewers = 500
		streams := make([]*stream, viewers)
		for i := range streams {
			opened, cancel := view(t, s, ports.View{Keys: [][]byte{fmt.Appendf(nil, "k%d", i)}, Heartbeat: time.Second})
			defer cancel()
			streams[i] = opened.(*stream)
			next(t, opened)
		}
		for _, st := range streams {
			select {
			case <-st.bell.rung:
			default:
			}
		}
		b.put(0, "k7")
		b.put(0, "nobody's")
		b.put(0, "k123")
		synctest.Wait()
		var rung []int
		for i, st := range streams {
			if len(st.bell.rung) > 0 {
				rung = append(rung, i)
			}
		}
		if !slices.Equal(rung, []int{7, 123}) {
			t.Errorf("woke %v", rung)
		}
		if got := payloads(next(t, streams[7])); len(got) != 1 || got[0] != "0/0" {
			t.Errorf("got %v", got)
		}
	})
}
