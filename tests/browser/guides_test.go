package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"culvert/tests/bridge"
)

// guides are the pages, seen from docs, whose JavaScript is for browsers.
var guides = []string{"../README.md", "sse.md", "websocket.md"}

// snippet is a fenced block of a guide.
type snippet struct {
	guide string
	line  int
	text  string
}

func (s snippet) at() string { return fmt.Sprintf("%s:%d", path.Join("docs", s.guide), s.line) }

// snippets are the blocks of a language in the guides, but for those that name a file: tests/docs runs these.
func snippets(t *testing.T, language string) []snippet {
	t.Helper()
	fence := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$")
	var all []snippet
	for _, guide := range guides {
		text, err := os.ReadFile(filepath.Join("../../docs", guide))
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range fence.FindAllSubmatchIndex(text, -1) {
			s := snippet{guide, 1 + strings.Count(string(text[:at[2]]), "\n"), string(text[at[2]:at[3]])}
			if !strings.HasPrefix(s.text, "// watch.mjs") {
				all = append(all, s)
			}
		}
	}
	if len(all) == 0 {
		t.Fatalf("the guides have no %s: a test that reads nothing judges nothing", language)
	}
	return all
}

// console is what a snippet finds: messages of all topics that the guides name, and ears for what becomes of it.
const console = `(async () => {
	const client = await import('/culvert.js')
	window.said = []
	window.stands = 0
	window.trouble = ''
	const heard = (target, name) => { target.addEventListener(name, () => { stands++ }); return target }
	const view = (...all) => heard(client.view(...all), 'ready')
	const join = (...all) => heard(client.join(...all), 'ready')
	const inject = (...all) => {
		const out = client.inject(...all)
		out.addEventListener('state', e => { stands += e.detail.state === 'live' })
		return out
	}
	const module = { view, join, inject }
	const { EventSource: Source, WebSocket: Socket } = window
	window.EventSource = class extends Source { constructor(...all) { super(...all); heard(this, 'ready') } }
	window.WebSocket = class extends Socket { constructor(...all) { super(...all); heard(this, 'open') } }
	console.log = (...all) => { said.push(all) }
	const handle = async value => { said.push(value) }
	const pictures = new Source('/v1/topics/pictures/events')
	setInterval(() => {
		for (const topic of ['prices', 'orders', 'chat', 'notices']) {
			fetch('/v1/topics/' + topic + '/messages', { method: 'POST', headers: { 'Culvert-Key': 'GOOG', 'Culvert-Header': 'type: alert' }, body: '{"n":1}' })
		}
	}, 100)
	const run = async () => {
%s
	}
	run().catch(error => { trouble = String(error) })
	return true
})()`

// Whoever copies the JavaScript of a guide into the console of the page at / sees it at work: what is opened stands, what reads is shown what is injected, and nothing throws.
func TestGuidesInTheConsole(t *testing.T) {
	t.Parallel()
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	p := open(t)
	for _, s := range snippets(t, "js") {
		if strings.Contains(s.text, "example.org") {
			continue // is not ours
		}
		page := p.blank(s.at())
		if err := chromedp.Do(page.ctx, chromedp.Navigate(b.URL)); err != nil {
			t.Fatal(err)
		}
		waiting(page)
		text := strings.NewReplacer("127.0.0.1:8080", strings.TrimPrefix(b.URL, "http://"), "await import('/culvert.js')", "module").Replace(s.text)
		evaluate[bool](page, fmt.Sprintf(console, text))
		page.until("opens what stands", "stands > 0 || trouble")
		reads := strings.Contains(s.text, "onmessage") || strings.Contains(s.text, "for await")
		if reads && (strings.Contains(s.text, "console.log(") || strings.Contains(s.text, "handle(")) {
			page.until("is shown a message", "said.length > 0 || trouble")
		}
		if trouble := evaluate[string](page, "trouble"); trouble != "" {
			t.Errorf("%s: %s", page.name, trouble)
		}
		page.end()
	}
}

// The pages of a guide are live on a server of their own, once its origin is let in.
func TestGuidesAsPages(t *testing.T) {
	t.Parallel()
	p := open(t)
	var page atomic.Value // the text of the page that is open
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page.Load()) }))
	t.Cleanup(site.Close)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS="+site.URL)
	inject(t, b, "prices", `{"messages":[{"key":"GOOG","payload":{"price": 187.2}}]}`)
	for _, s := range snippets(t, "html") {
		page.Store(strings.ReplaceAll(s.text, "http://127.0.0.1:8080", b.URL))
		shown := p.blank(s.at())
		if err := chromedp.Do(shown.ctx, chromedp.Navigate(site.URL)); err != nil {
			t.Fatal(err)
		}
		waiting(shown)
		shown.until("shows the price", `document.querySelector('li')?.textContent.includes('{"price": 187.2}')`)
		shown.end()
	}
}
