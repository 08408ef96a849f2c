package browser

import (
	"fmt"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// While its broker is restarted a view says that it waits, and why; then it goes on, and has each message once, as the API tells them.
func TestConsoleGoesOnOverARestartOfTheBroker(t *testing.T) {
	t.Parallel()
	p := open(t)
	k := brokers.StartKafka(t, nil)
	topic := brokers.Topic(t)
	brokers.CreateTopic(t, k.Cluster(), topic, 3)
	b := bridge.Start(t, "CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS="+k.Addr(), "CULVERT_SSE_RETRY=200ms", "CULVERT_SUBSCRIBE_OPEN_TIMEOUT=2s")
	more := func(from int) {
		t.Helper()
		var batch []map[string]any
		for i := range 50 {
			batch = append(batch, map[string]any{"key": fmt.Sprint("k", i%7), "payload": from + i})
		}
		injectAs(t, b, topic, batch)
	}
	more(0)
	page := p.console(b, "view", "topic", topic, "from", "earliest", "on", "1")
	page.until("has what is there", "standing() === 'live' && count() === 50")

	k.Kill()
	page.until("says that it waits, and why", "standing() === 'waiting for the broker' && said('.standing .bar .dim') !== ''")
	why := refusal(t, client.Get(t.Context(), b.URL+"/v1/topics/"+topic, nil))
	page.until("says why as the bridge does", fmt.Sprintf("%s === 'unavailable: ' + said('.standing .bar .dim')", literal(why)))
	k.Start()
	more(50)
	page.until("goes on", "standing() === 'live' && count() >= 100")
	more(100)
	page.until("has all", "count() >= 150")
	if got, want := inOrder(parsed(t, evaluate[string](page, "downloaded()"))), inOrder(storedIn(t, b, topic)); !same(got, want) {
		t.Errorf("shown are\n%v\nwhere the topic has\n%v", got, want)
	}
	if n := evaluate[int](page, "count()"); n != 150 {
		t.Errorf("%d messages are counted", n)
	}
	if gaps := evaluate[int](page, "all('.line.gap:not([hidden])').length"); gaps != 0 {
		t.Errorf("%d gaps are told where nothing was lost", gaps)
	}
}

// While its broker is away the panel Inject says that a message waits, and why it was refused; when the broker is back, the message is confirmed.
func TestConsoleInjectsOverARestartOfTheBroker(t *testing.T) {
	t.Parallel()
	p := open(t)
	k := brokers.StartKafka(t, nil)
	topic := brokers.Topic(t)
	brokers.CreateTopic(t, k.Cluster(), topic, 1)
	b := bridge.Start(t, "CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS="+k.Addr(), "CULVERT_INJECT_TIMEOUT=2s", "CULVERT_KAFKA_DIAL_TIMEOUT=1s")
	page := panelAt(p, b, "inject?topic="+topic)
	inject := func(confirmed string) {
		t.Helper()
		page.click("main button", "Inject")
		page.until("has it confirmed", fmt.Sprintf("document.querySelector('[data-figure=confirmed] .value').textContent === %q", confirmed))
	}
	inject("1")

	k.Kill()
	page.click("main button", "Inject")
	const late = "document.querySelector('[aria-label=Answers] [role=status]')"
	page.until("says that it waits, and why", late+".textContent.startsWith('1 without an answer. Refused for now, and sent again: ') && !"+late+".hidden")
	k.Start()
	page.until("has it confirmed", "document.querySelector('[data-figure=confirmed] .value').textContent === '2'")
	page.until("says no more of it", late+".hidden && "+late+".textContent === ''")
	inject("3")
	if failed := evaluate[string](page, "document.querySelector('[data-figure=failed] .value').textContent"); failed != "0" {
		t.Errorf("%s failed", failed)
	}
}
