package browser

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// A page injects while the bridge is killed, comes back, is stopped as it should be, and comes back: each promise is settled, by the place at which the topic has the message, and each key is in
// order.
func TestInjectOverARestart(t *testing.T) {
	t.Parallel()
	p := open(t)
	topic := kafkaTopic(3)(t)
	port := brokers.FreePorts(t, 1)[0]
	start := func() *bridge.Bridge {
		return bridge.Start(t, append(kafka(t), fmt.Sprintf("CULVERT_LISTEN=127.0.0.1:%d", port), "CULVERT_HTTP_ORIGINS="+p.origin, "CULVERT_WS_RETRY=200ms")...)
	}
	b := start()
	page := p.tab("inject.html", "client", script(b), "url", b.URL+"/v1/topics/"+topic+"/ws")
	confirmed := 0
	goesOn := func() {
		t.Helper()
		page.until("has more confirmed", fmt.Sprintf("settled > %d", confirmed+500))
		confirmed = evaluate[int](page, "settled")
	}

	goesOn()
	b.Kill()
	page.until("waits", "out.state === 'waiting'")
	b = start()
	goesOn()
	if err := b.Stop(); err != nil {
		t.Errorf("culvert left with %v", err)
	}
	page.until("waits again", "out.state === 'waiting'")
	b = start()
	goesOn()
	evaluate[any](page, "(pause = true, out.close())")

	if state := evaluate[string](page, "out.state"); state != "ended" {
		t.Errorf("its state is %s", state)
	}
	if pending := evaluate[int](page, "out.pending"); pending != 0 {
		t.Errorf("%d messages are pending", pending)
	}
	if n, all := evaluate[int](page, "settled"), evaluate[int](page, "sent.length"); n != all {
		t.Errorf("of %d promises %d were settled", all, n)
	}
	judgeInjected(t, evaluate[[]json.RawMessage](page, "sent"), storedIn(t, b, topic))
}

// judgeInjected compares what a page was told of its messages, by their numbers, with what is in the topic.
func judgeInjected(t *testing.T, told []json.RawMessage, log []stored) {
	at := map[string]int{}
	next := map[string]int{}
	for _, m := range log {
		n, err := strconv.Atoi(string(m.Payload))
		if err != nil {
			t.Fatal(err)
		}
		at[fmt.Sprintf("[%d,%d]", m.Partition, m.Offset)] = n
		// What was sent again may be there twice.
		if want, ok := next[*m.Key]; ok && n > want {
			t.Errorf("%d of %s came where %d was to come", n, *m.Key, want)
		}
		next[*m.Key] = max(next[*m.Key], n+10)
	}
	wrong := 0
	for n, place := range told {
		if got, ok := at[string(place)]; !ok || got != n {
			if wrong++; wrong < 10 {
				t.Errorf("%d was settled with %s, where the topic has %d (%v)", n, place, got, ok)
			}
		}
	}
	t.Logf("%d messages were sent; %d are in the topic twice", len(told), len(log)-len(told))
}
