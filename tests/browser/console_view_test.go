package browser

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// helpers are what tests of the console ask of its page.
const helpers = `(() => {
	window.all = selector => [...document.querySelectorAll(selector)]
	window.said = selector => document.querySelector(selector)?.textContent ?? ''
	window.press = (key, on = document.querySelector('.list')) => on.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
	window.button = (label, within = '#main') => all(within + ' button').find(b => (b.getAttribute('aria-label') ?? b.textContent).trim() === label && !b.hidden)
	window.named = e => (e.getAttribute('aria-label') ?? (e.labels?.[0]?.querySelector('span') ?? e.labels?.[0] ?? e).textContent).trim()
	window.drawn = () => new Promise(resolve => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(resolve)), 60))
	window.lines = () => all('.line:not([hidden])').sort((a, b) => a.getAttribute('aria-rowindex') - b.getAttribute('aria-rowindex')).map(l => [...l.children].map(c => c.textContent))
	window.count = () => Number(said('.figures').replace(/,/g, '').match(/^\d+/)?.[0] ?? 0)
	window.standing = () => said('.standing .state')
	window.details = async () => {
		const seen = []
		press('Home')
		for (let i = 0, n = document.querySelector('.list').ariaRowCount - 1; i < n; i++) {
			await drawn()
			;(button('Text', '.details') ?? button('Hex', '.details'))?.click()
			seen.push([said('.details .badge'), said('.details .key'), said('.details pre') || said('.details .hint')])
			press('ArrowDown')
		}
		return seen
	}
	window.downloaded = async (label = 'Download') => {
		const real = URL.createObjectURL
		try {
			return await new Promise(resolve => {
				URL.createObjectURL = blob => (blob.text().then(resolve), real.call(URL, blob))
				button(label).click()
			})
		} finally {
			URL.createObjectURL = real
		}
	}
	return true
})()`

// The console shows what was published, whatever it is, and what it lets be downloaded is what the API says. What tries to be HTML or a script stays text.
func TestConsoleShowsWhatWasPublished(t *testing.T) {
	t.Parallel()
	const batch = `{"messages":[
		{"key":"GOOG","payload":{"price": 187.20, "id": 12345678901234567890},"headers":[["source","feed"],["<b>","<script>hacked = 1</script>"]]},
		{"key":"<img src=x onerror='hacked = 1'>","text":"<img src=x onerror='hacked = 1'><script>hacked = 1</script>"},
		{"text":"two\nlines, \u202eturned, and ☃"},
		{"key":"GOOG","payload":null},
		{"base64":"/wBBQg=="},
		{"text":""},
		{"key":"a word","text":"null"},
		{"key":"json","payload":"<svg onload='hacked = 1'>"}]}`
	for _, s := range []subject{
		{name: "inproc", environment: func(*testing.T) []string { return []string{"CULVERT_BROKER=inproc"} }, topic: func(t *testing.T) string { return brokers.Topic(t) }},
		{name: "kafka", environment: kafka, topic: kafkaTopic(3)},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			b := bridge.Start(t, s.environment(t)...)
			topic := s.topic(t)
			inject(t, b, topic, batch)
			page := p.console(b, "view", "topic", topic, "from", "earliest", "on", "1")
			page.until("has all", "count() === 8 && lines().length === 8")
			page.until("is live", "standing() === 'live'")

			want := inOrder(storedIn(t, b, topic))
			if got := inOrder(parsed(t, evaluate[string](page, "downloaded()"))); !same(got, want) {
				t.Errorf("downloaded\n%v\nwant\n%v", got, want)
			}
			var whole []string // payloads, as the details show them
			for _, d := range evaluate[[][]string](page, "details()") {
				whole = append(whole, d[1]+"|"+d[2])
			}
			for _, payload := range []string{
				`GOOG|{"price": 187.20, "id": 12345678901234567890}`, `<img src=x onerror='hacked = 1'>|<img src=x onerror='hacked = 1'><script>hacked = 1</script>`,
				"|two\nlines, \u202eturned, and ☃", "GOOG|No payload: the key is gone.", "|00000000  ff 00 41 42                                       ..AB", "|", "a word|null", `json|"<svg onload='hacked = 1'>"`,
			} {
				if !slices.Contains(whole, payload) {
					t.Errorf("the details never showed %q, but %q", payload, whole)
				}
			}
			for _, c := range want {
				if !slices.ContainsFunc(evaluate[[][]string](page, "lines()"), func(cells []string) bool {
					return cells[1] == fmt.Sprint(c.Partition) && cells[2] == fmt.Sprint(c.Offset) && (c.Key == nil || cells[3] == *c.Key)
				}) {
					t.Errorf("no line shows %v", c)
				}
			}
			if made := evaluate[string](page, "String(window.hacked) + all('#main img, #main script').length"); made != "undefined0" {
				t.Errorf("payloads became more than text: %s", made)
			}
		})
	}
}

// The console comes back over a restart, says so, and shows as a gap what is lost with the log of the broker in the bridge.
func TestConsoleGoesOnOverARestart(t *testing.T) {
	t.Parallel()
	p := open(t)
	ports := brokers.FreePorts(t, 2)
	environment := []string{"CULVERT_BROKER=inproc", "CULVERT_SSE_RETRY=200ms", fmt.Sprintf("CULVERT_LISTEN=127.0.0.1:%d", ports[0]), fmt.Sprintf("CULVERT_ADMIN_LISTEN=127.0.0.1:%d", ports[1])}
	b := bridge.Start(t, environment...)
	topic := brokers.Topic(t)
	inject(t, b, topic, `{"messages":[{"text":"before"}]}`)
	page := p.console(b, "view", "topic", topic, "from", "earliest", "on", "1")
	page.until("has what was before", "lines().some(cells => cells[5] === 'before')")
	b.Kill()
	page.until("waits", "standing() === 'waiting to reconnect' && /^in .*: /.test(said('.standing .bar .dim'))")
	b = bridge.Start(t, environment...)
	inject(t, b, topic, `{"messages":[{"text":"after"}]}`)
	page.until("has what came after", "lines().some(cells => cells[5] === 'after')")
	page.until("is live", "standing() === 'live'")
	lines := evaluate[[]string](page, "lines().map(cells => cells[5])")
	if gap := slices.IndexFunc(lines, func(s string) bool { return strings.HasPrefix(s, "gap: ") }); gap < 1 || gap > slices.Index(lines, "after") {
		t.Errorf("the gap is not where it was: %q", lines)
	}
	if n := evaluate[int](page, "all('.line.gap:not([hidden])').length"); n != 1 {
		t.Errorf("%d lines are marked as gaps", n)
	}
}

// What the panel shows is in its URL, and is shown again from there: filters, the search, whether it runs. A link never takes part in a queue by itself.
func TestConsoleViewIsInItsURL(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	topic := brokers.Topic(t)
	key := "it's \"$HOME\" `x` \\ & +"
	named, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	inject(t, b, topic, fmt.Sprintf(`{"messages":[{"key":%s,"text":"mine","headers":[["h","v"]]},{"key":"other","text":"not mine","headers":[["h","v"]]},{"key":%s,"text":"no header"},{"key":%s,"text":"mine, too","headers":[["h","v"]]}]}`, named, named, named))
	page := p.console(b, "view")
	page.until("offers topics", fmt.Sprintf("all('.empty a').some(a => a.textContent === '%s')", topic))
	evaluate[bool](page, fmt.Sprintf(`(() => {
		const fill = (name, value) => { const field = document.querySelector('.wish [name=' + name + ']'); field.value = value; field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true })) }
		fill('topic', %q); fill('from', 'earliest'); fill('key', %s); fill('header', 'h:v')
		button('Start').click()
		return true
	})()`, topic, named))
	const two = "lines().map(cells => cells[5]).join() === 'mine,mine, too'"
	page.until("has what is filtered", two)
	evaluate[bool](page, `(() => { const s = document.querySelector('.tools input'); s.value = 'TOO'; s.dispatchEvent(new Event('input')); return true })()`)
	page.until("finds", "lines().map(cells => cells[5]).join() === 'mine, too'")

	hash := evaluate[string](page, "location.hash")
	again := p.console(b, "view")
	evaluate[bool](again, fmt.Sprintf("(location.hash = %q, true)", hash))
	again.until("shows the same", "standing() === 'live' && lines().map(cells => cells[5]).join() === 'mine, too'")
	evaluate[bool](again, "(button('Stop').click(), true)")
	again.until("is stopped", "standing() === 'stopped' && !location.hash.includes('on=1')")
	evaluate[bool](again, "(history.back(), true)")
	again.until("runs again", "standing() === 'live' && location.hash.includes('on=1')")

	join := p.console(b, "view", "topic", topic, "queue", "billing", "mode", "join", "on", "1")
	join.until("waits for a click", "button('Join and consume') && said('.wish .notice').startsWith('A join takes part')")
	if state := evaluate[string](join, "standing()"); state != "not started" {
		t.Errorf("a link to a join is %s", state)
	}
}

// A member of a queue is told what it takes, settles by hand, and is given again what it handed back; a peek takes nothing.
func TestConsoleTakesPartInAQueue(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	topic := brokers.Topic(t)
	inject(t, b, topic, `{"messages":[{"text":"one"}]}`)
	page := p.console(b, "view", "topic", topic, "queue", "billing", "mode", "join", "ack", "manual", "from", "earliest")
	page.until("can be started", "button('Join and consume')")
	evaluate[bool](page, "(button('Join and consume').click(), true)")
	page.until("is given the message", "lines().some(cells => cells[5] === 'one')")
	page.until("says what it holds", "said('.holding').startsWith('You hold 1 of 16') && all('.line.held:not([hidden])').length === 1")

	peek := p.console(b, "view", "topic", topic, "queue", "billing", "mode", "peek", "on", "1")
	peek.until("sees what waits", "lines().some(cells => cells[5] === 'one')")

	evaluate[bool](page, "(press('Home'), true)")
	page.until("shows the receipt", "/Attempt1Receipt.+/.test(said('.details .facts'))")
	page.until("says how long it is its own", "/^Try 1 of 5\\. Yours for [0-9]+ s\\.$/.test(said('.details .actions + .hint'))")
	evaluate[bool](page, "(button('Hand back (nack)').click(), true)")
	page.until("is given it again", "count() === 2 && all('.line.again:not([hidden])').length === 1")
	evaluate[bool](page, "(press('End'), true)")
	page.until("shows the second attempt", "/Attempt2/.test(said('.details .facts'))")
	evaluate[bool](page, "(button('Done').click(), true)")
	page.until("has settled it", "said('.details .hint').startsWith('Settled')")
	page.until("holds nothing", "document.querySelector('.holding').hidden && all('.line.held').length === 0")
	brokers.Eventually(t, patience, "the queue is through", func() bool {
		return strings.Contains(ask(t, b.URL+"/v1/topics/"+topic+"/queues/billing", "application/json"), `"lag":0`)
	})
}

// The parts of the panel that reckon.
func TestConsoleReckons(t *testing.T) {
	t.Parallel()
	p := open(t)
	page := p.console(bridge.Start(t, "CULVERT_BROKER=inproc"), "view")
	for name, check := range map[string]string{
		"pretty": `import('/console/payload.js').then(({ read, pretty }) => pretty(read('{"a":12345678901234567890,"b":[1.0,{"c":"x\\"{y"},[],{}]}')) ===
			'{\n  "a": 12345678901234567890,\n  "b": [\n    1.0,\n    {\n      "c": "x\\"{y"\n    },\n    [],\n    {}\n  ]\n}' && read('{"a"') === undefined && !!read('['.repeat(50000) + ']'.repeat(50000)))`,
		"size": `import('/console/kept.js').then(({ utf8Size }) => ['', 'a', 'é', '€', '😀', 'a😀é'].every(s => utf8Size(s) === new TextEncoder().encode(s).length))`,
		"base": `import('/console/base.js').then(({ base }) => {
			const elsewhere = new URL('http://bridge.example:8081/'), here = new URL('http://localhost:8081/')
			return base({ url: 'http://127.0.0.1:8080' }, elsewhere) === 'http://bridge.example:8081' && base({ url: 'http://127.0.0.1:8080' }, here) === 'http://127.0.0.1:8080' &&
				base({ url: 'http://10.0.0.7:8080' }, elsewhere) === 'http://10.0.0.7:8080' && base({}, here) === 'http://localhost:8081'
		})`,
		"kept": `import('/console/kept.js').then(({ Kept, Found }) => {
			const row = (text, size = 2) => ({ kind: 'message', headers: [], key: null, text, size })
			const kept = new Kept(10, 100000)
			for (let i = 0; i < 25; i++) kept.add(row('t' + i))
			const before = kept.snapshot(), found = new Found(kept, 'T2')
			const through = found.look(100)
			kept.add(row('large', 99000))
			found.look(100)
			return before.first === 15 && before.end === 25 && before.at(15).text === 't15' && before.at(14) === undefined && through && found.end === 5 && kept.end === 26 && kept.at(25).text === 'large' && kept.first > 15 && found.first > 0
		})`,
		"progress": `import('/console/progress.js').then(({ Progress }) => {
			const p = new Progress('-10')
			p.extents([{ partition: 0, first: 0, end: 100 }, { partition: 1, first: 5, end: 8 }, { partition: 2, first: null, end: null }])
			const begun = JSON.stringify([p.replayed, p.lag])
			p.saw(0, 94)
			const half = JSON.stringify([p.replayed, p.lag])
			p.saw(0, 99)
			p.saw(1, 7)
			p.extents([{ partition: 0, first: 0, end: 102 }, { partition: 1, first: 5, end: 8 }])
			return begun === '[{"done":0,"total":13},13]' && half === '[{"done":5,"total":13},8]' && p.replayed.done === 13 && p.lag === 2
		})`,
	} {
		if !evaluate[bool](page, check) {
			t.Errorf("%s is wrong", name)
		}
	}
}

// A member of a queue that settles by hand is told when it has its hands full, settles all at once, and is told what becomes of the rest when it stops.
func TestConsoleHoldsMessages(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	topic := brokers.Topic(t)
	inject(t, b, topic, `{"messages":[`+strings.Repeat(`{"text":"x"},`, 19)+`{"text":"the last"}]}`)
	page := p.console(b, "view", "topic", topic, "queue", "billing", "mode", "join", "ack", "manual", "from", "earliest")
	page.click("main button", "Join and consume")
	page.until("has its hands full", "said('.holding').startsWith('You hold 16 of 16: nothing more is given to you until you settle some') && count() === 16")
	page.click("main button", "Done with all")
	page.until("is given the rest", "count() === 20 && said('.holding').startsWith('You hold 4 of 16Done')")
	page.click("main button", "Stop")
	page.until("says where they go", "standing() === 'stopped' && said('.standing .bar .dim') === 'the 4 messages that you held go back to the queue'")
	page.until("marks none as held", "all('.line.settled').length > 0 && all('.line.held').length === 0")
	brokers.Eventually(t, patience, "the rest is the queue's again", func() bool {
		answer := ask(t, b.URL+"/v1/topics/"+topic+"/queues/billing", "application/json")
		return strings.Contains(answer, `"lag":4`) && strings.Contains(answer, `"in_flight":0`) && strings.Contains(answer, `"members":0`)
	})
	evaluate[bool](page, "(document.querySelector('[name=queue]').dispatchEvent(new Event('focus')), true)")
	page.until("offers the topic's queues", "all('datalist option').some(({ value }) => value === 'billing')")
}

// What is handed back at its last try goes to the dead letters, and the button says so.
func TestConsoleHandsToTheDeadLetters(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_QUEUE_MAX_ATTEMPTS=1")
	topic := brokers.Topic(t)
	inject(t, b, topic, `{"messages":[{"text":"bad"}]}`)
	page := p.console(b, "view", "topic", topic, "queue", "billing", "mode", "join", "ack", "manual", "from", "earliest")
	page.click("main button", "Join and consume")
	page.until("is given the message", "lines().length === 1")
	evaluate[bool](page, "(press('Home'), true)")
	page.click(".details button", "To the dead letters (nack)")
	page.until("says what became of it", "said('.details .hint').startsWith('Handed back') && all('.line.settled').length === 1")
	brokers.Eventually(t, patience, "it is a dead letter", func() bool {
		return strings.Contains(ask(t, b.URL+"/v1/topics/"+topic+".billing.dlq/events?from=earliest&to=latest", "application/x-ndjson"), `"bad"`)
	})
}

// A view of several topics, and of a pattern that others may fit later, is one list, which tells them apart.
func TestConsoleViewsSeveralTopics(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	topic := brokers.Topic(t)
	inject(t, b, topic, `{"messages":[{"text":"one"}]}`)
	inject(t, b, topic+".eu", `{"messages":[{"text":"two"}]}`)
	page := p.console(b, "view", "topic", topic, "topic", topic+".*", "from", "earliest", "on", "1")
	const names = "lines().map(cells => cells[1] + ' ' + cells[6]).sort()"
	page.until("has both", fmt.Sprintf("%s.join() === '%s one,%s two'", names, topic, topic+".eu"))
	page.until("is live, at the end", "standing() === 'live' && all('.figure').some(f => f.textContent === 'Behind the end0')")
	inject(t, b, topic+".us", `{"messages":[{"text":"three"}]}`)
	page.until("has what appears", fmt.Sprintf("%s.join().endsWith('%s three')", names, topic+".us"))
	if shown := evaluate[[]string](page, "all('.connect [role=tab]').map(b => b.textContent)"); slices.Contains(shown, "wscat") || slices.Contains(shown, "WebSocket") {
		t.Errorf("%q can have a pattern", shown)
	}
	evaluate[bool](page, "(all('.wish [value=queue]')[0].click(), true)")
	page.until("says that a queue is of one topic", "document.querySelector('[name=topic]').validationMessage === 'A queue is of one topic'")
}

// A payload that is too large for a page to lay out is shown piece by piece, and is saved whole.
func TestConsoleShowsLargePayloads(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_LIMITS_MESSAGE_BYTES=3200000")
	topic := brokers.Topic(t)
	inject(t, b, topic, `{"messages":[{"text":"`+strings.Repeat("0123456789abcdef", 3<<16)+`"}]}`)
	page := p.console(b, "view", "topic", topic, "from", "earliest", "on", "1")
	page.until("has it", "lines().length === 1 && said('.line .size') === '3.0 MiB'")
	evaluate[bool](page, "(press('Home'), true)")
	page.until("shows the beginning", "said('.details pre').length === 256 << 10 && said('.details-payload button') === 'Show 256 KiB more of 2.8 MiB'")
	evaluate[bool](page, "(document.querySelector('.details-payload button').click(), true)")
	page.until("shows more", "said('.details pre').length === 512 << 10")
	page.click(".details button", "Hex")
	page.until("shows bytes", "said('.details pre').split('\\n').length === 1025")
	evaluate[bool](page, "(document.querySelector('.details-payload button').click(), true)")
	page.until("goes on where it was", "said('.details pre').split('\\n')[1024].startsWith('00004000  30 31 32 ')")
	if saved := evaluate[int](page, "downloaded('Save the payload').then(text => text === '0123456789abcdef'.repeat(3 << 16) ? 0 : text.length)"); saved != 0 {
		t.Errorf("%d bytes were saved, not what was published", saved)
	}
}

// Where a view starts is told in any of the ways that the protocol knows; a message leads to all of its key, and to what came from its time on.
func TestConsoleViewStartsAnywhere(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	topic := brokers.Topic(t)
	for _, text := range []string{"one", "two", "three"} {
		inject(t, b, topic, `{"messages":[{"key":"`+text[:1]+`","text":"`+text+`"}]}`)
		evaluate[bool](p.blank("the clock"), "new Promise(resolve => setTimeout(() => resolve(true), 5))")
	}
	var times []string
	for _, m := range storedIn(t, b, topic) {
		times = append(times, m.Time)
	}
	page := p.console(b, "view")
	const payloads = "lines().map(cells => cells.at(-1)).join()"
	for _, start := range []struct{ from, field, shows, again string }{
		{"earliest", "", "one,two,three", "earliest"},
		{"-2", "last", "two,three", "-2"},
		{"@-15m", "ago", "one,two,three", "@-15m"},
		{"@" + times[1], "time", "two,three", "@" + strings.Replace(times[1], ".000Z", "Z", 1)},
	} {
		evaluate[bool](page, fmt.Sprintf("(location.hash = '#/view?' + new URLSearchParams({ topic: %q, from: %q, on: 1 }), true)", topic, start.from))
		page.until("starts at "+start.from, fmt.Sprintf("%s === '%s'", payloads, start.shows))
		if shown := evaluate[string](page, "all('.wish .begin > input:not([hidden])').map(({ name }) => name).join()"); shown != start.field {
			t.Errorf("from %s shows %q", start.from, shown)
		}
		if again := evaluate[string](page, "new URLSearchParams(location.hash.split('?')[1]).get('from')"); again != start.again {
			t.Errorf("from %s is %s in the URL", start.from, again)
		}
	}
	evaluate[bool](page, "(press('Home'), true)")
	page.click(".details a", "From this time on")
	page.until("starts at the message", payloads+" === 'two,three'")
	evaluate[bool](page, "(press('End'), true)")
	page.click(".details a", "Only this key")
	page.until("shows the key", payloads+" === 'two,three' && document.querySelector('[name=key]').value === 't'")
}
