package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

const examples = "../../docs/examples"

// stage is an example with its bridge, which keeps its address over restarts.
type stage struct {
	*profile
	port int
	node *bridge.Bridge
}

func newStage(t *testing.T) *stage {
	t.Helper()
	p := open(t)
	site := httptest.NewServer(http.FileServer(http.Dir(examples)))
	t.Cleanup(site.Close)
	p.origin = site.URL
	s := &stage{profile: p, port: brokers.FreePorts(t, 1)[0]}
	s.start()
	return s
}

func (s *stage) start() {
	s.t.Helper()
	s.node = bridge.Start(s.t, "CULVERT_BROKER=inproc", fmt.Sprintf("CULVERT_LISTEN=127.0.0.1:%d", s.port), "CULVERT_HTTP_ORIGINS="+s.origin, "CULVERT_SSE_RETRY=200ms")
}

// example opens a page of docs/examples as it stands there.
func (s *stage) example(page string) *tab {
	s.t.Helper()
	return waiting(s.tab(page, "bridge", s.node.URL))
}

// waiting gives a page that is not of testdata what until needs.
func waiting(page *tab) *tab {
	page.t.Helper()
	evaluate[bool](page, `(() => {
		window.shown = []
		window.until = async holds => { while (!holds()) await new Promise(resolve => setTimeout(resolve, 20)); return true }
		return true
	})()`)
	return page
}

// feed runs the publisher until the test ends.
func (s *stage) feed() {
	s.t.Helper()
	feed := brokers.Python(context.WithoutCancel(s.t.Context()), s.t, examples+"/feed.py")
	feed.Env = append(feed.Env, "CULVERT_URL="+s.node.URL)
	var said strings.Builder
	feed.Stderr = &said
	input, err := feed.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := feed.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		input.Close()
		_ = feed.Wait() // killed, as asked
		if s.t.Failed() {
			s.t.Logf("feed.py said:\n%s", said.String())
		}
	})
}

// The starter page shows what moves, lets go what is deleted, takes no message for HTML, says when it is cut off, and knows after a restart which rows are old.
func TestTheStarterPage(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const evil = `<img src=x onerror=alert(1)>`
	inject(t, s.node, "prices", `{"messages":[{"key":"ZZZ","payload":{"symbol":"ZZZ","price":10}},{"key":"evil","payload":{"symbol":"`+evil+`","price":1}},{"text":"no price"}]}`)
	page := s.example("prices.html")
	page.until("is live", "$('#state').textContent === 'live'")
	page.until("shows both", "rows.size === 2")
	if got := evaluate[string](page, "$('tbody').textContent"); !strings.Contains(got, evil) || !strings.Contains(got, "10.00") {
		t.Errorf("the page shows %q", got)
	}
	if evaluate[int](page, "document.images.length") != 0 {
		t.Error("a message became HTML")
	}

	evaluate[bool](page, `(() => {
		window.flashes = []
		const animate = Element.prototype.animate
		Element.prototype.animate = function (...how) { flashes.push(this.textContent); return animate.apply(this, how) }
		return true
	})()`)
	inject(t, s.node, "prices", `{"messages":[{"key":"ZZZ","payload":{"symbol":"ZZZ","price":11}}]}`)
	page.until("shows and flashes the change", "flashes.some(row => row.includes('ZZZ11.00+10.00 %'))")
	inject(t, s.node, "prices", `{"messages":[{"key":"ZZZ","payload":null}]}`)
	page.until("lets go what was deleted", "!$('tbody').textContent.includes('ZZZ')")

	s.feed()
	page.until("shows the feed", "rows.size === 9")
	s.node.Kill()
	page.until("says that it is cut off", "$('#state').className === 'waiting'")
	s.start()
	page.until("is live again", "$('#state').className === 'live'")
	page.until("says that something is missing", "$('#notice').textContent.includes('(epoch)')")
	page.until("knows what is old", "rows.get('"+evil+"').element.className === 'old'")
	page.until("goes on", "[...rows.values()].some(row => row.element.className !== 'old')")
}

// What is said in the chat is seen once by everybody, by those who come later too, and what is said while the bridge is away is said when it is back.
func TestTheChat(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ann, bob := s.example("chat.html"), s.example("chat.html")
	say := func(who *tab, name, text string) {
		evaluate[bool](who, fmt.Sprintf(`(() => {
			document.getElementById('name').value = %q
			document.getElementById('text').value = %q
			document.querySelector('form').requestSubmit()
			return true
		})()`, name, text))
	}
	// once is that a line is there one time, and that nobody waits for it to be sent.
	once := func(text string) string {
		return fmt.Sprintf("[...document.querySelectorAll('#talk li')].filter(item => item.textContent.includes(%q) && !item.textContent.includes('sending')).length === 1", text)
	}
	for _, page := range []*tab{ann, bob} {
		page.until("is connected", "document.getElementById('state').textContent === 'connected'")
	}
	say(ann, "Ann", "hello <b>you</b>")
	for _, page := range []*tab{ann, bob} {
		page.until("shows it", once("hello <b>you</b>"))
		if evaluate[int](page, "document.querySelectorAll('#talk b').length") != 0 {
			t.Error("a message became HTML")
		}
	}
	carol := s.example("chat.html")
	carol.until("shows what was said before", once("hello <b>you</b>"))

	s.node.Kill()
	ann.until("knows that it is cut off", "document.getElementById('state').textContent.startsWith('not connected')")
	say(ann, "Ann", "while away")
	ann.until("shows that it is not sent", "document.getElementById('talk').textContent.includes('sending')")
	s.start()
	for _, page := range []*tab{ann, bob, carol} {
		page.until("shows it once", once("while away"))
		page.until("still shows what was before, once", once("hello <b>you</b>"))
	}
	bob.until("says that something may be missing", "document.querySelector('#talk .note').textContent.includes('(epoch)')")
	say(bob, "Bob", "welcome back")
	ann.until("shows the answer", once("welcome back"))
	if err := s.node.Stop(); err != nil {
		t.Error(err)
	}
	ann.until("hears that the bridge goes", "document.getElementById('state').textContent.startsWith('not connected')")
}

// A page in a room of its own sees that room only.
func TestTheRoomsOfTheChat(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	inject(t, s.node, "chat", `{"messages":[{"key":"lobby","payload":{"text":"in the lobby"}},{"key":"kitchen","payload":{"text":"in the kitchen"}}]}`)
	page := waiting(s.tab("chat.html", "bridge", s.node.URL, "room", "kitchen"))
	page.until("shows its room", "document.getElementById('talk').textContent.includes('in the kitchen')")
	if evaluate[bool](page, "document.getElementById('talk').textContent.includes('in the lobby')") {
		t.Error("it shows another room")
	}
}

// All tabs of the dashboard are one stream of the bridge, also when the tab that began it is closed, and show what comes of each topic.
func TestTheDashboard(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	inject(t, s.node, "prices", `{"messages":[{"key":"ZZZ","payload":{"symbol":"ZZZ","price":10}},{"key":"YYY","payload":{"symbol":"YYY","price":20}}]}`)
	var tabs []*tab
	for range 4 {
		tabs = append(tabs, s.example("dashboard.html"))
	}
	each := func(what, expression string) {
		t.Helper()
		for _, page := range tabs {
			page.until(what, expression)
		}
	}
	shows := func(id, text string) string {
		return fmt.Sprintf("document.getElementById(%q).textContent.includes(%q)", id, text)
	}
	each("is live", "document.getElementById('state').className === 'live'")
	each("shows what was there before", shows("prices", "ZZZ10.00")+" && "+shows("prices", "YYY20.00"))
	one := func() {
		t.Helper()
		brokers.Eventually(t, patience, "all tabs are one stream", func() bool {
			metrics, err := client.Text(t.Context(), s.node.Admin+"/metrics")
			return err == nil && strings.Contains(string(metrics), "\nculvert_connections 1\n")
		})
	}
	one()

	inject(t, s.node, "prices", `{"messages":[{"key":"ZZZ","payload":{"symbol":"ZZZ","price":11}},{"key":"YYY","payload":null}]}`)
	inject(t, s.node, "orders", `{"messages":[{"key":"alice","payload":{"order":1,"items":3}}]}`)
	inject(t, s.node, "orders.packing.dlq", `{"messages":[{"key":"bob","headers":[["culvert-dead-attempts","5"]],"payload":{"order":2,"items":0}}]}`)
	inject(t, s.node, "chat", `{"messages":[{"key":"lobby","payload":{"name":"Ann","text":"hello <b>you</b>"}}]}`)
	each("shows the price, and not what was deleted", shows("prices", "ZZZ11.00")+" && !"+shows("prices", "YYY"))
	each("counts the order", "document.getElementById('minute').textContent === '1'")
	each("shows the dead letter", shows("dead", "bob order 2: tried 5 times"))
	each("shows the chat as text", shows("chat", "Ann hello <b>you</b>")+" && !document.querySelector('#chat b')")

	tabs[0].end()
	tabs = tabs[1:]
	inject(t, s.node, "prices", `{"messages":[{"key":"ZZZ","payload":{"symbol":"ZZZ","price":12}}]}`)
	each("goes on without the first tab", shows("prices", "ZZZ12.00"))
	one()

	s.node.Kill()
	each("says that it is cut off", "document.getElementById('state').className === 'waiting' || document.getElementById('state').className === 'connecting'")
	s.start()
	each("is live again", "document.getElementById('state').className === 'live'")
	inject(t, s.node, "prices", `{"messages":[{"key":"ZZZ","payload":{"symbol":"ZZZ","price":13}}]}`)
	each("goes on", shows("prices", "ZZZ13.00"))
}
