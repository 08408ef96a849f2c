package clients

import (
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
	"culvert/tests/oracle"
)

// Workers that are not ours share a queue on two bridges, over event streams and lines of JSON, and settle over HTTP. One of them is killed, one bridge is stopped and comes back, and
// connections break: each message is done, in the order of its key, and the broker knows in the end that nothing is left.
func TestWorkersShareAQueue(t *testing.T) {
	each(t, subjects(), func(t *testing.T, s subject) {
		w := newShift(t, s)
		w.begin()
		w.dies()
		if s.keeps {
			w.restart()
		}
		w.cut()
		w.end()
		w.judge()
	})
}

const (
	queue = "workers"
	// whole is how many messages there are at least.
	whole = 2500
	// some are so many messages that what comes next happens in the midst of them.
	some = 100
)

// shift is one run of workers.
type shift struct {
	t       *testing.T
	subject subject
	topic   string
	stays   *bridge.Bridge
	leaves  *bridge.Bridge // the same where the broker is in the bridge
	port    int            // of the one that leaves

	killed, mover, stayer *program
	relays                [2]*relay // of the mover and the stayer
	oracle                *oracle.Oracle
	publisher             *client.Publisher
}

func newShift(t *testing.T, s subject) *shift {
	w := &shift{t: t, subject: s, topic: s.topic(t), stays: s.start(t, 0), oracle: oracle.New()}
	w.leaves = w.stays
	if s.keeps {
		w.port = brokers.FreePorts(t, 1)[0]
		w.leaves = s.start(t, w.port)
	}
	w.relays = [2]*relay{pass(t, w.leaves.URL), pass(t, w.stays.URL)}
	return w
}

// begin has all workers in the queue before messages come. RabbitMQ gives them all to the node that came first, which is the one that leaves.
func (w *shift) begin() {
	join := func(file, url string) *program {
		p := start(w.t, file, url, w.topic, queue)
		w.await(p, "is ready", func() bool { return p.count("ready") > 0 })
		return p
	}
	w.killed = join("work_requests.py", w.leaves.URL)
	w.mover = join("work_lines.py", w.relays[0].URL)
	w.stayer = join("work_eventsource.mjs", w.relays[1].URL)
	w.publisher = client.Publish(w.t.Context(), w.oracle, 0, w.stays.URL, w.topic)
}

// dies kills a worker in the midst of its work.
func (w *shift) dies() {
	for _, p := range []*program{w.killed, w.mover} {
		w.await(p, "works", func() bool { return p.count("done") > some })
	}
	w.killed.kill()
}

// restart stops a bridge in order and starts it again where it was.
func (w *shift) restart() {
	if err := w.leaves.Stop(); err != nil {
		w.t.Errorf("culvert left with %v", err)
	}
	w.await(w.mover, "hears that the bridge goes", func() bool { return w.mover.count("bye") > 0 })
	already := w.stayer.count("done")
	w.await(w.stayer, "goes on at the other bridge", func() bool { return w.stayer.count("done") > already+some })
	w.leaves = w.subject.start(w.t, w.port)
	w.await(w.mover, "comes back", func() bool { return w.mover.count("ready") > 1 })
}

// cut breaks the connections of both workers, while they work or wait for what the other one does.
func (w *shift) cut() {
	for i, p := range []*program{w.mover, w.stayer} {
		before := p.count("ready")
		w.relays[i].cut()
		w.await(p, "comes back after its connection broke", func() bool { return p.count("ready") > before })
	}
}

// end returns when everything is done and settled.
func (w *shift) end() {
	brokers.Eventually(w.t, patience, "enough is published", func() bool { return len(w.publisher.Confirmed()) >= whole })
	w.publisher.Finish()
	brokers.Eventually(w.t, patience, "nothing is left in the queue", func() bool { return w.lag() == 0 })
	for _, p := range []*program{w.mover, w.stayer} {
		if p.gone() {
			w.t.Errorf("%s has ended by itself: %v", p.name, p.err)
		}
		p.kill()
	}
}

// lag is how far the queue is behind, as its broker tells it; negative where it does not at the moment.
func (w *shift) lag() int {
	var list struct {
		Queues []struct {
			Queue string `json:"queue"`
			Lag   *int   `json:"lag"`
		} `json:"queues"`
	}
	if err := client.Get(w.t.Context(), w.stays.URL+"/v1/topics/"+w.topic+"/queues", &list); err != nil {
		w.t.Fatal(err)
	}
	for _, q := range list.Queues {
		if q.Queue == queue && q.Lag != nil {
			return *q.Lag
		}
	}
	return -1
}

// judge tells all that was not as promised.
func (w *shift) judge() {
	done := map[oracle.Note]bool{}
	again := 0
	for _, p := range []*program{w.killed, w.mover, w.stayer} {
		member := w.oracle.Member(queue, p.name)
		for _, l := range p.printed() {
			if l.Event != "done" && l.Event != "nack" {
				continue
			}
			n, err := oracle.ParseNote(l.Data)
			if err != nil {
				w.t.Errorf("%s: %v", p.name, err)
			}
			member.Got(n)
			if l.Event == "done" && done[n] {
				again++
			}
			done[n] = done[n] || l.Event == "done"
		}
		if p.count("done") < some || p.count("nack") == 0 || p.count("gap") > 0 {
			w.t.Errorf("%s did %d messages, handed %d back, and was told of %d gaps", p.name, p.count("done"), p.count("nack"), p.count("gap"))
		}
	}
	for _, n := range w.publisher.Confirmed() {
		if !done[n] {
			w.t.Errorf("%v is settled, and nobody has done it", n)
		}
	}
	for _, fault := range w.oracle.Judge() {
		w.t.Error(fault)
	}
	// Whoever goes, or is moved by a rebalance, has held some whose settling did not arrive.
	if again > some {
		w.t.Errorf("%d of %d messages were done again", again, len(done))
	}
}

// await waits until something holds for a worker, and fails the test when that does not come.
func (w *shift) await(p *program, what string, holds func() bool) {
	w.t.Helper()
	brokers.Eventually(w.t, patience, p.name+" "+what, func() bool {
		if p.gone() && !holds() {
			w.t.Fatalf("%s has ended: %v", p.name, p.err)
		}
		return holds()
	})
}
