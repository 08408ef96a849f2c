package chaos

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"
)

// storm cuts off thousands of viewers at once, of whom each comes back with its cursor within a second: by killing their bridge while others are injected to at another one, so that
// nobody finds what it lacks in memory, or, where that would be the end of the broker too, by resetting all connections.
func storm(x *trial) {
	viewed := x.addNode()
	if x.kind != inproc {
		x.inlet = x.addNode().url
	}
	x.load = newLoad(x, crowd{publishers: 1, viewers: 20, keys: 5, rate: 5, beat: time.Second})
	defer x.load.close()
	x.load.open()
	m := gather(x.load, 5000)
	m.goOn("before anything breaks")
	before := x.usage()
	x.step("%d viewers are there: %v", len(m.all), before)
	if x.kind == inproc {
		m.cut()
	} else {
		viewed.kill()
		publisher := x.load.publishers[0]
		lacked := publisher.acked.Load() + 10
		x.until(recovery, func() bool { return publisher.acked.Load() > lacked })
		viewed.start()
	}
	x.step("all are cut off, and may come back")
	peak := watchPeak(viewed)
	x.back = m.goOn("when nothing is broken any more")
	x.step("all went on after %s, having come %d times and been sent away %d times", x.back.Round(time.Millisecond), m.ready.Load(), m.waits.Load())
	x.returns(before)
	x.frugal(before, peak(), len(m.all))
	x.load.finish()
	m.judge()
	m.close()
	x.judge()
}

// watchPeak looks at what a bridge has allocated until peak is called, which gives the most that it was.
func watchPeak(n *node) (peak func() int) {
	ctx, stop := context.WithCancel(context.Background())
	most := 0
	var watching sync.WaitGroup
	watching.Go(func() { // ends with ctx
		look := time.NewTicker(200 * time.Millisecond)
		defer look.Stop()
		for ctx.Err() == nil {
			if now, err := n.series("go_memstats_heap_alloc_bytes"); err == nil {
				most = max(most, now)
			}
			select {
			case <-look.C:
			case <-ctx.Done():
			}
		}
	})
	return func() int {
		stop()
		watching.Wait()
		return most
	}
}

// frugal wants a bridge to have had one reader of the topic, few replays of it, and not much more memory than before, of which there may always be twice as much as is alive:
// what net/http holds of each connection whose request it serves, were all of them served at once.
func (x *trial) frugal(before usage, peak, viewers int) {
	x.Helper()
	const (
		most   = 32       // replays, for thousands who lack about the same
		served = 16 << 10 // bytes of a connection
	)
	least := 1
	if x.kind == inproc {
		least = 0 // nobody lacks what is not in memory
	}
	if limit := 2 * (before.heap + viewers*served); peak > limit {
		x.Errorf("the heap had %d MiB, want at most %d", peak>>20, limit>>20)
	}
	replays := x.series(x.nodes[0], "culvert_replays_total")
	if replays < least || replays > most {
		x.Errorf("%d replays were begun, want %d to %d", replays, least, most)
	}
	if feeds := x.series(x.nodes[0], "culvert_feeds"); feeds != 1 {
		x.Errorf("%d feeds, want one", feeds)
	}
	if x.kind == amqp {
		x.oneReader()
	}
	x.step("%d replays, a heap of %d MiB at most", replays, peak>>20)
}

// oneReader wants RabbitMQ to know of one consumer. It is asked for channels, since it counts those of a stream also when they are dead.
func (x *trial) oneReader() {
	x.Helper()
	consumers := 0
	for line := range strings.Lines(x.rabbit.Ctl(x.T, "list_channels", "--quiet", "--no-table-headers", "consumer_count")) {
		n, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			x.Fatal(err)
		}
		consumers += n
	}
	if consumers != 1 {
		x.Errorf("RabbitMQ has %d readers, want one", consumers)
	}
}

// series is a metric of a bridge, which must live.
func (x *trial) series(n *node, name string) int {
	x.Helper()
	value, err := n.series(name)
	if err != nil {
		x.Fatal(err)
	}
	return value
}
