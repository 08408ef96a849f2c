package browser

import (
	"fmt"
	"slices"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/client"
)

// panels are those of the console, in order.
var panels = []string{"topics", "view", "inject", "queues", "connections", "health"}

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
}
