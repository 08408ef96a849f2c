package clients

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
	"culvert/tests/oracle"
)

// Every client comes back by its own means after the bridge was killed, and has seen every message once: where the broker keeps a log nothing is missing, and where the
// log was the bridge's own the client is told so, and misses nothing that came after.
func TestClientsGoOnOverARestart(t *testing.T) {
	long := subject{name: "kafka, many partitions", environment: kafka, topic: kafkaTopic(60), keeps: true, thinned: true}
	each(t, append(subjects(), long), func(t *testing.T, s subject) {
		r := newRun(t, s)
		r.before()
		r.restart()
		r.after()
		r.judge()
	})
}

// patience is how long the test waits for what must come.
const patience = 30 * time.Second

// run is one restart under viewers.
type run struct {
	t        *testing.T
	subject  subject
	port     int
	topic    string
	node     *bridge.Bridge // the one that is killed
	programs []*program

	held   *oracle.Oracle // of messages that every viewer must see
	broken *oracle.Oracle // of those that may be lost with the bridge, if it says so
	// publishers of messages that are held. The first of all may be none of them.
	publishers []*client.Publisher
	first      *client.Publisher
}

func newRun(t *testing.T, s subject) *run {
	r := &run{t: t, subject: s, port: brokers.FreePorts(t, 1)[0], topic: s.topic(t), held: oracle.New(), broken: oracle.New()}
	r.node = s.start(t, r.port)
	events := r.node.URL + "/v1/topics/" + r.topic + "/events"
	socket := strings.Replace(r.node.URL, "http", "ws", 1) + "/v1/ws"
	r.programs = []*program{
		start(t, "view_eventsource.mjs", events),
		start(t, "view_sseclient.py", events),
		start(t, "view_ws.mjs", socket, r.topic),
		start(t, "view_websockets.py", socket, r.topic),
	}
	return r
}

// enough are so many messages that what comes next happens in the midst of them.
const enough = 10 * client.Keys

// before publishes to viewers that are there.
func (r *run) before() {
	r.eachHas("is ready", func(p *program) bool { return p.count("ready") > 0 })
	ctx := r.t.Context()
	if r.subject.keeps {
		r.first = client.Publish(ctx, r.held, 0, r.node.URL, r.topic)
		// Another node goes on while the first one is down.
		r.publishers = []*client.Publisher{r.first, client.Publish(ctx, r.held, 1, r.subject.start(r.t, 0).URL, r.topic)}
	} else {
		r.first = client.Publish(ctx, r.broken, 0, r.node.URL, r.topic)
	}
	r.eachHas("sees messages", func(p *program) bool { return p.count("message") > enough })
}

// restart kills the node in the midst of messages, and starts it again where it was.
func (r *run) restart() {
	r.node.Kill()
	if r.subject.keeps {
		other := r.publishers[1]
		already := len(other.Confirmed())
		brokers.Eventually(r.t, patience, "messages come while the node is down", func() bool { return len(other.Confirmed()) > already+enough })
	} else {
		r.first.Finish()
	}
	r.node = r.subject.start(r.t, r.port)
	if !r.subject.keeps {
		r.publishers = []*client.Publisher{client.Publish(r.t.Context(), r.held, 1, r.node.URL, r.topic)}
	}
}

// after publishes to viewers that came back, until they have seen what they must.
func (r *run) after() {
	came := make(map[*program]int)
	r.eachHas("came back", func(p *program) bool { return p.count("ready") > 1 })
	for _, p := range r.programs {
		came[p] = p.count("message")
	}
	r.eachHas("sees messages again", func(p *program) bool { return p.count("message") > came[p]+enough })
	var all []string
	for _, p := range r.publishers {
		p.Finish()
		for _, n := range p.Confirmed() {
			all = append(all, n.String())
		}
	}
	// What is still missing then the oracle tells in detail.
	r.eventually(func(p *program) bool { return p.hasAll(all) })
	if err := r.node.Stop(); err != nil {
		r.t.Errorf("culvert left with %v", err)
	}
	r.eachHas("hears that the bridge goes", func(p *program) bool { return p.count("bye") > 0 })
	for _, p := range r.programs {
		p.kill()
	}
}

// hasAll reports whether the program was shown all these messages.
func (p *program) hasAll(texts []string) bool {
	seen := make(map[string]bool, len(texts))
	for _, l := range p.printed() {
		seen[l.Data] = true
	}
	return !slices.ContainsFunc(texts, func(text string) bool { return !seen[text] })
}

// eachHas waits until something holds for each program, and fails the test when it does not come.
func (r *run) eachHas(what string, holds func(p *program) bool) {
	r.t.Helper()
	if late := r.eventually(holds); late != nil {
		r.t.Fatalf("not within %v, or before its end: %s %s; it printed %d lines, the last of them %+v", patience, late.name, what, len(late.printed()), late.end())
	}
}

// eventually waits until something holds for each program, and returns one for which it did not.
func (r *run) eventually(holds func(p *program) bool) *program {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, p := range r.programs {
		for !holds(p) {
			if ctx.Err() != nil || p.gone() {
				return p
			}
			<-tick.C
		}
	}
	return nil
}

// end are the last lines of a program.
func (p *program) end() []line {
	lines := p.printed()
	return lines[max(0, len(lines)-3):]
}

// judge tells all that was not as promised.
func (r *run) judge() {
	for _, p := range r.programs {
		r.hear(p)
	}
	for _, fault := range append(r.held.Judge(), r.broken.Judge()...) {
		r.t.Error(fault)
	}
}

// repeats is how many messages may come again after a reconnect where ids are thinned: one event in fifty has an id at least.
const repeats = 50

// witness tells the oracles what one program was shown.
type witness struct {
	r            *run
	p            *program
	held, broken *oracle.Viewer
	seen         map[oracle.Note]bool
	readies      int
	gap          bool
	repeated     int // since the last ready
}

func (r *run) hear(p *program) {
	w := &witness{r: r, p: p, held: r.held.Viewer(p.name), broken: r.broken.Viewer(p.name), seen: map[oracle.Note]bool{}}
	for _, l := range p.printed() {
		if l.Cursor == "" {
			r.t.Errorf("%s has no cursor after %+v", p.name, l)
		}
		switch l.Event {
		case "message":
			w.message(l.Data)
		case "ready", "gap", "bye":
			w.told(l)
		case "mark":
		default:
			r.t.Errorf("%s was shown %+v", p.name, l)
		}
	}
	if w.readies < 2 || w.gap == r.subject.keeps {
		r.t.Errorf("%s opened %d streams, and saw a gap: %v", p.name, w.readies, w.gap)
	}
}

func (w *witness) message(text string) {
	t := w.r.t
	n, err := oracle.ParseNote(text)
	if err != nil {
		t.Errorf("%s: %v", w.p.name, err)
		return
	}
	if w.seen[n] && w.r.subject.thinned && w.readies > 1 && w.repeated < repeats {
		w.repeated++
		return
	}
	w.seen[n] = true
	switch {
	case !w.r.subject.keeps && n.Publisher == w.r.first.Number:
		w.broken.Saw(n)
		if w.gap {
			t.Errorf("%s saw %v after the gap", w.p.name, n)
		}
	default:
		w.held.Saw(n)
		if !w.r.subject.keeps && !w.gap {
			t.Errorf("%s saw %v before it was told of the gap", w.p.name, n)
		}
	}
}

// told takes what the bridge says of the stream.
func (w *witness) told(l line) {
	t := w.r.t
	var says struct {
		Resumed bool
		Reason  string
	}
	if err := json.Unmarshal([]byte(l.Data), &says); err != nil {
		t.Errorf("%s was told %s: %v", w.p.name, l.Data, err)
	}
	switch l.Event {
	case "ready":
		w.readies++
		w.repeated = 0
		if w.readies == 1 {
			return
		}
		if says.Resumed != w.r.subject.keeps || !says.Resumed && says.Reason != "epoch" {
			t.Errorf("%s came back and was told %s", w.p.name, l.Data)
		}
	case "gap":
		w.gap = true
		w.broken.Gap(-1)
		if says.Reason != "epoch" {
			t.Errorf("%s was told of a gap: %s", w.p.name, l.Data)
		}
	case "bye":
		if says.Reason != "shutdown" {
			t.Errorf("%s was let go: %s", w.p.name, l.Data)
		}
	}
}
