package browser

import (
	"html"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"culvert/tests/bridge"
)

// marked is the text of the element of a page that has this id.
func marked(t *testing.T, page, id string) string {
	t.Helper()
	_, rest, _ := strings.Cut(page, `id="`+id+`">`)
	text, _, found := strings.Cut(rest, "</code>")
	if !found {
		t.Fatalf("the page at / has no %s", id)
	}
	return html.UnescapeString(text)
}

// What the page at / shows to be copied works where it is pasted: the ten lines as a page of another server, the lines of curl in a shell.
func TestWhatTheFrontShowsWorks(t *testing.T) {
	t.Parallel()
	p := open(t)
	var pasted string
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(pasted))
	}))
	t.Cleanup(site.Close)
	p.origin = site.URL
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS="+p.origin)
	front := p.blank("front")
	if err := chromedp.Do(front.ctx, chromedp.Navigate(b.URL+"/")); err != nil {
		t.Fatal(err)
	}
	waiting(front)
	source := evaluate[string](front, "document.documentElement.outerHTML")

	pasted = marked(t, source, "snippet")
	if lines := strings.Count(pasted, "\n") + 1; lines != 10 {
		t.Errorf("the page in ten lines has %d", lines)
	}
	page := waiting(p.tab("page.html"))
	front.until("can be watched", "!document.getElementById('live').hidden")
	evaluate[bool](front, "document.getElementById('watch').click() ?? true")
	front.until("is live", "document.getElementById('state').textContent.startsWith('live')")

	commands := regexp.MustCompile(`(?m)^curl -d .*$`).FindAllString(marked(t, source, "commands"), -1)
	if len(commands) != 1 {
		t.Fatalf("the page shows %q", commands)
	}
	// A view begins where it is when it opens, and the pasted page does not say when that is.
	for range 100 {
		if said, err := exec.CommandContext(t.Context(), "sh", "-c", commands[0]).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", commands[0], err, said)
		}
		if evaluate[bool](page, "new Promise(resolve => setTimeout(() => resolve(document.querySelectorAll('li').length > 0), 100))") {
			break
		}
	}
	page.until("shows what was injected", "document.querySelector('li').textContent === 'Hello'")
	front.until("shows what was injected", "document.querySelector('#said li').textContent === 'Hello'")
}
