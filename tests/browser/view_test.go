package browser

import (
	"slices"
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

// script is where b serves the browser client.
func script(b *bridge.Bridge) string { return b.URL + "/culvert.js" }
