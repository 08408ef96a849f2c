package clients

import (
	"slices"
	"strings"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// A raw socket shows payloads as they were injected: text as text, bytes as bytes.
func TestRawSockets(t *testing.T) {
	t.Parallel()
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	for file, text := range map[string]string{"raw_ws.mjs": "text of ws: ž", "raw_websockets.py": "text of websockets: ž"} {
		p := start(t, file, strings.Replace(b.URL, "http", "ws", 1)+"/v1/topics/"+brokers.Topic(t)+"/ws?mode=both")
		if err := p.wait(t); err != nil {
			t.Errorf("%s ended with %v", file, err)
		}
		want := []line{{Event: "text", Data: text}, {Event: "bytes", Data: "ff000a"}, {Event: "close", Data: "1000"}}
		if got := p.printed(); !slices.Equal(got, want) {
			t.Errorf("%s printed %+v, want %+v", file, got, want)
		}
	}
}
