package clients

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// posted is a message of a JSON batch.
type posted map[string]any

func post(t *testing.T, b *bridge.Bridge, topic string, messages ...posted) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"messages": messages})
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Results []client.Frame `json:"results"`
	}
	if err := client.Post(t.Context(), b.URL+"/v1/topics/"+topic+"/messages", "application/vnd.culvert.batch+json", body, &answer); err != nil {
		t.Fatal(err)
	}
	for i, result := range answer.Results {
		if result.Op != "ack" {
			t.Fatalf("message %d was answered with %+v", i, result)
		}
	}
}

// texts are payloads that a parser of lines may take for something else.
var texts = []string{
	"plain", "", " ", ":", "data: x", "id: x\nevent: y", "[DONE]", "retry: 1",
	"lf\n\nlf", "\n", "ends in lf\n", "\ufeffa mark", "a\x00b",
	"a\u0085b", "a\u2028b\u2029c", "a\vb\fc\x1cd\x1de\x1ef", "žluťoučký 🐎",
}

// broken are payloads whose line ends clients see as LF.
var broken = map[string]string{"cr\rcrlf\r\nlf\n\r": "cr\ncrlf\nlf\n\n", "\r\n\r\n": "\n\n", "\r\r": "\n\n"}

// Whatever a message holds, and whatever the bridge has to say, comes to a client's listeners: npm's eventsource ignores a block without a data line, and
// sseclient-py splits lines in its own way.
func TestEveryFormOfAnEvent(t *testing.T) {
	t.Parallel()
	topic := brokers.Topic(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_SSE_HEARTBEAT=1s")
	url := b.URL + "/v1/topics/" + topic + "/events?from=earliest&key=k&key=a%0Ab"
	want := []line{{Event: "ready"}}
	var messages []posted
	for _, text := range texts {
		messages = append(messages, posted{"key": "k", "text": text})
		want = append(want, line{Event: "message", Data: text})
	}
	for text, shown := range broken {
		messages = append(messages, posted{"key": "k", "text": text})
		want = append(want, line{Event: "message", Data: shown})
	}
	post(t, b, topic, append(messages,
		posted{"key": "k", "base64": "/wAK"},
		posted{"key": "k", "payload": nil},
		posted{"key": "a\nb", "payload": nil},
		posted{"key": "another", "text": "moves the cursor"},
	)...)
	want = append(want, line{Event: "binary", Data: "/wAK"}, line{Event: "delete", Data: "k"}, line{Event: "binary-delete", Data: "YQpi"}, line{Event: "mark", Data: "{}"})

	raw := blocks(t, url)
	programs := []*program{start(t, "view_eventsource.mjs", url), start(t, "view_sseclient.py", url)}
	for _, p := range programs {
		brokers.Eventually(t, patience, p.name+" sees a mark", func() bool { return p.count("mark") > 0 })
	}
	if err := b.Stop(); err != nil {
		t.Errorf("culvert left with %v", err)
	}
	for _, p := range programs {
		brokers.Eventually(t, patience, p.name+" hears that the bridge goes", func() bool { return p.count("bye") > 0 })
		compare(t, p, append(slices.Clone(want), line{Event: "bye"}))
	}
	for _, block := range <-raw {
		// The first line of a block that is no comment alone.
		if block != ":" && !strings.HasPrefix(block, "data:") && !strings.Contains(block, "\ndata:") {
			t.Errorf("a block has no data: %q", block)
		}
	}
}

// blocks reads a stream to its end, and gives its blocks then.
func blocks(t *testing.T, url string) <-chan []string {
	t.Helper()
	stream, err := client.OpenSSE(t.Context(), url, "")
	if err != nil {
		t.Fatal(err)
	}
	found := make(chan []string, 1)
	// Ends with the stream, or with the test.
	go func() {
		defer stream.Close()
		text, err := io.ReadAll(stream.Response.Body)
		if err != nil {
			t.Errorf("reading the stream: %v", err)
		}
		found <- strings.Split(strings.TrimSuffix(string(text), "\n\n"), "\n\n")
	}()
	return found
}

// compare tells where a program was shown something else. What the bridge itself says is compared by name, but for its data where that is wanted.
func compare(t *testing.T, p *program, want []line) {
	t.Helper()
	got := p.printed()
	for i, w := range want {
		if i >= len(got) {
			t.Errorf("%s was shown %d events, want %d; %+v is missing", p.name, len(got), len(want), w)
			return
		}
		if got[i].Event != w.Event || got[i].Data != w.Data && (w.Data != "" || w.Event == "message") {
			t.Errorf("%s was shown %s %q as event %d, want %s %q", p.name, got[i].Event, got[i].Data, i, w.Event, w.Data)
		}
	}
	if len(got) > len(want) {
		t.Errorf("%s was shown %+v besides", p.name, got[len(want):])
	}
}

// Lines of JSON are read by what Python has for lines, as soon as each is there, and to the end.
func TestLinesOfJSON(t *testing.T) {
	t.Parallel()
	topic := brokers.Topic(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	url := b.URL + "/v1/topics/" + topic + "/events?from=earliest&limit=25"
	want := []line{{Event: "ready"}}
	var messages []posted
	for _, text := range texts {
		messages = append(messages, posted{"text": text})
		want = append(want, line{Event: "msg", Data: text})
	}
	post(t, b, topic, messages...)
	programs := []*program{start(t, "lines_urllib.py", url), start(t, "lines_requests.py", url)}
	for _, p := range programs {
		brokers.Eventually(t, patience, p.name+" has what is there", func() bool { return p.count("msg") == len(texts) })
	}
	for len(messages) < 25 {
		post(t, b, topic, posted{"text": "live"})
		messages = append(messages, nil)
		want = append(want, line{Event: "msg", Data: "live"})
		for _, p := range programs {
			brokers.Eventually(t, patience, p.name+" has a live message at once", func() bool { return p.count("msg") == len(messages) })
		}
	}
	for _, p := range programs {
		if err := p.wait(t); err != nil {
			t.Errorf("%s ended with %v", p.name, err)
		}
		compare(t, p, append(slices.Clone(want), line{Event: "bye"}))
	}
}
