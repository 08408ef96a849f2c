package inject_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
	"culvert/domain/inject"
	"culvert/ports"
)

// chaotic is a publisher that completes messages late, in any order, at the same time, and sometimes twice or never. It notes
// what it got.
type chaotic struct {
	never bool // some messages are never told of

	mu         sync.Mutex
	got        map[string][]int // the messages of each topic and key
	handed     map[int]bool
	underway   map[domain.Topic]bool
	concurrent bool // two calls of Publish for one topic ran at once
	doubled    bool // one message came twice
}

func (c *chaotic) Publish(_ context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
	c.begin(topic, batch)
	for _, k := range rand.Perm(len(batch)) {
		kind := rand.IntN(20)
		switch {
		case kind == 0 && c.never:
			continue
		case kind < 10:
			time.AfterFunc(time.Duration(rand.IntN(60))*time.Millisecond, func() { done(k, domain.Ack{}, nil) })
		default:
			go done(k, domain.Ack{}, nil)
		}
		if kind == 1 {
			go done(k, domain.Ack{}, domain.Errorf(domain.Internal, "twice"))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.underway[topic] = false
}

func (c *chaotic) begin(topic domain.Topic, batch []*domain.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.concurrent = c.concurrent || c.underway[topic]
	c.underway[topic] = true
	for _, m := range batch {
		n, _ := strconv.Atoi(string(m.Payload))
		c.doubled = c.doubled || c.handed[n]
		c.handed[n] = true
		name := string(topic) + "/" + string(m.Key)
		c.got[name] = append(c.got[name], n)
	}
}

func TestEachMessageHasOneOutcomeAndKeysKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ testing.TB }{t}, func(t *rapid.T) {
			window := rapid.IntRange(1, 40).Draw(t, "window")
			messages := rapid.IntRange(1, 300).Draw(t, "messages")
			topics := rapid.IntRange(1, 4).Draw(t, "topics")
			c := &chaotic{never: rapid.Bool().Draw(t, "never"), got: map[string][]int{}, handed: map[int]bool{}, underway: map[domain.Topic]bool{}}
			s, err := inject.New(c, inject.Config{Window: window, WindowBytes: 1 << 20, Timeout: 50 * time.Millisecond}, domain.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			outcomes := map[uint64]int{}
			told, most := 0, 0
			i := s.Open(context.Background(), func(all []ports.Outcome) {
				mu.Lock()
				defer mu.Unlock()
				for _, o := range all {
					outcomes[o.N]++
				}
				told += len(all)
			})
			want := map[string][]int{}
			for n := range messages {
				topic, key := domain.Topic(fmt.Sprintf("t%d", n%topics)), fmt.Sprint(rand.IntN(3))
				got, err := i.Put(context.Background(), topic, &domain.Message{Key: []byte(key), Payload: fmt.Append(nil, n)}, "")
				if err != nil || got != uint64(n+1) {
					t.Fatalf("put %d: number %d, %v", n, got, err)
				}
				name := string(topic) + "/" + key
				want[name] = append(want[name], n)
				if rand.IntN(3) == 0 {
					i.Send()
				}
				mu.Lock()
				most = max(most, n+1-told)
				mu.Unlock()
			}
			i.Send()
			if err := s.Drain(context.Background()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // in the bubble: what comes late has come
			synctest.Wait()
			for n := range uint64(messages) {
				if outcomes[n+1] != 1 {
					t.Errorf("message %d has %d outcomes", n+1, outcomes[n+1])
				}
			}
			if most > window {
				t.Errorf("%d messages were under way, the window is %d", most, window)
			}
			if c.concurrent || c.doubled {
				t.Errorf("two batches of a topic at once: %v; a message handed over twice: %v", c.concurrent, c.doubled)
			}
			for name, order := range want {
				if !isSubsequence(c.got[name], order) {
					t.Errorf("%s: the broker got %v, put were %v", name, c.got[name], order)
				}
			}
		})
	})
}

// isSubsequence reports whether got is want with some left out: those whose time was up before they were handed over.
func isSubsequence(got, want []int) bool {
	for _, n := range want {
		if len(got) > 0 && got[0] == n {
			got = got[1:]
		}
	}
	return len(got) == 0
}
