package metrics

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
)

// unknownLag is a broker that tells of no queue.
func unknownLag(context.Context, domain.Topic, domain.Queue) int64 { return domain.LagUnknown }

// lagOf is the line of one queue's lag, and whether there is one.
func lagOf(t *testing.T, m *Metrics, queue string) (line string, shown bool) {
	t.Helper()
	line = series(scrape(t, m), fmt.Sprintf(`culvert_queue_lag_messages{queue=%q,`, queue))
	return line, line != ""
}

// observed is a Metrics that is told of these queues. It is closed when the test ends.
func observed(t *testing.T, stats func() []QueueStats, lag func(context.Context, domain.Topic, domain.Queue) int64) *Metrics {
	t.Helper()
	m := New("v1")
	m.ObserveQueues(stats, lag)
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return m
}

func TestEachQueueHasItsSeries(t *testing.T) {
	m := observed(t, func() []QueueStats {
		return []QueueStats{
			{Topic: "orders", Queue: "former", Redelivered: 4, DeadLetters: 2, LeaseTimeouts: 1},
			{Topic: "orders", Queue: "billing", Standing: true, Members: 3, InFlight: 7, Redelivered: 5, DeadLetters: 1, DeadLetterFailures: 6, LeaseTimeouts: 2},
			{Topic: "jobs", Queue: "billing", Standing: true, Members: 1},
		}
	}, unknownLag)
	var queues []string
	for line := range strings.SplitSeq(scrape(t, m), "\n") {
		if strings.HasPrefix(line, "culvert_queue") {
			queues = append(queues, line)
		}
	}
	want := []string{
		`culvert_queue_dead_letter_failures_total{queue="billing",topic="jobs"} 0`,
		`culvert_queue_dead_letter_failures_total{queue="billing",topic="orders"} 6`,
		`culvert_queue_dead_letter_failures_total{queue="former",topic="orders"} 0`,
		`culvert_queue_dead_letters_total{queue="billing",topic="jobs"} 0`,
		`culvert_queue_dead_letters_total{queue="billing",topic="orders"} 1`,
		`culvert_queue_dead_letters_total{queue="former",topic="orders"} 2`,
		`culvert_queue_in_flight_messages{queue="billing",topic="jobs"} 0`,
		`culvert_queue_in_flight_messages{queue="billing",topic="orders"} 7`,
		`culvert_queue_in_flight_messages{queue="former",topic="orders"} 0`,
		`culvert_queue_lease_timeouts_total{queue="billing",topic="jobs"} 0`,
		`culvert_queue_lease_timeouts_total{queue="billing",topic="orders"} 2`,
		`culvert_queue_lease_timeouts_total{queue="former",topic="orders"} 1`,
		`culvert_queue_members{queue="billing",topic="jobs"} 1`,
		`culvert_queue_members{queue="billing",topic="orders"} 3`,
		`culvert_queue_members{queue="former",topic="orders"} 0`,
		`culvert_queue_redelivered_messages_total{queue="billing",topic="jobs"} 0`,
		`culvert_queue_redelivered_messages_total{queue="billing",topic="orders"} 5`,
		`culvert_queue_redelivered_messages_total{queue="former",topic="orders"} 4`,
		`culvert_queues_not_shown 0`,
	}
	if !slices.Equal(queues, want) {
		t.Errorf("the series of queues are\n%s\nwant\n%s", strings.Join(queues, "\n"), strings.Join(want, "\n"))
	}
}

// Strangers choose the names of queues: however many they join, there are so many series, and those of the queues that are at work stay.
func TestSeriesOfQueuesAreBounded(t *testing.T) {
	stats := []QueueStats{{Topic: "t", Queue: "z-at-work", Standing: true, Members: 1}}
	m := observed(t, func() []QueueStats { return slices.Clone(stats) }, unknownLag)
	expect(t, m, `culvert_queue_members{queue="z-at-work",topic="t"} 1`)
	for i := range maxQueues + 10 {
		stats = append(stats, QueueStats{Topic: "t", Queue: domain.Queue(fmt.Sprint("a", i)), Standing: true, Members: 2})
		stats = append(stats, QueueStats{Topic: "t", Queue: domain.Queue(fmt.Sprint("0-former", i))})
	}
	expect(t, m,
		`culvert_queue_members{queue="z-at-work",topic="t"} 1`,
		fmt.Sprintf(`culvert_queues_not_shown %d`, 2*(maxQueues+10)+1-maxQueues),
	)
	text := scrape(t, m)
	if n := strings.Count(text, "\nculvert_queue_members{"); n != maxQueues {
		t.Errorf("%d queues are shown, want %d", n, maxQueues)
	}
	if strings.Contains(text, `queue="0-former`) {
		t.Error("a queue that the node was in takes the place of one that it is in")
	}
	// A queue that the service has forgotten is shown no more.
	stats = stats[1:3]
	text = scrape(t, m)
	if strings.Contains(text, "z-at-work") || strings.Count(text, "\nculvert_queue_members{") != 2 {
		t.Errorf("what is shown of two queues is\n%s", series(text, "culvert_queue"))
	}
}

// one is a node that is in one queue, and was in another.
func one() []QueueStats {
	return []QueueStats{{Topic: "orders", Queue: "billing", Standing: true}, {Topic: "orders", Queue: "former"}}
}

func TestLagIsTheBrokers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lag, asked atomic.Int64
		lag.Store(17)
		m := observed(t, one, func(_ context.Context, topic domain.Topic, queue domain.Queue) int64 {
			if topic != "orders" || queue != "billing" {
				t.Errorf("the lag of queue %s of topic %s is asked for", queue, topic)
			}
			asked.Add(1)
			return lag.Load()
		})
		if line, shown := lagOf(t, m, "billing"); shown {
			t.Errorf("nobody was asked, and %s is shown", line)
		}
		synctest.Wait()
		expect(t, m, `culvert_queue_lag_messages{queue="billing",topic="orders"} 17`)
		lag.Store(18)
		for range 100 {
			scrape(t, m)
		}
		synctest.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("the broker was asked %d times at once", n)
		}
		time.Sleep(lagInterval)
		synctest.Wait()
		expect(t, m, `culvert_queue_lag_messages{queue="billing",topic="orders"} 18`)
		lag.Store(domain.LagUnknown)
		time.Sleep(lagInterval)
		synctest.Wait()
		if line, shown := lagOf(t, m, "billing"); shown {
			t.Errorf("the broker does not tell any more, and %s is shown", line)
		}
	})
}

// Of a queue that the service has forgotten no answer is kept.
func TestAnswersOfFormerQueuesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		m := observed(t, func() []QueueStats {
			return []QueueStats{{Topic: "t", Queue: domain.Queue(fmt.Sprint("q", n.Add(1))), Standing: true}}
		}, func(context.Context, domain.Topic, domain.Queue) int64 { return 1 })
		for range 100 {
			scrape(t, m)
			time.Sleep(lagInterval)
			synctest.Wait()
		}
		if kept := len(m.lags.known); kept > 1 {
			t.Errorf("the lags of %d queues are kept, of which one is there", kept)
		}
	})
}

// Nobody scrapes, nobody asks; and when somebody does again, what was true long ago is not shown.
func TestLagIsAskedForWhileThereAreScrapes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		m := observed(t, one, func(context.Context, domain.Topic, domain.Queue) int64 { return asked.Add(1) })
		time.Sleep(time.Hour)
		if asked.Load() != 0 {
			t.Error("the broker was asked before anybody scraped")
		}
		scrape(t, m)
		time.Sleep(time.Hour)
		if n, most := asked.Load(), int64(lagUnwanted/lagInterval)+1; n != most {
			t.Errorf("one scrape has the broker asked %d times, want %d", n, most)
		}
		if line, shown := lagOf(t, m, "billing"); shown {
			t.Errorf("%s is shown, which is an hour old", line)
		}
		synctest.Wait()
		if _, shown := lagOf(t, m, "billing"); !shown {
			t.Error("the broker is not asked again")
		}
	})
}

// A broker that hangs does not hold up a scrape, and hides no other's lag.
func TestABrokerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at, most atomic.Int64
		m := observed(t, func() (all []QueueStats) {
			for i := range 3 * lagsAtOnce {
				all = append(all, QueueStats{Topic: "hangs", Queue: domain.Queue(fmt.Sprint("q", i)), Standing: true})
			}
			return append(all, QueueStats{Topic: "works", Queue: "billing", Standing: true})
		}, func(ctx context.Context, topic domain.Topic, _ domain.Queue) int64 {
			if topic == "works" {
				return 1
			}
			now := at.Add(1)
			defer at.Add(-1)
			for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
			}
			<-ctx.Done()
			return domain.LagUnknown
		})
		begun := time.Now()
		for range 10 {
			expect(t, m, `culvert_queue_members{queue="q0",topic="hangs"} 0`)
			synctest.Wait()
		}
		if took := time.Since(begun); took > 0 {
			t.Errorf("the scrapes took %v", took)
		}
		time.Sleep(3 * lagTimeout)
		synctest.Wait()
		expect(t, m, `culvert_queue_lag_messages{queue="billing",topic="works"} 1`)
		if line, shown := lagOf(t, m, "q0"); shown {
			t.Errorf("%s is shown, which nobody told", line)
		}
		if most.Load() != lagsAtOnce {
			t.Errorf("%d queues were asked for at a time", most.Load())
		}
	})
}

// What hangs ends when it is closed, and scrapes after that ask nobody.
func TestCloseEndsTheAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		m := observed(t, one, func(ctx context.Context, _ domain.Topic, _ domain.Queue) int64 {
			asked.Add(1)
			<-ctx.Done()
			return domain.LagUnknown
		})
		scrape(t, m)
		synctest.Wait()
		begun := time.Now()
		if err := m.Close(t.Context()); err != nil || time.Since(begun) > 0 {
			t.Errorf("it is closed after %v, with %v", time.Since(begun), err)
		}
		expect(t, m, `culvert_queue_members{queue="billing",topic="orders"} 0`)
		time.Sleep(time.Hour)
		if n := asked.Load(); n != 1 {
			t.Errorf("brokers were asked %d times", n)
		}
	})
}

func TestCloseWaitsNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		m := observed(t, one, func(context.Context, domain.Topic, domain.Queue) int64 {
			<-free
			return domain.LagUnknown
		})
		scrape(t, m)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := m.Close(ctx); err == nil {
			t.Error("it is closed while somebody is asked")
		}
		close(free)
	})
}
