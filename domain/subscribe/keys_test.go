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
		l := newLog("t", Window{Messages: rapid.IntRange(1, 30).Draw(t, "window"), Bytes: 1 << 20, Age: time.Hour}, at(1, 0), new(bells))
		next, epoch, now := int64(0), domain.Epoch(1), time.Now()
		var all []posting // all that was ever appended, with its key
		keyOf := map[posting]string{}
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
					all = append(all, posting{run: l.end()})
					keyOf[posting{run: l.end()}] = "gap"
				}
				for range rapid.IntRange(0, 5).Draw(t, "messages") {
					m := &domain.Message{Position: domain.Position{Offset: c.Next}}
					key := rapid.SampledFrom([]string{"a", "b", "c", ""}).Draw(t, "key")
					if key != "" {
						m.Key = []byte(key)
					}
					p := posting{l.end(), len(c.Messages)}
					if c.Gap != nil {
						p.run++
					}
					all, keyOf[p] = append(all, p), key
					c.Messages, c.Next = append(c.Messages, m), c.Next+1
				}
				next = c.Next
				l.append(c, now)
				continue
			}
			v := viewers[rapid.IntRange(0, len(viewers)-1).Draw(t, "viewer")]
			var want []posting
			lost := false
			for _, p := range all {
				if key := keyOf[p]; p.run >= v.at && (key == "gap" || key != "" && slices.Contains(v.keys, key)) {
					want = append(want, p)
					lost = lost || p.run < l.first
				}
			}
			limit := rapid.IntRange(1, 600).Draw(t, "limit")
			hits, after, got := l.takeKeys(v.at, v.keys, limit)
			if got.fell != lost {
				t.Fatalf("at %d of a log from %d on, which held %v for %v: fell out %v", v.at, l.first, want, v.keys, got.fell)
			}
			if lost {
				v.at = l.end()
				continue
			}
			if got.head == nil {
				want = slices.DeleteFunc(want, func(p posting) bool { return p.run >= after })
			}
			if len(hits) != len(want) || len(want) == 0 && got.head == nil {
				t.Fatalf("found %d messages of %v, want %v", len(hits), v.keys, want)
			}
			for i, p := range want {
				if hits[i].run != l.runs[p.run-l.first] || hits[i].i != p.i {
					t.Fatalf("hit %d is %+v, want %+v", i, hits[i], p)
				}
			}
			v.at = after
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

// BenchmarkKeys tells what a message costs all the viewers of a topic together, who each take it when they are woken.
func BenchmarkKeys(b *testing.B) {
	for _, viewers := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("viewers=%d", viewers), func(b *testing.B) { benchmarkKeys(b, viewers) })
	}
}

func benchmarkKeys(b *testing.B, viewers int) {
	l := newLog("t", Window{Messages: 50_000, Bytes: 16 << 20, Age: time.Hour}, at(1, 0), new(bells))
	service, err := New(newFakeBroker(1), testConfig())
	if err != nil {
		b.Fatal(err)
	}
	streams := make([]*stream, viewers)
	byKey := make(map[string]*stream, viewers)
	for i := range streams {
		key := fmt.Appendf(nil, "k%d", i)
		s := newStream(service, ports.View{Keys: [][]byte{key}}, nil)
		tr := &track{s: s, topic: "t", feed: &feed{}, live: l, source: l, vector: l.head, hook: l.bells.hang(s.bell, nil), leaveFeed: func() {}}
		s.tracks, streams[i], byKey[string(key)] = []*track{tr}, s, s
		if !tr.watch() {
			b.Fatal("the log does not hold its own beginning")
		}
	}
	now, offset := time.Now(), int64(0)
	b.ResetTimer()
	for i := range b.N {
		m := &domain.Message{Key: fmt.Appendf(nil, "k%d", i%viewers), Payload: []byte("x"), Position: domain.Position{Offset: offset}}
		offset++
		l.append(domain.Chunk{Messages: []*domain.Message{m}, Next: offset}, now)
		s := byKey[string(m.Key)]
		select {
		case <-s.bell.rung:
		default:
			b.Fatal("nobody was woken")
		}
		s.room = 1 << 10
		s.tracks[0].gather()
		if len(s.spans) != 1 {
			b.Fatalf("%d spans", len(s.spans))
		}
		s.spans = s.spans[:0]
	}
}
