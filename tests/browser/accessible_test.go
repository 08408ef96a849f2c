package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"culvert/tests/brokers"
)

// Every page for people, ours and those of the examples, is one that all people can use, as far as axe can tell: in light and dark, and on a phone, where nothing is wider than the screen.
func TestPagesAreForAll(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(filepath.Join(brokers.NodeModules(t.Context(), t), "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t)
	inject(t, s.node, "prices", `{"messages":[{"key":"GOOG","payload":{"symbol":"GOOG","price":10}},{"key":"GOOG","payload":{"symbol":"GOOG","price":9}},{"key":"NVDA","payload":{"symbol":"NVDA","price":1}},{"key":"NVDA","payload":{"symbol":"NVDA","price":2}}]}`)
	inject(t, s.node, "chat", `{"messages":[{"key":"lobby","payload":{"name":"Ann","text":"`+strings.Repeat("long", 50)+`"}}]}`)
	query := "?bridge=" + s.node.URL
	for name, look := range map[string]struct{ url, ready string }{
		"front":     {s.node.URL + "/", "!document.getElementById('live').hidden"},
		"console":   {s.node.Admin + "/", "document.querySelectorAll('#panel-topics tbody tr').length === 2"},
		"prices":    {s.origin + "/prices.html" + query, "rows.size === 2 && document.getAnimations().length === 0"},
		"chat":      {s.origin + "/chat.html" + query, "document.querySelector('#talk li') !== null"},
		"dashboard": {s.origin + "/dashboard.html" + query, "document.getElementById('prices').children.length === 2 && document.getElementById('chat').children.length === 1"},
	} {
		page := s.blank(name)
		if err := chromedp.Do(page.ctx, chromedp.EmulateViewport(320, 700)); err != nil {
			t.Fatal(err)
		}
		if err := chromedp.Do(page.ctx, chromedp.Navigate(look.url)); err != nil {
			t.Fatal(err)
		}
		waiting(page)
		page.until("shows something", look.ready)
		if wide := evaluate[int](page, "document.documentElement.scrollWidth"); wide > 320 {
			t.Errorf("%s: %d pixels wide on a phone of 320", name, wide)
		}
		evaluate[bool](page, string(axe)+"; true")
		for _, scheme := range []string{"light", "dark"} {
			for _, wrong := range evaluate[[]string](page, fmt.Sprintf(`(async () => {
				document.documentElement.style.colorScheme = %q
				const { violations } = await axe.run()
				return violations.map(v => v.id + ': ' + v.help + ': ' + v.nodes.map(n => n.html.slice(0, 120)).join(' | '))
			})()`, scheme)) {
				t.Errorf("%s, %s: %s", name, scheme, wrong)
			}
		}
		page.end()
	}
}
