package clients

import (
	"slices"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// An EventSource comes back after whatever ended its stream, unless a status tells it not to: this one would go round for ever.
func TestAnEventSourceStopsAtTheEnd(t *testing.T) {
	t.Parallel()
	topic := brokers.Topic(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	post(t, b, topic, posted{"text": "one"}, posted{"text": "two"})

	p := start(t, "end_eventsource.mjs", b.URL+"/v1/topics/"+topic+"/events?from=earliest&to=latest")
	if err := p.wait(t); err != nil {
		t.Errorf("it ended with %v", err)
	}
	compare(t, p, []line{{Event: "ready"}, {Event: "message", Data: "one"}, {Event: "message", Data: "two"}, {Event: "bye"}, {Event: "closed", Data: "204"}})
	if i := slices.IndexFunc(p.printed(), func(l line) bool { return l.Event == "bye" }); i >= 0 && p.printed()[i].Cursor == "" {
		t.Error("bye has no id, by which the bridge would know that the end was reached")
	}
}
