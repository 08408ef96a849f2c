package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// misfits gives a page a way to tell what does not fit on it: what is wider than its screen, text that is cut off where nobody can scroll, and what can be pressed but lies over something else that can be.
const misfits = `(() => {
	window.misfits = () => {
		const wrong = new Set(), wide = document.documentElement.clientWidth, within = document.querySelector('dialog[open]') ?? document.body
		const short = e => e.outerHTML.slice(0, 100) + ' … ' + e.textContent.trim().slice(0, 40)
		const apart = e => { for (let a = e; a; a = a.parentElement) if (getComputedStyle(a).clipPath === 'inset(50%)' || a.matches('.skip')) return true; return !e.checkVisibility({ visibilityProperty: true }) }
		if (document.documentElement.scrollWidth > wide) wrong.add('the page is ' + document.documentElement.scrollWidth + ' pixels wide on a screen of ' + wide)

		const texts = document.createTreeWalker(within, NodeFilter.SHOW_TEXT), range = document.createRange()
		for (let n; (n = texts.nextNode());) {
			const e = n.parentElement
			if (!n.data.trim() || e.closest('script, style, noscript, datalist, select, textarea') || apart(e)) continue
			range.selectNodeContents(n)
			for (const r of range.getClientRects()) {
				let scrolls = false
				for (let a = e; a && !scrolls; a = a.parentElement) {
					const s = getComputedStyle(a), box = a.getBoundingClientRect()
					if (a === document.documentElement || a === document.body || s.overflowX === 'visible') continue
					if (s.textOverflow === 'ellipsis') scrolls = true
					else if (/auto|scroll/.test(s.overflowX + s.overflowY)) scrolls = true
					else if (r.left < box.left - 1 || r.right > box.right + 1 || r.top < box.top - 1 || r.bottom > box.bottom + 1) wrong.add('cut off: ' + short(e) + ' in ' + short(a))
				}
				if (!scrolls && (r.left < -1 || r.right > wide + 1)) wrong.add('beyond the screen: ' + short(e))
			}
		}

		// What can be pressed, as far as it is in sight of what scrolls it.
		const targets = []
		for (const e of within.querySelectorAll('a[href], button, input, select, textarea, summary')) {
			if (apart(e) || e.closest('.toasts') || e.matches('.choice input')) continue
			let { left, top, right, bottom } = e.getBoundingClientRect()
			for (let a = e.parentElement; a; a = a.parentElement) {
				if (a === document.documentElement || a === document.body || getComputedStyle(a).overflowX === 'visible') continue
				const box = a.getBoundingClientRect()
				left = Math.max(left, box.left), top = Math.max(top, box.top), right = Math.min(right, box.right), bottom = Math.min(bottom, box.bottom)
			}
			if (right > left && bottom > top) targets.push({ e, left, top, right, bottom })
		}
		targets.forEach((a, i) => targets.slice(i + 1).forEach(b => {
			if (a.e.contains(b.e) || b.e.contains(a.e) || a.e.closest('.shell') && !b.e.closest('.shell')) return
			if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1) wrong.add('one over the other: ' + short(a.e) + ' and ' + short(b.e))
		}))
		return [...wrong]
	}
	return true
})()`

// busy is a bridge with something of everything: topics with long names, a broker that is away, a queue with dead letters, and messages that come until the test ends.
func busy(t *testing.T) *bridge.Bridge {
	t.Helper()
	b := bridge.Start(t, configured(t, fmt.Sprintf(`
broker: inproc
queue: {max_attempts: 1}
kafka: {brokers: [%q], dial_timeout: 300ms}
topics: [{name: archive.*, broker: kafka}, {name: closed, allow: false}]
`, away(t))))
	long := strings.Repeat("long", 50)
	inject(t, b, "a-topic."+long, `{"messages":[{"key":"`+long+`","payload":1}]}`)
	inject(t, b, "prices", `{"messages":[{"key":"`+long+`","payload":{"`+long+`":"`+long+`"},"headers":[["`+long+`","`+long+`"]]},{"key":"GOOG","payload":null},{"key":"NVDA","text":"`+strings.Repeat("two words ", 50)+`"}]}`)
	member := work(t, b, "orders")
	inject(t, b, "orders", `{"messages":[{"key":"`+long+`","payload":{"why":"`+long+`"}},{"key":"ann","payload":2}]}`)
	for range 2 {
		e, err := member.Until("message")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := client.Settle(t.Context(), b.URL, member.stream, map[string]any{"nack": []string{e.ID}}); err != nil {
			t.Fatal(err)
		}
	}
	member.Close()
	brokers.Eventually(t, patience, "the member has left", func() bool { return placeOf(t, b.URL+"/v1/topics/orders/queues/billing").Members == 0 })
	inject(t, b, "orders", `{"messages":[{"payload":3},{"payload":4}]}`)

	viewer, err := client.OpenSSE(t.Context(), b.URL+"/v1/events?topic=prices&topic=a-topic."+long, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(viewer.Close)

	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	t.Cleanup(func() {
		stop()
		<-stopped
	})
	// Ends with the test.
	go func() {
		defer close(stopped)
		for turn := time.NewTicker(100 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				turn.Stop()
				return
			case <-turn.C:
			}
			_ = client.Post(ctx, b.URL+"/v1/topics/prices/messages", "application/vnd.culvert.batch+json", []byte(`{"messages":[{"key":"GOOG","payload":{"symbol":"GOOG","price":187.2}}]}`), nil)
		}
	}()
	return b
}

// Each panel, with something in it, is one that all people can use: from the narrowest phone to a wall nothing is cut off, lies over something else, or is too small for a finger, and axe finds
// nothing wrong, in light and dark.
func TestThePanelsAreForAll(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(filepath.Join(brokers.NodeModules(t.Context(), t), "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	p := open(t)
	b, demo := busy(t), bridge.StartDemo(t)
	type state struct {
		name, hash, ready string
		do                []string // one after the other, each as soon as it can be
		demo              bool     // it is the demo's
	}
	const reset = "button('Reset …') && !document.querySelector('dialog') && said('[data-figure=lag]') === '2' && (button('Reset …').click(), true)"
	states := []state{
		{name: "guide", ready: "document.querySelector('.guide')?.checkVisibility() && all('tbody tr').length === 4", demo: true},
		{name: "topics", hash: "topics", ready: "all('tbody tr').length >= 3 && all('.notice.warn').length === 1"},
		{name: "view", hash: "view?topic=prices&from=earliest&on=1&code=Go", ready: "said('.details .json') !== '' && count() > 5", do: []string{"lines().length > 3 && (press('Home'), true)"}},
		{name: "join", hash: "view?topic=prices&queue=slow&mode=join&ack=manual", ready: "document.querySelector('.wish .notice.warn') !== null"},
		{name: "inject", hash: "inject?topic=prices&key=" + strings.Repeat("long", 50), ready: "all('main tbody tr').length === 2 && all('.frames li').length > 3", do: []string{
			"(button('Inject').click(), true)", "said('[data-figure=confirmed] .value') === '1' && (document.querySelector('[name=topic]').value = 'closed', button('Inject').click(), true)",
		}},
		{name: "queues", hash: "queues", ready: "all('tbody tr').length >= 1"},
		{name: "queue", hash: "queues?topic=orders&queue=billing", ready: `all('section[aria-label="Dead letters"] tbody tr').length === 2`},
		{name: "reset", hash: "queues?topic=orders&queue=billing", ready: "said('dialog .effect').startsWith('Messages: ')", do: []string{reset, "document.querySelectorAll('dialog .choice input')[2]?.click() ?? true"}},
		{name: "delete", hash: "queues?topic=orders&queue=billing", ready: "document.querySelector('dialog[open]') !== null", do: []string{strings.ReplaceAll(reset, "Reset …", "Delete …")}},
		{name: "connections", hash: "connections", ready: "all('tbody tr').length >= 1"},
		{name: "health", hash: "health", ready: "all('tbody tr').length > 10 && all('.brokers li').length === 2"},
		{name: "keys", hash: "health", ready: "document.querySelector('dialog dl.keys') !== null", do: []string{"all('.brokers li').length === 2 && (document.querySelector('.tools button:last-child').click(), true)"}},
	}
	for _, panel := range panels {
		if !slices.ContainsFunc(states, func(s state) bool { return s.name == panel }) {
			states = append(states, state{name: panel, hash: panel, ready: fmt.Sprintf("document.querySelector('#panel-%s h1') !== null", panel)})
		}
	}
	for _, s := range states {
		t.Run(s.name, func(t *testing.T) {
			p := *p
			p.t = t
			b := b
			if s.demo {
				b = demo
			}
			page := p.shell(b, "#/"+s.hash, 1280)
			for _, do := range s.do {
				page.until("can do "+do, do)
			}
			page.until("is ready", s.ready)
			evaluate[bool](page, misfits)
			evaluate[bool](page, string(axe)+"; true")
			for _, wide := range []int64{320, 390, 900, 2560} {
				if err := chromedp.Do(page.ctx, chromedp.EmulateViewport(wide, max(800, wide/16*9))); err != nil {
					t.Fatal(err)
				}
				page.until("is so wide", fmt.Sprintf("innerWidth === %d", wide))
				evaluate[any](page, "drawn()")
				for _, wrong := range evaluate[[]string](page, "misfits()") {
					t.Errorf("%d: %s", wide, wrong)
				}
				judge := func(scheme, options string) {
					t.Helper()
					for _, wrong := range evaluate[[]string](page, fmt.Sprintf(`(async () => {
						document.documentElement.dataset.theme = %q
						const { violations } = await axe.run({ preload: false, resultTypes: ['violations'], %s })
						return violations.map(v => v.impact + ': ' + v.id + ': ' + v.help + ': ' + v.nodes.map(n => n.html.slice(0, 150) + ' ' + n.failureSummary.slice(0, 200)).join(' | '))
					})()`, scheme, options)) {
						t.Errorf("%d, %s: %s", wide, scheme, wrong)
					}
				}
				switch wide {
				case 320:
					judge("light", "rules: { 'target-size': { enabled: true } }")
					judge("dark", "runOnly: ['color-contrast']")
				case 2560:
					judge("light", "rules: { 'color-contrast': { enabled: false }, 'target-size': { enabled: true } }")
				}
			}
			page.end()
		})
	}
}
