package browser

import (
	"encoding/json"
	"fmt"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
	"culvert/tests/oracle"
)

// Pages come back by themselves after the bridge was killed, and have seen every message once: where the broker keeps a log nothing is missing, and where the log was the bridge's own they are
// told so, and miss nothing that came after. When the bridge is then stopped as it should be, they hear of it.
func TestPagesGoOnOverARestart(t *testing.T) {
	for _, s := range []subject{
		{name: "inproc", environment: func(*testing.T) []string { return []string{"CULVERT_BROKER=inproc"} }, topic: func(t *testing.T) string { return brokers.Topic(t) }},
		{name: "kafka", environment: kafka, topic: kafkaTopic(3), keeps: true},
		{name: "kafka, many partitions", environment: kafka, topic: kafkaTopic(60), keeps: true, thinned: true},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, s)
			r.before()
			r.restart()
			r.after()
			r.judge()
		})
	}
}

// subject is a broker that the bridge is run with.
type subject struct {
	name string
	// environment has the bridge use the broker.
	environment func(t *testing.T) []string
	topic       func(t *testing.T) string
	// keeps says that the broker has what was published when the bridge is gone, and that other bridges reach it.
	keeps bool
	// thinned says that cursors are so long that not every event has one.
	thinned bool
}

func kafka(t *testing.T) []string {
	return []string{"CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS=" + brokers.Kafka(t).Bootstrap()}
}

func kafkaTopic(partitions int32) func(t *testing.T) string {
	return func(t *testing.T) string {
		topic := brokers.Topic(t)
		brokers.CreateTopic(t, brokers.Kafka(t), topic, partitions)
		return topic
	}
}

// run is one restart under pages.
type run struct {
	t       *testing.T
	subject subject
	profile *profile
	port    int
	topic   string
	node    *bridge.Bridge // the one that is killed
	pages   []*tab

	held   *oracle.Oracle // of messages that every page must see
	broken *oracle.Oracle // of those that may be lost with the bridge, if it says so
	first  *client.Publisher
	last   *client.Publisher   // of messages that are held; may be the first
	more   []*client.Publisher // so many that the last message before a break has no cursor
}

func newRun(t *testing.T, s subject) *run {
	r := &run{t: t, subject: s, profile: open(t), port: brokers.FreePorts(t, 1)[0], topic: s.topic(t), held: oracle.New(), broken: oracle.New()}
	r.node = r.start(r.port)
	events := r.node.URL + "/v1/topics/" + r.topic + "/events"
	r.pages = []*tab{
		r.profile.tab("eventsource.html", "url", events),
		r.profile.tab("view.html", "url", events, "client", script(r.node)),
		r.profile.tab("view.html", "url", events, "client", script(r.node), "options", `{"transport":"eventsource"}`),
		r.profile.tab("view.html", "url", events, "client", script(r.node), "options", `{"share":true}`),
		r.profile.tab("view.html", "url", events, "client", script(r.node), "options", `{"share":true}`),
	}
	return r
}

// start runs a bridge that listens on port, 0 for any.
func (r *run) start(port int) *bridge.Bridge {
	r.t.Helper()
	return bridge.Start(r.t, append(r.subject.environment(r.t),
		fmt.Sprintf("CULVERT_LISTEN=127.0.0.1:%d", port), "CULVERT_HTTP_ORIGINS="+r.profile.origin, "CULVERT_SSE_RETRY=200ms")...)
}

// enough are so many messages that what comes next happens in the midst of them.
const enough = 5 * client.Keys

// before publishes to pages that are there.
func (r *run) before() {
	r.each("is ready", "count('ready') === 1")
	if r.subject.keeps {
		// Another node goes on while the first one is down.
		other := r.start(0).URL
		r.first = client.Publish(r.t.Context(), r.held, 0, other, r.topic)
		r.last = r.first
		for n := 2; r.subject.thinned && n < 10; n++ {
			r.more = append(r.more, client.Publish(r.t.Context(), r.held, n, other, r.topic))
		}
	} else {
		r.first = client.Publish(r.t.Context(), r.broken, 0, r.node.URL, r.topic)
	}
	r.each("sees messages", fmt.Sprintf("count('message') > %d", enough))
}

// restart kills the node in the midst of messages, and starts it again where it was.
func (r *run) restart() {
	r.node.Kill()
	if r.subject.keeps {
		already := len(r.last.Confirmed())
		brokers.Eventually(r.t, patience, "messages come while the node is down", func() bool { return len(r.last.Confirmed()) > already+enough })
	} else {
		r.first.Finish()
	}
	r.node = r.start(r.port)
	if !r.subject.keeps {
		r.last = client.Publish(r.t.Context(), r.held, 1, r.node.URL, r.topic)
	}
}

// after publishes to pages that came back, until they have seen what they must.
func (r *run) after() {
	r.each("came back", "count('ready') > 1")
	r.each("sees messages again", fmt.Sprintf("shown.slice(shown.findLastIndex(s => s.event === 'ready')).length > %d", enough))
	for _, p := range append(r.more, r.last) {
		p.Finish()
		r.each("has seen all", "seen("+texts(r.t, p)+")")
	}
	if err := r.node.Stop(); err != nil {
		r.t.Errorf("culvert left with %v", err)
	}
	r.each("hears that the bridge goes", "parted()")
}

func (r *run) each(what, holds string) {
	r.t.Helper()
	for _, p := range r.pages {
		p.until(what, holds)
	}
}

// judge tells all that was not as promised.
func (r *run) judge() {
	for _, p := range r.pages {
		r.hear(p)
	}
	for _, fault := range append(r.held.Judge(), r.broken.Judge()...) {
		r.t.Error(fault)
	}
}

// hear tells the oracles what one page was shown.
func (r *run) hear(p *tab) {
	held, broken := r.held.Viewer(p.name), r.broken.Viewer(p.name)
	resumed, gap := false, false // as it must have been
	seen, repeated := map[oracle.Note]bool{}, 0
	for _, l := range p.shown() {
		switch l.Event {
		case "message":
			n, err := oracle.ParseNote(l.Data)
			switch again := seen[n]; {
			case err != nil:
				r.t.Errorf("%s: %v", p.name, err)
			case again && r.mayRepeat(p) && repeated < repeats:
				repeated++
			case !r.subject.keeps && n.Publisher == r.first.Number:
				broken.Saw(n)
			default:
				held.Saw(n)
			}
			seen[n] = true
			if !r.subject.keeps && gap != (n.Publisher == r.last.Number) {
				r.t.Errorf("%s was shown %v, and a gap before it: %v", p.name, n, gap)
			}
		case "ready":
			repeated = 0
			says := r.says(p, l)
			resumed = resumed || says.Resumed == r.subject.keeps && (says.Resumed || says.Reason == "epoch")
		case "gap":
			gap = true
			broken.Gap(-1)
			if says := r.says(p, l); says.Reason != "epoch" {
				r.t.Errorf("%s was told of a gap: %s", p.name, l.Data)
			}
		case "delete", "binary", "binary-delete":
			r.t.Errorf("%s was shown %+v", p.name, l)
		}
		if l.Cursor == "" && l.Event != "state" {
			r.t.Errorf("%s has no cursor after %+v", p.name, l)
		}
	}
	if !resumed {
		r.t.Errorf("%s was not told whether it goes on", p.name)
	}
	if gap == r.subject.keeps {
		r.t.Errorf("%s was told of a gap: %v", p.name, gap)
	}
}

// repeats is how many messages may come again after a reconnect where ids are thinned: one event in fifty has an id at least.
const repeats = 50

// mayRepeat reports whether a page has nothing that keeps it from seeing messages again: the client passes over them.
func (r *run) mayRepeat(p *tab) bool { return r.subject.thinned && p == r.pages[0] }

// told is what the bridge says of a stream.
type told struct {
	Resumed bool
	Reason  string
}

func (r *run) says(p *tab, l line) (says told) {
	if err := json.Unmarshal([]byte(l.Data), &says); err != nil {
		r.t.Errorf("%s was told %s: %v", p.name, l.Data, err)
	}
	return says
}
