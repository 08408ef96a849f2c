package browser

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// connectionList is what the admin API says of who is connected.
type connectionList struct {
	Connections []struct {
		ID, Remote, Protocol, HTTP string
		Views                      []struct {
			Topic, Mode string
			Queue       *string
			Behind      *int64
		}
		BytesOut  int64   `json:"bytes_out"`
		UserAgent *string `json:"user_agent"`
	}
	Total int
}

// rows is the list as the console writes it, as far as it does not change by itself.
func (l connectionList) rows() (rows [][]string) {
	protocols := map[string]string{"sse": "SSE", "ndjson": "NDJSON", "ws-json": "WebSocket, JSON", "ws-raw": "WebSocket, raw", "post-ndjson": "POST, NDJSON"}
	for _, c := range l.Connections {
		does, program, most := "", "says no name", (*int64)(nil)
		for _, v := range c.Views {
			does += v.Mode + "s" + v.Topic
			if v.Queue != nil {
				does += " / " + *v.Queue
			}
			if v.Behind != nil && (most == nil || *v.Behind > *most) {
				most = v.Behind
			}
		}
		if does == "" {
			does = "nothing yet"
		}
		if c.UserAgent != nil {
			program = *c.UserAgent
		}
		rows = append(rows, []string{c.Remote + program, protocols[c.Protocol] + "HTTP/" + c.HTTP, does, known(most), sizeOf(c.BytesOut)})
	}
	return rows
}

func connectionsOf(t *testing.T, b *bridge.Bridge, query string) (l connectionList) {
	t.Helper()
	if err := client.Get(t.Context(), b.Admin+"/admin/connections"+query, &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// connectionRows are the rows of the panel, as far as they do not change by themselves.
func connectionRows(page *tab) (rows [][]string) {
	page.t.Helper()
	for _, row := range cells(page, "#panel-connections tbody tr") {
		rows = append(rows, []string{row[0], row[1], row[2], row[4], row[5]})
	}
	return rows
}

// named opens a view as a program of this name.
func named(t *testing.T, agent, url string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", agent)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	answer, err := transport.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", answer, err)
	}
	t.Cleanup(func() { answer.Body.Close() })
}

// The panel has the connections that the API tells operators of, and finds those that it finds.
func TestConsoleConnections(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	page := p.shell(b, "#/connections", 1280)
	page.until("says what to do where nobody is", "said('.empty h2') === 'Nobody is connected' && said('.empty pre').startsWith('curl -N http://127.0.0.1:')")

	const hostile = "<img src=x onerror='hacked = 1'>"
	named(t, "first/1", b.URL+"/v1/topics/prices/events")
	named(t, hostile, b.Admin+"/v1/events?topic=orders&topic=alerts.*")
	named(t, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0", b.URL+"/v1/topics/prices/queues/billing/events")
	socket, err := client.OpenWS(t.Context(), b.URL+"/v1/ws", "culvert.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	raw, err := client.OpenWS(t.Context(), b.URL+"/v1/topics/prices/ws?mode=both", "culvert.v1.raw")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	inject(t, b, "prices", `{"messages":[{"payload":1},{"payload":2}]}`)
	var shown, told [][]string
	brokers.Eventually(t, patience, "the connections are shown as the API tells of them", func() bool {
		shown, told = connectionRows(page), connectionsOf(t, b, "").rows()
		for _, row := range told {
			if strings.Contains(row[0], "Edg/") {
				row[0] = "127.0.0.1Edge 141 on Windows"
			}
		}
		return len(told) == 5 && fmt.Sprint(shown) == fmt.Sprint(told)
	})
	if summary := evaluate[string](page, "said('.head small')"); summary != "5" || evaluate[bool](page, "typeof hacked !== 'undefined'") {
		t.Errorf("%s are said to be there; %v", summary, shown)
	}
	t.Logf("%v", shown)

	// Sorted, which the URL says.
	page.click("th button", "Client")
	page.until("is sorted by client", "location.hash === '#/connections?sort=remote' && document.querySelector('th[aria-sort=ascending]').textContent === 'Client'")
	page.click("th button", "Sent")
	page.until("is sorted by what was sent", "location.hash === '#/connections?sort=-bytes' && document.querySelector('th[aria-sort=descending]').textContent === 'Sent'")

	// Found as the API finds them, by whatever is known of them.
	for _, q := range []string{"FIRST", "alerts", "billing", "ws-raw", "onerror", "127.0.0.1"} {
		page.write("input[type=search]", q)
		want := connectionsOf(t, b, "?q="+q).Total
		page.until("finds what the API finds of "+q, fmt.Sprintf("all('tbody tr').length === %d && said('.head small') === '%[1]d found' && location.hash.includes('q=%s')", want, q))
	}
	page.write("input[type=search]", "<b>none</b>")
	page.until("says that there is none", "said('.empty h2') === 'No connection is about “<b>none</b>”'")
	page.click(".empty button", "Show all")
	page.until("shows all", "all('tbody tr').length === 5 && document.querySelector('input[type=search]').value === ''")

	// Paused: what is shown stays until it goes on.
	page.click("main button", "Pause")
	page.until("is paused, as its URL says", "location.hash === '#/connections?sort=-bytes&paused=1' && button('Go on') !== undefined")
	named(t, "late/1", b.URL+"/v1/topics/prices/events")
	asked := evaluate[int](page, "(window.askedBefore = arrived.filter(([url]) => url.startsWith('/admin/connections')).length, arrived.filter(([url]) => url === '/readyz').length)")
	page.until("asks for other things", fmt.Sprintf("arrived.filter(([url]) => url === '/readyz').length >= %d", asked+2))
	if evaluate[bool](page, "all('tbody tr').length !== 5 || arrived.filter(([url]) => url.startsWith('/admin/connections')).length > askedBefore + 1") { // one was under way
		t.Error("it is paused and goes on")
	}
	page.click("main button", "Go on")
	page.until("goes on", "all('tbody tr').length === 6 && location.hash === '#/connections?sort=-bytes'")

	// And led on from.
	page.click("tbody a", "prices / billing")
	page.until("goes to the queue", "location.hash.startsWith('#/queues?topic=prices&queue=billing')")
	evaluate[any](page, "history.back()")
	page.until("comes back", "all('#panel-connections tbody tr').length === 6")
}

// Whoever is disconnected comes back and has missed nothing; who has no mouse can do it, and who leaves the question has done nothing.
func TestConsoleDisconnects(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(filepath.Join(brokers.NodeModules(t.Context(), t), "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	viewer := p.shell(b, "#/topics", 1280) // which is a page as any other
	evaluate[bool](viewer, `(() => {
		window.seen = []
		window.byes = []
		window.source = new EventSource('/v1/topics/prices/events?from=earliest')
		source.onmessage = e => seen.push(e.data)
		source.addEventListener('bye', e => byes.push(JSON.parse(e.data)))
		return true
	})()`)
	inject(t, b, "prices", `{"messages":[{"payload":1},{"payload":2},{"payload":3}]}`)
	viewer.until("sees what there is", "seen.join() === '1,2,3'")
	before := connectionsOf(t, b, "").Connections
	if len(before) != 1 {
		t.Fatalf("there are %+v", before)
	}

	page := p.shell(b, "#/connections", 1280)
	page.until("shows the viewer", "all('tbody tr').length === 1 && said('tbody small').startsWith('Chrome ')")
	evaluate[any](page, "document.querySelector('td.actions button').focus()")
	page.keys("\r")
	page.until("asks before it does it", "document.querySelector('dialog[open] h2').textContent === 'Disconnect 127.0.0.1?' && document.activeElement.textContent === 'Cancel'")
	evaluate[bool](page, string(axe)+"; true")
	for _, scheme := range []string{"light", "dark"} {
		for _, wrong := range evaluate[[]string](page, fmt.Sprintf(`(async () => {
			document.documentElement.dataset.theme = %q
			const { violations } = await axe.run({ preload: false })
			return violations.map(v => v.id + ': ' + v.help + ': ' + v.nodes.map(n => n.html.slice(0, 120)).join(' | '))
		})()`, scheme)) {
			t.Errorf("%s: %s", scheme, wrong)
		}
	}
	page.keys("\r")
	page.until("is left", "document.querySelector('dialog') === null")
	if after := connectionsOf(t, b, "").Connections; len(after) != 1 || after[0].ID != before[0].ID {
		t.Errorf("there is %+v, where there was %+v", after, before)
	}

	evaluate[any](page, "document.querySelector('td.actions button').focus()")
	page.keys("\r")
	page.until("asks again", "document.activeElement.textContent === 'Cancel'")
	page.keys("\t\r")
	page.until("says that it is done", "said('.toast').includes('127.0.0.1 was disconnected.')")
	inject(t, b, "prices", `{"messages":[{"payload":4},{"payload":5}]}`)
	viewer.until("is told why, comes back, and sees all that came, once", "byes.length === 1 && byes[0].reason === 'rotate' && byes[0].reconnect && seen.join() === '1,2,3,4,5'")
	after := connectionsOf(t, b, "").Connections
	if len(after) != 1 || after[0].ID == before[0].ID {
		t.Errorf("there is %+v, where there was %+v", after, before)
	}
	page.until("shows who is back", "all('tbody tr').length === 1")

	// Whoever has gone meanwhile cannot be disconnected, and that is said as the bridge says it.
	page.click("main button", "Pause")
	page.until("is paused", "button('Go on') !== undefined")
	page.click("td.actions button", "Disconnect")
	page.until("asks", "document.querySelector('dialog[open]') !== null")
	evaluate[any](viewer, "source.close()")
	brokers.Eventually(t, patience, "the viewer has gone", func() bool { return connectionsOf(t, b, "").Total == 0 })
	page.click("dialog footer button", "Disconnect")
	page.until("says why not", "all('.toast').some(toast => toast.textContent.includes('unknown-stream: there is no such connection, or it has ended')) && said('.empty h2') === 'Nobody is connected'")
}

// However many there are, the newest are shown, on a phone as well.
func TestConsoleOfManyConnections(t *testing.T) {
	t.Parallel()
	const most, many = 300, 320
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	var agents []string
	for i := range many {
		agents = append(agents, fmt.Sprint("viewer/", i))
		named(t, agents[i], b.URL+"/v1/topics/"+strings.Repeat("long", 50)+"/events")
	}
	page := p.shell(b, "#/connections", 320)
	page.until("shows the newest", fmt.Sprintf("all('tbody tr').length === %d && said('.head small') === '%d' && document.querySelector('#panel-connections').lastElementChild.textContent.startsWith('The newest %d are shown.')", most, many, most))
	if now := evaluate[int](page, "document.documentElement.scrollWidth"); now > 320 {
		t.Errorf("%d pixels wide on a phone of 320", now)
	}
	shown := evaluate[[]string](page, "all('tbody th small').map(small => small.textContent)")
	slices.Reverse(agents)
	if !slices.Equal(shown, agents[:most]) {
		t.Errorf("shown are %v", shown)
	}
}
