package kafka_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"culvert/domain"
	"culvert/tests/brokers"
)

func TestNothingConfirmedIsLostWhenTheBrokerIsKilled(t *testing.T) {
	t.Parallel()
	server := brokers.StartKafka(t, nil)
	topic := newTopic(t, server.Cluster(), 2)
	b := open(t, server.Cluster().Addrs)
	r := tail(t, b, topic, domain.StartLatest())
	m := join(t, b, topic, "workers", nil)

	var mu sync.Mutex
	confirmed := map[string]int64{} // how many times
	unknown := map[string]bool{}
	ctx, stop := context.WithCancel(t.Context())
	var publishing sync.WaitGroup
	publishing.Go(func() { // ends with ctx
		for i := 0; ctx.Err() == nil; i++ {
			payload := fmt.Sprint(i)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			o := publish(ctx, b, topic, &domain.Message{Key: fmt.Append(nil, i%7), Payload: []byte(payload)})[0]
			cancel()
			mu.Lock()
			if o.err == nil {
				confirmed[payload]++
			} else if domain.CodeOf(o.err) == domain.Timeout {
				unknown[payload] = true
			}
			mu.Unlock()
		}
	})
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(confirmed) }
	brokers.Eventually(t, patience, "messages are confirmed", func() bool { return count() > 100 })
	server.Kill()
	before := count()
	server.Start()
	brokers.Eventually(t, 2*patience, "messages are confirmed again", func() bool { return count() > before+100 })
	stop()
	publishing.Wait()

	all := func(messages []*domain.Message) bool {
		have := map[string]int{}
		for _, m := range messages {
			have[string(m.Payload)]++
		}
		for payload := range confirmed {
			if have[payload] == 0 {
				return false
			}
		}
		for payload, n := range have {
			if confirmed[payload] == 0 && !unknown[payload] {
				t.Errorf("%s was read but was told as never sent", payload)
			}
			if n > 1 {
				t.Errorf("%s is in the topic %d times", payload, n)
			}
		}
		return true
	}
	r.until(t, "all that was confirmed", func(r *reader) bool { return all(r.messages) })
	if len(r.gaps) > 0 {
		t.Errorf("an outage is no gap: %v", r.gaps)
	}
	m.until(t, "all that was confirmed, in the queue", func(m *member) bool {
		given := map[string]bool{}
		for _, message := range m.messages {
			given[string(message.Payload)] = true
		}
		for payload := range confirmed {
			if !given[payload] {
				return false
			}
		}
		return true
	})
}
