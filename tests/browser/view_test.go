package browser

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// A loop of the browser client is given each message as what it is, and ends with the stream.
func TestViewShowsEachKindOfMessage(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS="+p.origin, "CULVERT_SSE_RETRY=100ms")
	topic := brokers.Topic(t)
	inject(t, b, topic, `{"messages":[
		{"key":"GOOG","payload":{"price": 187.20},"headers":[["h","v"]]},
		{"text":"two\nlines"},
		{"key":"GOOG","payload":null},
		{"base64":"/wA="},
		{"text":""},
		{"key64":"/w==","payload":null}]}`)
	page := p.tab("view.html", "client", script(b), "url", b.URL+"/v1/topics/"+topic+"/events", "options", `{"from":"earliest","to":"latest"}`)
	page.until("ends", "count('over') === 1")

	got := evaluate[[]string](page, `given.map(m => {
		const plain = x => x instanceof Uint8Array ? 'bytes ' + x : x
		return JSON.stringify([m.topic === '`+topic+`', m.partition, m.offset, plain(m.key), m.headers, plain(m.value), m.text, m.bytes?.length, m.deleted, m.time instanceof Date])
	})`)
	want := []string{
		`[true,0,0,"GOOG",[["h","v"]],{"price":187.2},"{\"price\": 187.20}",17,false,true]`,
		`[true,0,1,null,[],"two\nlines","two\nlines",9,false,true]`,
		`[true,0,2,"GOOG",[],null,null,null,true,true]`,
		`[true,0,3,null,[],"bytes 255,0",null,2,false,true]`,
		`[true,0,4,null,[],"","",0,false,true]`,
		`[true,0,5,"bytes 255",[],null,null,null,true,true]`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("the page was given\n%q, want\n%q", got, want)
	}
	if state := evaluate[string](page, "messages.state"); state != "ended" {
		t.Errorf("its state is %s", state)
	}
}

// Without a loop messages go to listeners, as those of an EventSource do. Who closes a view has no connection any more.
func TestViewTellsListeners(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS="+p.origin)
	door := pass(t, b)
	topic := brokers.Topic(t)
	inject(t, b, topic, `{"messages":[{"text":"one"},{"key":"GOOG","payload":null},{"key":"GOOG","payload":{"price":187.2}}]}`)
	page := p.tab("view.html", "url", "http://"+door.addr+"/v1/topics/"+topic+"/events")

	evaluate[any](page, fmt.Sprintf(`import(%q).then(({ view }) => {
		messages = view(parameter('url'), { from: 'earliest', headers: { 'Cache-Control': 'no-cache' } })
		messages.onmessage = e => show('message', e.data, e.lastEventId)
		messages.addEventListener('delete', e => show('delete', e.data, e.lastEventId))
	}).then(() => {})`, script(b)))
	page.until("has seen all", "shown.length === 3")
	inject(t, b, topic, `{"messages":[{"text":"two"}]}`)
	page.until("has seen what came later", "shown.length === 4")
	for i, want := range []line{{Event: "message", Data: "one"}, {Event: "delete", Data: "GOOG"}, {Event: "message", Data: `{"price":187.2}`}, {Event: "message", Data: "two"}} {
		if got := page.shown()[i]; got.Event != want.Event || got.Data != want.Data || got.Cursor == "" {
			t.Errorf("the page was shown %+v, want %+v", got, want)
		}
	}
	evaluate[any](page, "messages.close()")
	brokers.Eventually(t, patience, "its connection is closed", func() bool { return door.open.Load() == 0 })
}

// A loop that is busy with a message lets little more be read, and is given all when it goes on.
func TestABusyLoopStopsReading(t *testing.T) {
	t.Parallel()
	const (
		messages = 20_000
		bytes    = 2000 // each
	)
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS="+p.origin, "CULVERT_INPROC_LOG_BYTES=200000000")
	topic := brokers.Topic(t)
	padding := strings.Repeat(".", bytes)
	for n := 0; n < messages; n += 1000 {
		batch := []byte(`{"messages":[`)
		for i := range 1000 {
			batch = fmt.Appendf(batch, `{"text":"%d %s"},`, n+i, padding)
		}
		inject(t, b, topic, string(append(batch[:len(batch)-1], "]}"...)))
	}
	path := "/v1/topics/" + topic + "/events"
	busy := p.tab("view.html", "client", script(b), "url", b.URL+path, "options", `{"from":"earliest"}`, "gate", "1")
	busy.until("has the first message", "given.length === 1")
	// Another one has all in the meantime.
	free := p.tab("view.html", "client", script(b), "url", b.URL+path, "options", `{"from":"earliest"}`)
	all := fmt.Sprintf("given.length === %d && given.every((m, i) => parseInt(m.text) === i)", messages)
	free.until("has all", all)

	if n := evaluate[int](busy, "read"); n > messages*bytes/10 {
		t.Errorf("%d of %d bytes were read by a page that takes none", n, messages*bytes)
	}
	evaluate[any](busy, "goOn()")
	busy.until("has all", all)
}

// script is where b serves the browser client.
func script(b *bridge.Bridge) string { return b.URL + "/culvert.js" }
