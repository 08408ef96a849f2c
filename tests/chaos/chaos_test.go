package chaos

import (
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
		// A connection that is cut while toxiproxy adds or removes a toxic leaves goroutines that send to a stub which nobody reads any more (v2.12.0); an hour's soak has a handful.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
	)
}

// row is one way in which things break.
type row struct {
	name string   // what breaks, in the words of the table
	on   []string // the kinds of broker on which it makes sense
	env  []string // of the bridges, besides what all have: NAME=value
	// disturb breaks something under the usual load, and returns when it is mended. The trial then wants all to go on, and judges.
	disturb func(x *trial)
	// alone, instead of disturb, does all of the trial by itself.
	alone func(x *trial)
	// forgets: the broker loses what it has confirmed, so that there may be gaps. In any other row one is a fault, but where the in-process broker ended with its bridge.
	forgets bool
	// thousands of clients take part: the race detector would be nine tenths of what they cost, so the bridges have none.
	thousands bool
	// variation of another row, for which the small run has no time.
	variation bool
	// soak: disturb may also happen in a soak, beside others.
	soak bool
}

// The kinds of broker.
const (
	inproc  = "inproc"
	kafka   = "kafka"
	amqp    = "amqp"
	cluster = "kafka, three nodes"
)

var (
	everywhere = []string{inproc, kafka, amqp}
	servers    = []string{kafka, amqp}
)

// rows is the matrix.
func rows() []row {
	return slices.Concat(brokerRows(), networkRows(), clientRows(), bridgeRows(), queueRows(), topicRows(), resourceRows(), clusterRows())
}

// TestChaos runs the matrix: kinds of brokers beside each other, on each its rows one after the other.
func TestChaos(t *testing.T) {
	seed, err := seed()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("CULVERT_CHAOS_SEED=%d", seed)
	table := newTable()
	t.Cleanup(func() { table.close(t) })
	beside(t, [][]string{{inproc, cluster}, {kafka}, {amqp}}, func(t *testing.T, kind string) {
		a := newArena(t, kind)
		for _, r := range rows() {
			if !slices.Contains(r.on, kind) || r.variation && !long() {
				continue
			}
			t.Run(r.name, func(t *testing.T) {
				x := newTrial(t, a, r, seed)
				t.Cleanup(func() { // when all else of the row has ended, however it did
					if !t.Skipped() {
						table.fill(r.name, kind, x.verdict())
					}
				})
				x.run()
			})
		}
	})
}

// beside runs a test for each kind of broker. Those of a turn come one after the other; the turns are taken at once, since they wait much more than they work.
func beside(t *testing.T, turns [][]string, test func(t *testing.T, kind string)) {
	var all sync.WaitGroup
	for _, turn := range turns {
		all.Go(func() {
			for _, kind := range turn {
				t.Run(kind, func(t *testing.T) { test(t, kind) })
			}
		})
	}
	all.Wait()
}
