package subscribe

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
	"culvert/ports"
)

// TestWhatIsGivenAndWhatIsConflatedIsAll lets viewers who want the newest of each key read now and then, while messages with and without keys are published.
func TestWhatIsGivenAndWhatIsConflatedIsAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		bubble(t, func(ctx context.Context) { whatIsGivenAndWhatIsConflatedIsAll(ctx, rt) })
	})
}

func whatIsGivenAndWhatIsConflatedIsAll(ctx context.Context, t *rapid.T) {
	b := newFakeBroker(rapid.IntRange(1, 3).Draw(t, "partitions"))
	b.marked = rapid.Bool().Draw(t, "marked")
	cfg := testConfig()
	cfg.Window.Messages = rapid.SampledFrom([]int{10, 10_000}).Draw(t, "window")
	cfg.BatchBytes = rapid.IntRange(1, 2000).Draw(t, "batch")
	s, err := New(b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	v := ports.View{Topics: []domain.Pattern{"t"}, Overflow: ports.OverflowLatest, Heartbeat: time.Second}
	if rapid.Bool().Draw(t, "filtered") {
		v.Keys = [][]byte{[]byte("0a"), []byte("1b"), []byte("2a")}
	}
	wants := newFilter(v.Keys, nil).wants
	open, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := s.View(open, v)
	if err != nil {
		t.Fatal(err)
	}
	keyless, newest := map[*domain.Message]bool{}, map[string]*domain.Message{}
	put, seen := int64(0), int64(0)
	given := map[string]int64{}
	read := func() {
		waiting, lost, quiet := put-seen, int64(0), 0
		for quiet < 2 {
			batch, err := stream.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if quiet++; len(batch.Spans) > 0 {
				quiet = 0
			}
			for _, span := range batch.Spans {
				for _, e := range span.Events() {
					switch {
					case e.Gap != nil && (e.Gap.Reason != domain.GapOverflow || e.Gap.Lost < 1):
						t.Fatalf("gap %+v", *e.Gap)
					case e.Gap != nil:
						lost += e.Gap.Lost
						seen += e.Gap.Lost
					default:
						m := e.Message
						seen++
						delete(keyless, m)
						if last, ok := given[string(m.Key)]; m.Key != nil && ok && m.Offset <= last {
							t.Fatalf("key %q: %d after %d", m.Key, m.Offset, last)
						}
						given[string(m.Key)] = m.Offset
						if newest[string(m.Key)] == m {
							delete(newest, string(m.Key))
						}
					}
				}
			}
		}
		if seen != put {
			t.Fatalf("%d were given or counted, of %d", seen, put)
		}
		if len(keyless) > 0 || len(newest) > 0 {
			t.Fatalf("never given: without a key %v, the newest of %v", keyless, newest)
		}
		if lost > 0 && waiting*200 < int64(cfg.BatchBytes) {
			t.Fatalf("%d of %d were left out for a viewer who keeps up", lost, waiting)
		}
	}
	for range rapid.IntRange(1, 30).Draw(t, "steps") {
		if rapid.IntRange(0, 3).Draw(t, "read") == 0 {
			read()
			continue
		}
		p := int32(rapid.IntRange(0, len(b.first)-1).Draw(t, "partition"))
		for range rapid.IntRange(1, 12).Draw(t, "messages") {
			m := &domain.Message{Time: time.Now()}
			if key := rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "key"); key != "" {
				m.Key = fmt.Appendf(nil, "%d%s", p, key) // a key has one partition
			}
			b.add(p, m)
			if !wants(m) {
				continue
			}
			put++
			if m.Key == nil {
				keyless[m] = true
			} else {
				newest[string(m.Key)] = m
			}
		}
		synctest.Wait()
	}
	read()
}

// A viewer of keys whose messages are too many gets the newest of each, as any other.
func TestAViewerOfKeysIsConflated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		s := newService(t, b, func(c *Config) { c.BatchBytes = 1000 })
		stream, cancel := view(t, s, ports.View{Keys: [][]byte{[]byte("a"), []byte("b")}, Overflow: ports.OverflowLatest, Heartbeat: time.Second})
		defer cancel()
		next(t, stream) // a heartbeat: it waits for its keys from now on
		for range 20 {
			b.put(0, "a")
			b.put(0, "b")
			b.put(0, "c")
		}
		synctest.Wait()
		batch := next(t, stream)
		if gap := batch.Spans[0].Run.Gap; gap == nil || gap.Reason != domain.GapOverflow || gap.Lost != 38 {
			t.Errorf("gap %+v, want 38 that were left out", gap)
		}
		if got := payloads(batch); len(got) != 2 || got[0] != "0/57" || got[1] != "0/58" {
			t.Errorf("got %v", got)
		}
	})
}
