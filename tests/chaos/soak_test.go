package chaos

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// soakFor is how long a soak takes, and whether it was asked for: CULVERT_CHAOS_SOAK=1h. Without that, it is a moment that shows that it runs.
func soakFor(t *testing.T) (d time.Duration, asked bool) {
	text := os.Getenv("CULVERT_CHAOS_SOAK")
	if text == "" {
		return 10 * time.Second, false
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("CULVERT_CHAOS_SOAK: %v", err)
	}
	return d, true
}

// TestSoak lets the same bridges work for long while one thing after the other breaks, on all kinds of broker at once, and judges at the end.
func TestSoak(t *testing.T) {
	seed, err := seed()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("CULVERT_CHAOS_SEED=%d", seed)
	duration, asked := soakFor(t)
	report := &soakReport{duration: duration, seed: seed, lines: map[string]string{}}
	t.Cleanup(func() {
		if asked && !t.Failed() {
			writtenBy("soak").write(t, report.String())
		}
	})
	beside(t, [][]string{{inproc}, {kafka}, {amqp}}, func(t *testing.T, kind string) {
		s := &soak{trial: newTrial(t, newArena(t, kind), row{name: "soak", env: soakSettings()}, seed), broken: map[string]int{}}
		s.run(report.duration)
		report.add(kind, s)
	})
}

// soakSettings bound what bridges remember, so that a soak soon uses as much memory as it ever will.
func soakSettings() []string {
	return []string{"CULVERT_INPROC_LOG_MESSAGES=20000", "CULVERT_SUBSCRIBE_WINDOW_MESSAGES=5000"}
}

// soak is a long trial of many disturbances.
type soak struct {
	*trial
	broken  map[string]int // by row, how often
	slowest time.Duration  // to go on after one
	after   string         // which one
	// before and then are what the bridge used with all at work, in the beginning and in the end.
	before, then usage
}

func (s *soak) run(d time.Duration) {
	s.open()
	s.name = s.topic(s.T)
	s.addNode()
	s.load = newLoad(s.trial, usual())
	defer s.load.close()
	s.load.open()
	s.goOn("before anything breaks")
	s.pass(min(d/6, 2*time.Minute)) // until the memory that is for messages is full
	s.before = s.usage()
	s.step("all are at work: %v", s.before)
	for end := time.Now().Add(d); time.Now().Before(end) && !s.Failed(); {
		s.breakOne(possible(s.kind))
	}
	s.returns(s.before)
	s.then = s.usage()
	s.load.finish()
	s.judge()
}

// possible are the rows that may happen in a soak.
func possible(kind string) []row {
	return slices.DeleteFunc(rows(), func(r row) bool { return !r.soak || !slices.Contains(r.on, kind) })
}

// breakOne draws a row, lets it happen, and wants all to go on.
func (s *soak) breakOne(rows []row) {
	r := rows[s.rand.IntN(len(rows))]
	s.step("%s", r.name)
	s.broken[r.name]++
	r.disturb(s.trial)
	if took := s.goOn("after " + r.name); took > s.slowest {
		s.slowest, s.after = took, r.name
	}
	s.pass(s.between(0, 5*time.Second))
}

// soakReport is what the page says of a soak.
type soakReport struct {
	duration time.Duration
	seed     uint64
	mu       sync.Mutex // guards lines
	lines    map[string]string
}

func (r *soakReport) add(kind string, s *soak) {
	broken, times := 0, []string{}
	for _, name := range slices.Sorted(maps.Keys(s.broken)) {
		broken += s.broken[name]
		times = append(times, fmt.Sprintf("%s: %d", name, s.broken[name]))
	}
	s.step("%s", strings.Join(times, "; "))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines[kind] = fmt.Sprintf("%d | %d | %d | %d | %.1f s (%s) | %d → %d | %.0f → %.0f MiB", s.oracle.Acked(), s.oracle.Shown(), s.oracle.Gaps(), broken, s.slowest.Seconds(), s.after,
		s.before.goroutines, s.then.goroutines, mebibytes(s.before.heap), mebibytes(s.then.heap))
}

func mebibytes(bytes int) float64 { return float64(bytes) / (1 << 20) }

func (r *soakReport) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s, seed %d, %s/%s, %d CPUs.\n\n", r.duration, r.seed, runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	s.WriteString("| broker | acked | shown to viewers | gaps told | times something broke | slowest to go on | goroutines, before → after | heap, before → after |\n|---|---|---|---|---|---|---|---|\n")
	for _, kind := range everywhere {
		fmt.Fprintf(&s, "| %s | %s |\n", kind, r.lines[kind])
	}
	return s.String()
}
