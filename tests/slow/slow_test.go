package slow

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

const (
	idlers = 500
	// logBytes is what each log of a topic may hold: the feed's, and that of the broker in the process.
	logBytes = 4 << 20
	// bareBytes is what the heap of a bridge holds without a topic, and more.
	bareBytes = 16 << 20
	// idlerBytes is what a viewer may hold in the heap beside the logs: buffers of net/http and of the last write, stacks, and its part of the batch that it
	// is in the middle of, which it shares with those who stopped at the same place. What the system holds for it is http.send_buffer, 64 KiB, and a little more.
	idlerBytes = 128 << 10
)

// settings are those of all bridges here.
func settings(besides ...string) []string {
	return append([]string{
		"CULVERT_BROKER=inproc", "CULVERT_ADMIN_PPROF=true",
		fmt.Sprint("CULVERT_SUBSCRIBE_WINDOW_BYTES=", logBytes), fmt.Sprint("CULVERT_INPROC_LOG_BYTES=", logBytes),
	}, besides...)
}

// 500 viewers that never read change neither the rate of the others nor their latency by a tenth, and cost no memory beyond the logs but a fixed sum each.
//
// There are two bridges, and the crowd is at one of them. A round runs the same load on both, side by side rather than one after the other: whatever else the machine does, which on two busy cores is most of
// what there is to be measured, hits both alike, and the ratio of the two remains. Each round has two parts, since they exclude each other. The rate is that of publishers who go as fast as they are acked, for an audience that reads it all;
// at that rate a latency would be the length of the publishers' own queue, so the latency is that at a rate for which there is room.
//
// Rounds are added until the medians are within a tenth. After the last one the test fails only where chance does not explain the difference, so that noise alone fails nothing;
// what makes anybody wait for the crowd ends in the first round.
func TestWhoNeverReadsIsNobodyElsesTrouble(t *testing.T) {
	// Nobody is let go during the rounds.
	forever := settings("CULVERT_SSE_WRITE_TIMEOUT=10m", "CULVERT_WS_WRITE_TIMEOUT=10m", "CULVERT_WS_PING_INTERVAL=10m", "CULVERT_WS_PONG_WAIT=20m")
	without, with := open(t, forever...), open(t, forever...)
	members := crowd(t.Context(), t, with.bridge, with.topic, idlers)
	for _, h := range []*hall{without, with} { // the crowd fills its buffers, and the garbage collectors find their pace
		if err := h.plug(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := h.flood(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
	}

	rate, latency := &verdict{what: "time for a message at full rate"}, &verdict{what: "99th percentile of the latency"}
	const least, length = 7, 300 * time.Millisecond
	begun := time.Now()
	for n := 1; n <= least || !(rate.fine() && latency.fine()) && time.Since(begun) < 30*time.Second; n++ {
		alone, beside, err := both(without, with, func(h *hall) (float64, error) { return h.flood(t.Context(), length) })
		if err != nil {
			t.Fatal(err)
		}
		rate.add(alone / beside)
		calm, crowded, err := both(without, with, func(h *hall) (time.Duration, error) { return h.drizzle(t.Context(), length) })
		if err != nil {
			t.Fatal(err)
		}
		latency.add(float64(crowded) / float64(calm))
		t.Logf("%6.0f messages/s alone, %6.0f beside the crowd; p99 %v and %v", alone, beside, calm, crowded)
	}
	for _, v := range []*verdict{rate, latency} {
		t.Logf("%s, with the crowd to without it: %.2f", v.what, v.median())
		if v.proven() {
			t.Errorf("the %s is %.2f times what it is without %d viewers that never read: %.2f", v.what, v.median(), idlers, v.ratios)
		}
	}

	bound := bareBytes + 2*logBytes + idlers*idlerBytes
	if got := heapOf(t, with.bridge); got > bound {
		t.Errorf("the bridge holds %d bytes, more than the logs and %d viewers may: %d", got, idlers, bound)
	} else {
		t.Logf("%.1f MB are held, of at most %.1f; %.1f MB without the crowd", float64(got)/1e6, float64(bound)/1e6, float64(heapOf(t, without.bridge))/1e6)
	}
	// Where the machine is very busy, some fell out of the window before they were stuck, and were let go as they had asked.
	if got := series(t, with.bridge, "culvert_feed_viewers"); got < idlers*9/10 {
		t.Errorf("only %d viewers are still there", got)
	}
	wake(t, members)
}

// both runs f for two halls at the same time.
func both[T any](one, other *hall, f func(*hall) (T, error)) (a, b T, err error) {
	var running errgroup.Group
	running.Go(func() (err error) { a, err = f(one); return err })
	running.Go(func() (err error) { b, err = f(other); return err })
	err = running.Wait()
	return a, b, err
}

// wake lets one viewer of each overflow read on: it is told what it has lost, or that it was let go.
func wake(t *testing.T, members []*idler) {
	t.Helper()
	for overflow, want := range map[string]struct{ name, reason string }{
		"resume": {"gap", "retention"}, "drop": {"gap", "overflow"}, "disconnect": {"bye", "slow"},
	} {
		for _, one := range members {
			if !one.events || one.overflow != overflow {
				continue
			}
			if name, data, err := one.wakes(); err != nil || name != want.name || !strings.Contains(data, `"reason":"`+want.reason+`"`) {
				t.Errorf("overflow=%s: %s %s %v, want %s for %s", overflow, name, data, err, want.name, want.reason)
			}
			break
		}
	}
}

// Whoever takes nothing for the write deadline is let go, and all that was held for it goes too.
func TestWhoTakesNothingIsLetGoWithItsMemory(t *testing.T) {
	b := bridge.Start(t, settings("CULVERT_SSE_WRITE_TIMEOUT=2s", "CULVERT_WS_WRITE_TIMEOUT=2s", "CULVERT_WS_CLOSE_TIMEOUT=1s")...)
	h := &hall{bridge: b, topic: "slow", audience: seat(t, b, "slow", 1)}
	fill := func() {
		t.Helper()
		if err := h.fill(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	fill()
	threads := series(t, b, "go_goroutines")
	before := heapOf(t, b)
	members := crowd(t.Context(), t, b, h.topic, idlers)
	brokers.Eventually(t, 30*time.Second, "the crowd is let go", func() bool {
		// So little that nobody falls out of the window first.
		if _, err := h.drizzle(t.Context(), 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		return series(t, b, "culvert_connections") == 1
	})
	sse := series(t, b, `culvert_slow_streams_total{edge="sse",mode="view",reason="write"}`)
	ws := series(t, b, `culvert_slow_streams_total{edge="ws",mode="view",reason="write"}`)
	if sse+ws != idlers || ws != idlers/3 {
		t.Errorf("%d and %d viewers were counted as slow", sse, ws)
	}
	const some = 20 // requests and connections come and go
	brokers.Eventually(t, 10*time.Second, "their goroutines end", func() bool { return series(t, b, "go_goroutines") <= threads+some })
	fill()
	if after := heapOf(t, b); after > before+idlers*idlerBytes/10 {
		t.Errorf("%d bytes are held after the crowd, %d before", after, before)
	} else {
		t.Logf("%.1f MB were held before the crowd, %.1f after it", float64(before)/1e6, float64(after)/1e6)
	}
	for i, one := range members {
		if one.socket {
			continue // its close may have found room, for a client that only stalled
		}
		if _, err := io.Copy(io.Discard, one.conn); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("the connection of viewer %d ended with %v, so that the system still holds what was not sent", i, err)
		}
	}
}
