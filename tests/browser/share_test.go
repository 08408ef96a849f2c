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

// Six tabs of one origin share one connection, and see all messages, and so does one that comes late and begins with what was before. The one that was opened first is closed: the others go on, over one connection, and miss nothing.
func TestTabsShareAConnection(t *testing.T) {
	for name, without := range map[string]string{
		"kept by a worker": "",
		// No tab could lead: the client took what it had instead of a worker for one.
		"kept by a tab": "SharedWorker",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSharing(t, without)
			s.each("is ready", "messages?.state === 'live' && count('ready') > 0")
			s.oneConnection()
			publisher := client.Publish(t.Context(), s.oracle, 0, s.bridge.Admin, s.topic)
			s.each("sees messages", fmt.Sprintf("count('message') > %d", enough))
			s.openLate()
			s.closeFirst()
			s.each("goes on", fmt.Sprintf("count('message') > %d", evaluate[int](s.tabs[0], "count('message')")+enough))
			publisher.Finish()
			s.each("has seen all", "seen("+texts(t, publisher)+")")
			s.oneConnection()
			s.judge()
		})
	}
}

// sharing are tabs that share a connection.
type sharing struct {
	t       *testing.T
	profile *profile
	without string // what its browser lacks
	bridge  *bridge.Bridge
	door    *door
	topic   string
	oracle  *oracle.Oracle
	tabs    []*tab
}

// newSharing opens the tabs in a browser that lacks something.
func newSharing(t *testing.T, without string) *sharing {
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS="+p.origin, "CULVERT_SSE_RETRY=200ms")
	s := &sharing{t: t, profile: p, without: without, bridge: b, door: pass(t, b), topic: brokers.Topic(t), oracle: oracle.New()}
	for range 6 {
		s.open(`{"share":true}`)
	}
	return s
}

// open opens a tab.
func (s *sharing) open(options string) {
	s.t.Helper()
	// A worker must come from where the page does.
	s.tabs = append(s.tabs, s.profile.tab("view.html", "client", s.profile.origin+"/culvert.js", "options", options, "without", s.without,
		"url", "http://"+s.door.addr+"/v1/topics/"+s.topic+"/events"))
}

func (s *sharing) each(what, holds string) {
	s.t.Helper()
	for _, tab := range s.tabs {
		tab.until(what, holds)
	}
}

// oneConnection waits until no tab has another one to catch up.
func (s *sharing) oneConnection() {
	s.t.Helper()
	brokers.Eventually(s.t, patience, "they share one connection", func() bool { return s.door.open.Load() == 1 })
}

// openLate opens a tab that wants to see what was before, too.
func (s *sharing) openLate() {
	s.t.Helper()
	s.open(`{"share":true,"from":"earliest"}`)
}

// closeFirst closes the tab that was opened first, which is the one that leads where a tab does.
func (s *sharing) closeFirst() {
	s.tabs[0].end()
	s.tabs = s.tabs[1:]
}

// judge tells all that was not as promised to the tabs that are left.
func (s *sharing) judge() {
	for i, tab := range s.tabs {
		viewer := s.oracle.Viewer(fmt.Sprint("tab ", i))
		for _, l := range tab.shown() {
			switch l.Event {
			case "message":
				n, err := oracle.ParseNote(l.Data)
				if err != nil {
					s.t.Fatal(err)
				}
				viewer.Saw(n)
			case "gap":
				s.t.Errorf("tab %d was told of a gap: %s", i, l.Data)
			}
		}
	}
	for _, fault := range s.oracle.Judge() {
		s.t.Error(fault)
	}
}

// texts are the payloads that a publisher had confirmed, in JSON.
func texts(t *testing.T, p *client.Publisher) string {
	t.Helper()
	all := []string{}
	for _, n := range p.Confirmed() {
		all = append(all, n.String())
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
