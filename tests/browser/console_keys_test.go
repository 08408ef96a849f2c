package browser

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"culvert/tests/bridge"
)

// focus is where the focus is: what that is called, whether it is seen to have it, and whether it is in sight.
type focus struct {
	Name           string
	Ring, InSight  bool
	Element, Where string
	Again          bool // it was there before, where the page notes that as reached
}

// Seen reports whether who looks sees where the focus is. Between the last element and the first it is the browser's.
func (f focus) Seen() bool { return f.Ring && f.InSight || strings.HasPrefix(f.Element, "<body") }

func (t *tab) focus() focus {
	t.t.Helper()
	return evaluate[focus](t, `(() => {
		const e = document.activeElement, shown = e.closest('.choice label') ?? e, style = getComputedStyle(shown), r = shown.getBoundingClientRect()
		const seen = [[.5, .5], [.1, .3], [.9, .3], [.1, .7], [.9, .7]].map(([x, y]) => document.elementFromPoint(r.left + x * r.width, r.top + y * r.height))
		const again = window.reached?.has(e)
		window.reached?.add(e)
		return {
			again,
			name: named(e),
			ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1, inSight: seen.some(p => p && shown.contains(p)),
			element: e.outerHTML.slice(0, 120), where: JSON.stringify(r),
		}
	})()`)
}

// tabTo presses the Tab key until something of that name has the focus, and tells what had it on the way. All of that is in sight, and seen to have it.
func (t *tab) tabTo(name string, options ...chromedp.KeyOption) (passed []string) {
	t.t.Helper()
	for range 80 {
		t.keys("\t", options...)
		now := t.focus()
		if !now.Seen() {
			t.t.Errorf("%s: %q has the focus: that is seen: %v, it is in sight: %v, at %s, %s", t.name, now.Name, now.Ring, now.InSight, now.Where, now.Element)
		}
		if now.Name == name {
			return passed
		}
		passed = append(passed, now.Name)
	}
	t.t.Fatalf("%s: Tab does not lead to %q, but to %q", t.name, name, passed)
	return nil
}

// at waits until something of that name has the focus.
func (t *tab) at(name string) {
	t.t.Helper()
	t.until("has the focus on "+name, fmt.Sprintf("named(document.activeElement) === %q", name))
}

// key presses one key as a keyboard does: where the page has another use for it, nothing is typed.
func (t *tab) key(key string) {
	t.t.Helper()
	press := chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		for _, is := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
			if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: is, Key: key, Text: key}); err != nil {
				return err
			}
		}
		return nil
	})
	if err := chromedp.Do(t.ctx, press); err != nil {
		t.t.Fatal(err)
	}
}

// Who has a keyboard alone finds a topic, views it, stops, injects, and looks after the queue; the focus is always seen, and where it is expected to be.
func TestConsoleByKeyboardAlone(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	inject(t, b, "prices", `{"messages":[{"key":"GOOG","payload":{"price":1}},{"key":"GOOG","payload":{"price":2}}]}`)
	inject(t, b, "others", `{"messages":[{"payload":1}]}`)
	member := work(t, b, "prices")
	member.Close()
	page := p.shell(b, "#/topics", 1280)
	page.until("has its topics", "all('tbody tr').length > 1")

	// What is the same on each panel is passed over.
	page.tabTo("Skip to content")
	page.keys("\r")
	page.until("is at its content", "document.activeElement.id === 'main'")
	if passed := page.tabTo("Search topics"); len(passed) > 0 {
		t.Errorf("before the search there are %q", passed)
	}
	page.keys("rices")
	page.until("has found the topic", "all('tbody th').length > 0 && all('tbody th').every(th => th.textContent.includes('rices'))")
	if passed := page.tabTo("View prices"); !slices.Equal(passed, []string{"Topic", "Broker", "Partitions", "Messages", "Rate", "Viewers", "Queues", "prices"}) {
		t.Errorf("from the search to the topic's view there are %q", passed)
	}
	page.keys("\r")
	page.until("shows the view", "document.activeElement.id === 'main' && said('#panel-view h1') === 'View'")

	// What it shows is read; it is stopped, and started, from anywhere in it.
	page.until("is live", "standing() === 'live' && count() === 2")
	inject(t, b, "prices", `{"messages":[{"key":"NVDA","payload":{"price":3}},{"key":"NVDA","payload":{"price":4}}]}`)
	page.until("has the messages", "count() === 4 && lines().length === 4")
	if passed := page.tabTo("Messages"); !slices.Equal(slices.DeleteFunc(slices.Clone(passed), func(name string) bool {
		return !slices.Contains([]string{"Topic", "Start from", "Stop", "Connection URL", "Search in what is here", "Pause", "Download"}, name)
	}), []string{"Topic", "Topic", "Start from", "Stop", "Connection URL", "Search in what is here", "Pause", "Download"}) { // the field, and the choice between a topic and a queue
		t.Errorf("from the top to the messages there are %q", passed)
	}
	page.keys(kb.Home)
	page.until("shows the first message", "said('.details .badge') === '0:0'")
	page.keys(kb.ArrowDown)
	page.until("shows the second message", "said('.details .badge') === '0:1'")
	page.tabTo("Close the details")
	page.keys(kb.Escape)
	page.until("has closed the details", "document.querySelector('.details').hidden")
	page.at("Messages")
	page.keys(kb.End)
	page.until("shows the last message", "said('.details .badge') === '0:3'")
	page.tabTo("Close the details")
	page.keys("\r")
	page.until("has closed the details again", "document.querySelector('.details').hidden")
	page.at("Messages")
	page.keys("s")
	page.until("is stopped", "standing() === 'stopped'")
	page.at("Messages")
	page.tabTo("Start", chromedp.KeyModifiers(chromedp.ModifierShift))
	page.keys("\r")
	page.until("is live again", "standing() === 'live'")
	page.at("Stop")
	page.keys("\r")
	page.until("is stopped again", "standing() === 'stopped'")
	page.at("Start")

	// A message goes into the topic.
	page.keys("gt")
	page.until("is back at the topic", "said('#panel-topics tbody th') === 'prices'")
	page.tabTo("Inject prices")
	page.keys("\r")
	page.until("shows the injector", "document.activeElement.id === 'main' && document.querySelector('#panel-inject [name=topic]')?.value === 'prices'")
	page.tabTo("Key")
	page.keys("AMD")
	page.tabTo("Inject")
	page.keys("\r")
	page.until("has it confirmed", "said('[data-figure=confirmed] .value') === '1'")
	page.at("Inject")
	if all := storedIn(t, b, "prices"); len(all) != 5 || *all[4].Key != "AMD" {
		t.Errorf("the topic has %v", all)
	}

	// Of the queue all is reached, and nothing is done that was not meant.
	page.keys("gq")
	page.until("shows the queues", "all('#panel-queues tbody tr').length === 1")
	page.key("/")
	page.at("Search queues")
	page.keys("billing")
	page.tabTo("billing")
	page.keys("\r")
	page.until("shows the queue", "document.activeElement.id === 'main' && said('#panel-queues h1') === 'billing' && said('[data-figure=lag]') === '3'")
	for _, dialog := range []string{"Reset …", "Delete …"} {
		page.tabTo(dialog)
		for _, leave := range []string{kb.Escape, "\r"} { // the focus is on Cancel
			page.keys("\r")
			page.until("asks", "document.querySelector('dialog[open]') !== null")
			page.at("Cancel")
			for range 10 {
				page.keys("\t")
				if evaluate[bool](page, "document.activeElement !== document.body && !document.activeElement.closest('dialog')") {
					t.Fatalf("Tab leads out of the dialog of %s", dialog)
				}
			}
			if leave == "\r" {
				page.tabTo("Cancel")
			}
			page.keys(leave)
			page.until("asks no more", "document.querySelector('dialog') === null")
			page.at(dialog)
		}
	}
	page.keys("?")
	page.until("tells its keys", "document.querySelector('dialog[open] dl.keys') !== null")
	page.keys(kb.Escape)
	page.until("has told its keys", "document.querySelector('dialog') === null")
	page.at("Delete …")
	if lag := placeOf(t, b.URL+"/v1/topics/prices/queues/billing").Lag; lag != 3 {
		t.Errorf("the queue's lag is %d", lag)
	}
}

// whole is whether a panel shows what it has to ask for, as JavaScript.
func whole(panel string) string {
	switch id, _, _ := strings.Cut(panel, "?"); {
	case panel == "topics", panel == "queues", panel == "connections":
		return "all('main tbody tr').length > 0"
	case id == "queues":
		return "document.querySelector('main dd') !== null && said('[data-figure=lag]') !== '–'"
	case id == "health":
		return "said('.brokers .state') !== '' && all('main tbody tr').length > 0"
	}
	return "true"
}

// Everything on a panel is reached by the Tab key, and left again, both ways, on a phone's screen too.
func TestConsoleHasNoTraps(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	inject(t, b, "prices", `{"messages":[{"key":"GOOG","payload":{"price":1}}]}`)
	member := work(t, b, "prices")
	defer member.Close()
	for _, panel := range append(slices.Clone(panels), "view?topic=prices&from=earliest&on=1&code=curl", "queues?topic=prices&queue=billing") {
		id, _, _ := strings.Cut(panel, "?")
		for wide, options := range map[int64][]chromedp.KeyOption{1280: nil, 390: {chromedp.KeyModifiers(chromedp.ModifierShift)}} {
			page := p.shell(b, "#/"+panel, wide)
			page.until("shows the panel", fmt.Sprintf("document.querySelector('#panel-%s h1') !== null", id))
			page.until("shows all", whole(panel)) // what comes later moves what has the focus, or is not reached
			if strings.Contains(panel, "on=1") {
				page.until("has its message", "lines().length === 1 && document.querySelector('.screen .empty').hidden")
				evaluate[any](page, "press('Home')")
				page.until("shows the message", "said('.details') !== ''")
			}
			evaluate[bool](page, "(window.reached = new Set(), true)")
			for n := 0; ; n++ {
				if page.keys("\t", options...); n > 100 {
					t.Fatalf("%s, %d: the Tab key leads on and on", panel, wide)
				}
				now := page.focus()
				if now.Again {
					break
				}
				if !now.Seen() {
					t.Errorf("%s, %d: %q has the focus: that is seen: %v, it is in sight: %v, at %s, %s", panel, wide, now.Name, now.Ring, now.InSight, now.Where, now.Element)
				}
			}
			for _, missed := range evaluate[[]string](page, `all('a[href], button, input, select, textarea, summary, [tabindex="0"]').filter(e => e.checkVisibility() && !e.disabled && e.tabIndex >= 0 && !reached.has(e) && !(e.type === 'radio' && !e.checked)).map(e => e.outerHTML.slice(0, 120))`) {
				t.Errorf("%s, %d: the Tab key does not lead to %s", panel, wide, missed)
			}
			page.end()
		}
	}
}
