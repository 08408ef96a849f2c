package browser

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// console opens the console of b at one of its panels, with these parameters, name and value in turn.
func (p *profile) console(b *bridge.Bridge, panel string, parameters ...string) *tab {
	p.t.Helper()
	query := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		query.Add(parameters[i], parameters[i+1])
	}
	page := p.blank("console")
	if err := chromedp.Do(page.ctx, chromedp.Navigate(b.Admin+"/#/"+panel+"?"+query.Encode())); err != nil {
		p.t.Fatal(err)
	}
	waiting(page)
	evaluate[bool](page, helpers)
	return page
}

// helpers are what tests of the console ask of its page.
const helpers = `(() => {
	window.all = selector => [...document.querySelectorAll(selector)]
	window.said = selector => document.querySelector(selector)?.textContent ?? ''
	window.press = (key, on = document.querySelector('.list')) => on.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
	window.button = (label, within = '#main') => all(within + ' button').find(b => (b.getAttribute('aria-label') ?? b.textContent).trim() === label && !b.hidden)
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
	window.downloaded = async () => {
		const real = URL.createObjectURL
		try {
			return await new Promise(resolve => {
				URL.createObjectURL = blob => (blob.text().then(resolve), real.call(URL, blob))
				button('Download').click()
			})
		} finally {
			URL.createObjectURL = real
		}
	}
	return true
})()`

// carried is a message as the API tells it, and as the console's download does.
type carried struct {
	Op, Topic         string
	Partition, Offset int
	Key, Key64        *string
	Headers           json.RawMessage
	Time              string
	Payload           json.RawMessage
	Text, Base64      *string
}

// messages are the lines of NDJSON that are messages, by their places.
func messages(t *testing.T, lines string) (all []string) {
	t.Helper()
	var found []carried
	for line := range strings.Lines(lines) {
		var c carried
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if c.Op == "msg" {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b carried) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	for _, c := range found {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return all
}

// ask is what the API answers.
func ask(t *testing.T, url, accept string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	answer, err := (&http.Client{Timeout: patience}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %v: %s", url, answer.Status, err, body)
	}
	return string(body)
}

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

			want := messages(t, ask(t, b.URL+"/v1/topics/"+topic+"/events?from=earliest&to=latest", "application/x-ndjson"))
			if got := messages(t, evaluate[string](page, "downloaded()")); !slices.Equal(got, want) {
				t.Errorf("downloaded\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
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
			for _, m := range want {
				var c carried
				if err := json.Unmarshal([]byte(m), &c); err != nil {
					t.Fatal(err)
				}
				if !slices.ContainsFunc(evaluate[[][]string](page, "lines()"), func(cells []string) bool {
					return cells[1] == fmt.Sprint(c.Partition) && cells[2] == fmt.Sprint(c.Offset) && (c.Key == nil || cells[3] == *c.Key)
				}) {
					t.Errorf("no line shows %s", m)
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

	// What is shown to be copied works where it is pasted.
	for name, command := range map[string][]string{"curl": {"sh", "-c"}, "Python": {"python3", "-c"}} {
		if _, err := exec.LookPath(command[0]); err != nil {
			continue
		}
		evaluate[bool](page, "(all('.connect [role=tab]').find(b => b.textContent === '"+name+"').click(), true)")
		if got := pasted(t, append(command, evaluate[string](page, "said('.connect pre')"))); !strings.Contains(got, "mine, too") || strings.Contains(got, "no header") || strings.Contains(got, "not mine") {
			t.Errorf("%s shows %s", name, got)
		}
	}

	join := p.console(b, "view", "topic", topic, "queue", "billing", "mode", "join", "on", "1")
	join.until("waits for a click", "button('Join and consume') && said('.wish .notice').startsWith('A join takes part')")
	if state := evaluate[string](join, "standing()"); state != "not started" {
		t.Errorf("a link to a join is %s", state)
	}
}

// pasted is what a command says until it has said something of the last message.
func pasted(t *testing.T, command []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "mine, too") {
			break
		}
	}
	cancel()
	_ = cmd.Wait() // it was killed
	return said.String() + trouble.String()
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

	peek := p.console(b, "view", "topic", topic, "queue", "billing", "mode", "peek", "on", "1")
	peek.until("sees what waits", "lines().some(cells => cells[5] === 'one')")

	evaluate[bool](page, "(press('Home'), true)")
	page.until("shows the receipt", "/Attempt1Receipt.+/.test(said('.details .facts'))")
	evaluate[bool](page, "(button('Hand back (nack)').click(), true)")
	page.until("is given it again", "count() === 2 && all('.line.again:not([hidden])').length === 1")
	evaluate[bool](page, "(press('End'), true)")
	page.until("shows the second attempt", "/Attempt2/.test(said('.details .facts'))")
	evaluate[bool](page, "(button('Done').click(), true)")
	page.until("has settled it", "said('.details .hint') === 'Settled.'")
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
			const begun = JSON.stringify([p.replay, p.lag])
			p.saw(0, 94)
			const half = JSON.stringify([p.replay, p.lag])
			p.saw(0, 99)
			p.saw(1, 7)
			p.extents([{ partition: 0, first: 0, end: 102 }, { partition: 1, first: 5, end: 8 }])
			return begun === '[{"done":0,"total":13},13]' && half === '[{"done":5,"total":13},8]' && p.replay === null && p.lag === 2
		})`,
	} {
		if !evaluate[bool](page, check) {
			t.Errorf("%s is wrong", name)
		}
	}
}
