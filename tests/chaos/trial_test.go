package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/oracle"
)

// queue is the queue that members of a trial share.
const queue = "workers"

// recovery is how long a bridge may take until all goes on once nothing is broken any more. Some time-outs of the brokers' clients are counted in.
const recovery = 45 * time.Second

// trial is one row on one kind of broker.
type trial struct {
	*testing.T
	*arena
	row    row
	rand   *rand.Rand // for the goroutine that disturbs
	oracle *oracle.Oracle
	begun  time.Time
	name   string // of the topic
	nodes  []*node
	load   *load
	// door, where it is not nil, tells each client anew where it finds a bridge, and may be called by all of them at once. Else they go to the first node.
	door func() string
	// habits are what is odd about the members; nothing, mostly.
	habits habits
	// grown is what bridges may use besides, since there is more for them to do than before.
	grown usage
	inlet string        // where publishers find them, where that is elsewhere
	back  time.Duration // until all went on

	strangers atomic.Int64   // how many there were
	mu        sync.Mutex     // guards what follows
	refused   map[string]int // by code, what publishers were told
	details   map[string]bool
}

func newTrial(t *testing.T, a *arena, r row, seed uint64) *trial {
	o := oracle.New()
	o.Prompt()
	return &trial{
		T: t, arena: a, row: r, rand: source(seed, a.kind+"/"+r.name), oracle: o, begun: time.Now(), refused: map[string]int{}, details: map[string]bool{},
	}
}

func (x *trial) run() {
	x.open()
	x.name = x.topic(x.T)
	if x.row.alone != nil {
		x.row.alone(x)
		return
	}
	x.addNode()
	x.underLoad(usual(), x.row.disturb)
}

// addNode starts one more bridge. env comes behind that of the row.
func (x *trial) addNode(env ...string) *node {
	run := bridge.Start
	if x.row.thousands {
		run = bridge.StartUnraced
	}
	n := newNode(x.T, slices.Concat(x.env, impatient(), x.row.env, env), run)
	x.nodes = append(x.nodes, n)
	return n
}

// impatient are settings by which a bridge sees sooner what is broken, and lets go sooner what nobody uses, so that a trial is short.
func impatient() []string {
	return []string{
		"CULVERT_ADMIN_PPROF=true",
		"CULVERT_AMQP_DIAL_TIMEOUT=2s", "CULVERT_AMQP_HEARTBEAT=2s", "CULVERT_AMQP_REQUEST_TIMEOUT=5s",
		"CULVERT_INJECT_TIMEOUT=4s",
		"CULVERT_KAFKA_DIAL_TIMEOUT=2s", "CULVERT_KAFKA_REQUEST_TIMEOUT=5s", "CULVERT_KAFKA_SESSION_TIMEOUT=4s",
		"CULVERT_QUEUE_LEASE=4s", "CULVERT_QUEUE_LINGER=1s",
		"CULVERT_SHUTDOWN_DRAIN=1s",
		"CULVERT_SSE_RETRY=200ms", "CULVERT_SUBSCRIBE_LINGER=1s", "CULVERT_WS_RETRY=200ms",
	}
}

// url is where clients find the bridges now.
func (x *trial) url() string {
	if x.door != nil {
		return x.door()
	}
	return x.nodes[0].url
}

// injectURL is where publishers find them.
func (x *trial) injectURL() string {
	if x.inlet != "" {
		return x.inlet
	}
	return x.url()
}

// underLoad lets clients work while something is broken and mended, wants them all to go on then, and judges.
func (x *trial) underLoad(c crowd, disturb func(*trial)) {
	x.load = newLoad(x, c)
	defer x.load.close()
	x.load.open()
	x.goOn("before anything breaks")
	before := x.usage()
	x.step("all are at work: %v", before)
	disturb(x)
	before = before.plus(x.grown)
	x.back = x.goOn("when nothing is broken any more")
	x.step("all went on after %s", x.back.Round(time.Millisecond))
	x.returns(before)
	x.load.finish()
	x.judge()
}

// goOn waits until every publisher is acked what it sends from now on, every viewer sees it and the queue settles it, and returns how long that took.
func (x *trial) goOn(when string) time.Duration {
	x.Helper()
	since := time.Now()
	marks := x.load.sent()
	var behind []string
	if !x.until(recovery, func() bool {
		behind = x.load.behind(marks)
		return len(behind) == 0
	}) {
		x.Fatalf("%s, after %s these have not gone on: %s", when, recovery, strings.Join(behind, "; "))
	}
	return time.Since(since)
}

// until waits for something, and reports whether it came within limit.
func (x *trial) until(limit time.Duration, holds func() bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-ctx.Done():
			return holds()
		}
	}
	return true
}

// pass lets time go by.
func (x *trial) pass(d time.Duration) { <-time.After(d) }

// between draws a time.
func (x *trial) between(least, most time.Duration) time.Duration {
	return least + time.Duration(x.rand.Int64N(int64(most-least)+1))
}

// step tells what happens.
func (x *trial) step(format string, args ...any) {
	x.Logf("%6.2f s: "+format, append([]any{time.Since(x.begun).Seconds()}, args...)...)
}

// usage is what all nodes hold together. They must live.
func (x *trial) usage() (all usage) {
	x.Helper()
	for _, n := range x.nodes {
		u, err := n.usage()
		if err != nil {
			x.Fatalf("what the bridge at %s uses: %v", n.url, err)
		}
		all = all.plus(u)
	}
	return all
}

// returns wants the nodes to hold no more than before, but for a little that comes and goes.
func (x *trial) returns(before usage) {
	x.Helper()
	// What is remembered of messages may have filled meanwhile: a live window, what of it was encoded, the in-process broker's log.
	remembered := few(24, 64) << 20
	most := usage{before.goroutines + before.goroutines/10 + 10, before.descriptors + before.descriptors/10 + 8, before.heap + remembered}
	var now usage
	if !x.until(recovery, func() bool {
		now = x.usage()
		return now.goroutines <= most.goroutines && now.descriptors <= most.descriptors && now.heap <= most.heap
	}) {
		x.Errorf("%s after %s before", now, before)
		for _, n := range x.nodes {
			x.Logf("the goroutines of %s:\n%s", n.url, n.goroutines())
		}
	}
	x.step("%v", now)
}

// judge says what the oracle says.
func (x *trial) judge() {
	x.Helper()
	for _, fault := range x.oracle.Judge() {
		x.Error(fault)
	}
	if gaps := x.oracle.Gaps(); gaps > 0 && !x.row.forgets && !x.reborn() {
		x.Errorf("%d gaps were told of, though the broker has all that it confirmed", gaps)
	}
	x.step("%d acked, %d not answered, refused %v", x.oracle.Acked(), x.oracle.Unanswered(), x.refusals())
}

// reborn reports whether the broker ended with its bridge, and began anew, with nothing.
func (x *trial) reborn() bool { return x.kind == inproc && x.nodes[0].births.Load() > 1 }

// refuse notes that a publisher was told an error, which must be one that passes, and no defect.
func (x *trial) refuse(code, detail string, retryable bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.refused[code]++
	x.details[detail] = true
	if x.refused[code] == 1 {
		x.step("refused: %s: %s", code, detail)
	}
	if !retryable || detail == "" || code == "internal" {
		x.Errorf("a publisher was told %s, retryable %t: %q", code, retryable, detail)
	}
}

// refusals are the codes that publishers were told, with how often.
func (x *trial) refusals() map[string]int {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := map[string]int{}
	for code, n := range x.refused {
		all[code] = n
	}
	return all
}

// told reports whether a publisher was told something with these words.
func (x *trial) told(words string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	for detail := range x.details {
		if strings.Contains(detail, words) {
			return true
		}
	}
	return false
}

// verdict is what the table says of the trial.
func (x *trial) verdict() string {
	if x.Failed() {
		return broken
	}
	said := fmt.Sprintf("%d acked", x.oracle.Acked())
	if gaps := x.oracle.Gaps(); gaps > 0 {
		said += fmt.Sprintf(", %d gaps", gaps)
	}
	if x.back > 0 {
		said += fmt.Sprintf(", on after %.1f s", x.back.Seconds())
	}
	return said
}
