package machine

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"math"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestALoadIsLeftWellBelowWhereItBegan(t *testing.T) {
	load := Light
	for _, c := range []struct {
		share float64
		want  Load
	}{
		{0.74, Light},
		{0.75, Heavy},
		{0.70, Heavy},
		{0.64, Light},
		{0.70, Light},
		{0.84, Heavy},
		{0.85, Full},
		{0.76, Full},
		{0.74, Heavy},
		{0.90, Full},
		{0.10, Light},
	} {
		if load = weigh(load, c.share); load != c.want {
			t.Fatalf("at %.2f the load is %s; want %s", c.share, load, c.want)
		}
	}
}

func TestAWatchFollowsWhatIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		m := NewMemory(1000, "the test", slog.New(slog.NewTextHandler(&log, nil)))
		runtimeLimit := debug.SetMemoryLimit(-1)
		var now atomic.Pointer[reading]
		now.Store(&reading{used: 900, held: 990})
		m.measure = func() reading { return *now.Load() }
		ctx, cancel := context.WithCancel(t.Context())
		watched := make(chan struct{})
		go func() { // ends with ctx
			defer close(watched)
			m.Watch(ctx)
		}()
		time.Sleep(look)
		synctest.Wait()
		if m.Load() != Full || m.Used() != 900 {
			t.Errorf("%s at %d of 1000", m.Load(), m.Used())
		}
		now.Store(&reading{used: 100, held: 990})
		time.Sleep(look)
		synctest.Wait()
		if m.Load() != Light {
			t.Errorf("%s at %d of 1000", m.Load(), m.Used())
		}
		// What was alive counts for nothing where the process has more than it may.
		now.Store(&reading{used: 100, held: 1051})
		time.Sleep(look)
		synctest.Wait()
		if m.Load() != Full {
			t.Errorf("%s with more than 1000", m.Load())
		}
		cancel()
		<-watched
		if n := strings.Count(log.String(), "msg=\"memory is"); n != 4 { // the limit, and three changes
			t.Errorf("the log has %d lines of 4:\n%s", n, log.String())
		}
		if now := debug.SetMemoryLimit(-1); now != runtimeLimit {
			t.Errorf("the runtime keeps to %d, not to %d as before", now, runtimeLimit)
		}
	})
}

// What is alive is known only from the last collection. A bridge at rest makes none for two minutes: so long it refused streams for which it had room. One that filled up made none before its
// memory was full: it refused messages at once, and streams no sooner.
func TestAWatchCollectsWhereOnlyThatTellsTheLoad(t *testing.T) {
	t.Run("short", func(t *testing.T) { collects(t, 1, 1) })
	t.Run("perhaps short", func(t *testing.T) { collects(t, 0.1, 0.8) })
}

// collects wants collections while these shares of the limit are used, and at most used.
func collects(t *testing.T, used, most float64) {
	t.Helper()
	gauge := newGauge()
	begun := gauge.read()
	m := NewMemory(2*begun.held, "the test", slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var now reading
	m.measure = func() reading {
		now = gauge.read()
		if now.collections > begun.collections+1 {
			cancel()
		}
		now.used, now.most = int64(used*float64(m.limit)), int64(most*float64(m.limit))
		return now
	}
	m.Watch(ctx)
	if now.collections <= begun.collections+1 {
		t.Errorf("%d collections in a minute", now.collections-begun.collections)
	}
}

func TestAReadingIsOfThisProcess(t *testing.T) {
	ballast := make([]byte, 64<<20)
	before := newGauge().read()
	if before.used < 1<<20 || before.held < before.used/2 || before.held > 1<<40 {
		t.Errorf("%d used, %d held", before.used, before.held)
	}
	ballast[0]++
}

func TestTheLimitOfAGroupIsTheLeastAboveIt(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"none", nil, NoLimit},
		{"a container", map[string]string{"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "1000\n"}, 1000},
		{"without limit", map[string]string{"/proc/self/cgroup": "0::/a\n", "/sys/fs/cgroup/a/memory.max": "max\n"}, NoLimit},
		{"a parent", map[string]string{
			"/proc/self/cgroup": "1:cpu:/x\n0::/a/b\n", "/sys/fs/cgroup/a/b/memory.max": "3000", "/sys/fs/cgroup/a/memory.max": "2000",
		}, 2000},
		{"version 1", map[string]string{"/proc/self/cgroup": "4:memory:/x\n0::/\n"}, NoLimit},
	} {
		got := groupLimit(func(name string) ([]byte, error) {
			if text, ok := c.files[name]; ok {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		})
		if got != c.want {
			t.Errorf("%s: %d; want %d", c.name, got, c.want)
		}
	}
}

func TestWhoSetsTheLimit(t *testing.T) {
	if limit, by := MemoryLimit(123); limit != 123 || by != "limits.memory_bytes" {
		t.Errorf("%d by %s", limit, by)
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64 - 1))
	if limit, by := MemoryLimit(0); limit != math.MaxInt64-1 || by != "GOMEMLIMIT" {
		t.Errorf("%d by %s", limit, by)
	}
}

// A bridge at rest that was short of memory collected five times a second, for ever.
func TestAWatchCollectsNoMoreThanItMustToKnow(t *testing.T) {
	for _, c := range []struct {
		name       string
		used, most int64
		want       uint64 // in ten seconds
	}{
		{"there is room, and will be", 600, 700, 0},
		{"there may be less room", 600, 800, 33},
		{"it is short, and nothing grows", 800, 810, 9},
		{"it is short, and may be shorter", 800, 900, 33},
		{"it cannot be shorter", 900, 1000, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := NewMemory(1000, "the test", slog.New(slog.DiscardHandler))
				gauge := newGauge()
				first := gauge.read().collections
				var made uint64
				m.measure = func() reading {
					made = gauge.read().collections - first
					return reading{at: time.Now(), collections: 1 + made, used: c.used, most: c.most}
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				m.Watch(ctx)
				if made > c.want+2 || made < c.want/2 { // the runtime makes some of its own
					t.Errorf("%d collections; want about %d", made, c.want)
				}
			})
		})
	}
}
