package browser

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"culvert/tests/bridge"
)

// evil is what a stranger would like to be more than text.
const evil = `<x-evil onclick='hacked = 1'><img src='x' onerror='hacked = 1'></x-evil><script>hacked = 1</script>${hacked = 1}`

// injectAs publishes messages, all of which must be confirmed.
func injectAs(t *testing.T, b *bridge.Bridge, topic string, messages []map[string]any) {
	t.Helper()
	var text strings.Builder
	plain := json.NewEncoder(&text)
	plain.SetEscapeHTML(false)
	if err := plain.Encode(map[string]any{"messages": messages}); err != nil {
		t.Fatal(err)
	}
	inject(t, b, topic, text.String())
}

// What strangers write, in messages or in links, is text wherever the console shows it: in lists, details, dead letters, logs, errors and settings.
func TestConsoleTakesAllForText(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_KAFKA_CLIENT_ID="+evil)
	headers := [][]string{{evil, evil}}
	injectAs(t, b, "orders", []map[string]any{
		{"key": evil, "text": evil, "headers": headers},
		{"key": evil, "payload": json.RawMessage(strings.ReplaceAll(`{"evil":["evil",{"evil":"evil"}]}`, "evil", evil)), "headers": headers},
		{"key": evil, "payload": nil, "headers": headers},
	})
	member := work(t, b, "orders")
	defer member.Close()
	injectAs(t, b, "orders.billing.dlq", []map[string]any{{"key": evil, "text": evil, "headers": [][]string{
		{"culvert-dead-queue", "billing"}, {"culvert-dead-reason", evil}, {"culvert-dead-attempts", evil}, {"culvert-dead-offset", evil}, {"culvert-dead-partition", evil},
	}}})

	page := p.shell(b, "#/topics", 1280)
	page.until("has its topics", "document.querySelector('tbody tr') !== null")
	evaluate[bool](page, `(() => {
		window.more = []
		const look = node => { if (node instanceof Element) for (const e of [node, ...node.querySelectorAll('*')]) if (/^(X-EVIL|IMG|SCRIPT|IFRAME)$/i.test(e.tagName) || [...e.attributes].some(a => /^on/i.test(a.name))) more.push(e.outerHTML.slice(0, 200)) }
		new MutationObserver(all => all.forEach(one => (one.addedNodes.forEach(look), look(one.target)))).observe(document.documentElement, { subtree: true, childList: true, attributes: true })
		// How often it is there to be read.
		window.read = within => (document.querySelector(within)?.textContent.split(`+literal(evil)+`).length ?? 0) - 1
		return true
	})()`)
	e := url.QueryEscape(evil)
	at := func(hash, what, holds string, do ...string) {
		t.Helper()
		evaluate[bool](page, fmt.Sprintf("(location.hash = %s, true)", literal(hash)))
		for _, one := range do {
			page.until("can do "+one, "(("+one+") ?? true) !== false")
		}
		page.until("shows "+what, holds)
	}

	at("#/topics?q="+e, "what is sought", "read('.empty h2') === 1")
	at("#/view?topic=orders&from=earliest&on=1", "lines", "lines().length === 3 && lines().every(l => l[3] === inLine)", "window.inLine = "+literal(evil))
	for _, one := range [][2]string{
		{"Home", "read('.details dl') === 1 && read('.details .headers') === 2 && read('.details pre') === 1"},
		{"ArrowDown", "read('.details .headers') === 2 && read('.details .json') >= 2"},
		{"End", "read('.details dl') === 1 && said('.details-head h2') === 'Tombstone'"},
	} {
		evaluate[any](page, fmt.Sprintf("press(%q)", one[0]))
		page.until("shows the message behind "+one[0], one[1])
	}
	page.write("#panel-view .tools input", evil)
	page.until("finds it", "said('.tools .dim') === '3 found'")
	at("#/view?topic=orders&key="+e+"&header="+e+"&code=wscat", "how to connect", "said('.connect pre').startsWith('npx ')")
	for _, name := range []string{"curl", "EventSource", "culvert.js", "WebSocket", "Go", "Python"} {
		page.click(".connect [role=tab]", name)
	}
	at("#/view?topic="+e+"&on=1", "the refusal", "standing() === 'ended' && said('.standing .bar').includes('invalid')")
	at("#/view?topic=orders&queue="+e+"&mode=peek&on=1", "the refusal of a queue", "standing() === 'ended'")
	at("#/queues?topic="+e, "a topic that cannot be", "read('h1') === 1 && said('.notice.bad') !== ''")
	at("#/queues?topic=orders&queue="+e, "a queue that cannot be", "read('h1') === 1 && said('.notice.bad') !== ''")
	at("#/queues?topic=orders&queue=billing", "dead letters", `read('section[aria-label="Dead letters"] tbody') === 6`)
	page.click("main button", "Reset …")
	page.click("dialog .choice label", "A cursor")
	page.write("dialog input[aria-label=Cursor]", evil)
	page.until("says that it is none", "/invalid/.test(said('dialog .effect'))")
	page.click("dialog button", "Reset the queue")
	page.until("tells the refusal", "said('.toast.bad') !== ''")
	at("#/inject?topic=orders&as=text&key="+e+"&payload="+e+"&header="+url.QueryEscape("h: "+evil), "how to inject it", "all('.code pre').length === 3")
	page.click("main button", "Inject")
	page.until("shows what was sent and answered", "read('main tbody') === 1 && all('.frames .sent').some(f => f.textContent.includes('x-evil'))")
	page.click(".choice label", "POST")
	page.click("main button", "Inject")
	page.until("shows what was posted", "read('main tbody') === 2")
	page.click(".choice label", "JSON")
	page.click("main button", "Inject")
	page.until("says that it is no JSON", "said('#inject-wrong').startsWith('Not JSON')")
	at("#/health?q=client_id", "a setting", "read('#panel-health tbody') === 1")

	if made := evaluate[[]string](page, "more"); len(made) > 0 {
		t.Errorf("text became more than that: %v", made)
	}
	if evaluate[bool](page, "'hacked' in window") {
		t.Error("text was run")
	}
}
