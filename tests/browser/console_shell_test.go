package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// panels are those of the console, in order.
var panels = []string{"topics", "view", "inject", "queues", "health"}

// shell opens the console of a bridge at a place of it, on a screen that is so wide. What its policy refuses fails the test.
func (p *profile) shell(b *bridge.Bridge, place string, wide int64) *tab {
	p.t.Helper()
	t := p.blank("console " + place)
	before := chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
			Source: `window.refused = []; addEventListener('securitypolicyviolation', e => refused.push(e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sourceFile + ':' + e.lineNumber))`,
		})
		return err
	})
	if err := chromedp.Do(t.ctx, before); err != nil {
		p.t.Fatal(err)
	}
	if err := chromedp.Do(t.ctx, chromedp.EmulateViewport(wide, 800)); err != nil {
		p.t.Fatal(err)
	}
	if err := chromedp.Do(t.ctx, chromedp.Navigate(b.Admin+"/"+place)); err != nil {
		p.t.Fatal(err)
	}
	return waiting(t)
}

// lawful fails the test where the console's policy had something to refuse.
func (t *tab) lawful() {
	t.t.Helper()
	for _, what := range evaluate[[]string](t, "refused") {
		t.t.Errorf("%s: the policy refused %s", t.name, what)
	}
}

// press lets the page have a key.
func (t *tab) press(keys ...string) {
	t.t.Helper()
	for _, key := range keys {
		evaluate[bool](t, fmt.Sprintf("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: %q, bubbles: true, cancelable: true }))", key))
	}
}

// What is shown is in the URL: a link shows it, the Back and Forward buttons go between the places.
func TestTheConsoleIsAtItsURL(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	inject(t, b, "prices", `{"messages":[{"key":"GOOG","payload":1}]}`)
	inject(t, b, "orders", `{"messages":[{"key":"ann","payload":1}]}`)
	c := p.shell(b, "#/topics?q=pri", 1280)
	c.until("shows what its URL asks for", "document.querySelectorAll('#panel-topics tbody tr').length === 1 && document.querySelector('input[type=search]').value === 'pri'")
	evaluate[bool](c, "(document.querySelector('input[type=search]').value = 'ord', document.querySelector('input[type=search]').dispatchEvent(new Event('input')))")
	c.until("writes what is shown into its URL", "location.hash === '#/topics?q=ord' && document.querySelector('#panel-topics tbody th').textContent === 'orders'")
	evaluate[any](c, "document.querySelector('a[href=\"#/health\"]').click()")
	c.until("goes to a panel", "document.querySelector('#panel-health h1') !== null && document.title === 'Health · Culvert'")
	evaluate[any](c, "history.back()")
	c.until("goes back", "location.hash === '#/topics?q=ord' && document.querySelectorAll('#panel-topics tbody tr').length === 1")
	evaluate[any](c, "history.forward()")
	c.until("goes forward", "document.querySelector('#panel-health') !== null")
	evaluate[any](c, "location.hash = '#/nonsense?x=1'")
	c.until("shows something where the URL names nothing", "document.querySelector('#panel-topics') !== null")
	c.lawful()
}

// Whoever has no mouse goes everywhere by keys, and may turn these off.
func TestTheConsoleByKeys(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	c := p.shell(b, "", 1280)
	c.until("is there", "document.querySelector('#panel-topics') !== null")
	for i, key := range []string{"v", "i", "h", "t"} {
		c.press("g", key)
		c.until("shows the panel of g "+key, fmt.Sprintf("document.querySelector('#panel-%s') !== null && document.activeElement.id === 'main'", []string{"view", "inject", "health", "topics"}[i]))
	}
	c.press("/")
	c.until("has its search in focus", "document.activeElement.type === 'search'")
	c.press("g", "h")
	if evaluate[bool](c, "document.querySelector('#panel-health') !== null") {
		t.Error("letters that are written are shortcuts")
	}
	c.press("Escape")
	c.press("?")
	c.until("shows its shortcuts", "document.querySelector('dialog[open] dl.keys') !== null")
	evaluate[any](c, "document.querySelector('dialog input[type=checkbox]').click()")
	evaluate[any](c, "document.querySelector('dialog').close()")
	c.until("closes them", "document.querySelector('dialog') === null")
	c.press("g", "h")
	if evaluate[bool](c, "document.querySelector('#panel-health') !== null") {
		t.Error("shortcuts that are off are on")
	}
	c.lawful()
}

// Each panel is one that all people can use, as far as axe can tell: in light and dark, and on a phone, where nothing is wider than the screen.
func TestThePanelsAreForAll(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(filepath.Join(brokers.NodeModules(t.Context(), t), "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	inject(t, b, "prices", `{"messages":[{"key":"GOOG","payload":{"price":10}},{"key":"`+strings.Repeat("long", 50)+`","payload":1}]}`)
	for _, panel := range panels {
		for _, wide := range []int64{320, 1280} {
			c := p.shell(b, "#/"+panel, wide)
			c.until("shows the panel", fmt.Sprintf("document.querySelector('#panel-%s h1') !== null", panel))
			if panel == "topics" || panel == "health" {
				c.until("shows rows", "document.querySelector('tbody tr') !== null")
			}
			if now := evaluate[int64](c, "document.documentElement.scrollWidth"); now > wide {
				t.Errorf("%s: %d pixels wide on a screen of %d", panel, now, wide)
			}
			c.lawful()
			evaluate[bool](c, string(axe)+"; true")
			for _, scheme := range []string{"light", "dark"} {
				for _, wrong := range evaluate[[]string](c, fmt.Sprintf(`(async () => {
					document.documentElement.dataset.theme = %q
					const { violations } = await axe.run({ preload: false })
					return violations.map(v => v.id + ': ' + v.help + ': ' + v.nodes.map(n => n.html.slice(0, 120)).join(' | '))
				})()`, scheme)) {
					t.Errorf("%s, %s, %d: %s", panel, scheme, wide, wrong)
				}
			}
			c.end()
		}
	}
}

// The configuration that is shown is the one that the API tells of, without secrets.
func TestThePanelOfHealth(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	var settings []struct{ Key, Source string }
	if err := client.Get(t.Context(), b.Admin+"/admin/config", &settings); err != nil {
		t.Fatal(err)
	}
	var keys, own []string
	for _, s := range settings {
		keys = append(keys, s.Key)
		if s.Source != "default" {
			own = append(own, s.Key)
		}
	}
	c := p.shell(b, "#/health", 1280)
	const shownKeys = "[...document.querySelectorAll('tbody th')].map(th => th.textContent)"
	c.until("shows settings", "document.querySelector('tbody tr') !== null && document.querySelector('.brokers li') !== null")
	if got := evaluate[[]string](c, shownKeys); !slices.Equal(got, keys) {
		t.Errorf("shown are %v, and the API tells of %v", got, keys)
	}
	evaluate[any](c, "document.querySelector('label.check input').click()")
	c.until("is at its URL", "location.hash === '#/health?changed=1'")
	if got := evaluate[[]string](c, shownKeys); !slices.Equal(got, own) {
		t.Errorf("shown as changed are %v, and the API tells of %v", got, own)
	}
	if state := evaluate[string](c, "document.querySelector('#panel-health .state').textContent"); state != "ready" {
		t.Errorf("the node is shown as %s", state)
	}
	c.lawful()
}
