package described

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// answers gives what a client is told of one answer, which comes as it stands here: a status, a content type, a body.
func answers(t *testing.T, method, path string, status int, contentType, body string) error {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Type", contentType)
		h.Set("Cache-Control", "no-cache, no-transform")
		h.Set("X-Accel-Buffering", "no")
		if status == http.StatusServiceUnavailable && !strings.Contains(body, "no Retry-After") {
			h.Set("Retry-After", "2")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer server.Close()
	client := &http.Client{Transport: Transport(&http.Transport{DisableKeepAlives: true})}
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && string(text) != body {
		t.Errorf("%q came, of %q", text, body)
	}
	return err
}

const (
	readyEvent = "retry: 2000\nevent: ready\nid: c\ndata: {\"stream\":\"s\",\"mode\":\"view\",\"topics\":[\"a\"],\"pending\":[]}\n\n"
	readyLine  = `{"op":"ready","stream":"s","mode":"view","topics":["a"],"pending":[],"cursor":"c"}` + "\n"
)

// A judge that refuses nothing is none.
func TestAnswersAreJudged(t *testing.T) {
	const envelope = `{"topic":"a","partition":0,"offset":1,"key":null,"headers":[],"text":"x","cursor":"c"}`
	for _, c := range []struct {
		method, path string
		status       int
		contentType  string
		body         string
		wrong        string // what the error has; empty: there is none
	}{
		{"GET", "/v1/topics", 200, typeJSON, `{"topics":[{"topic":"a","broker":"b"}],"complete":true}`, ""},
		{"GET", "/v1/topics", 200, typeJSON, `{"topics":[{"topic":"a","broker":"b","age":1}],"complete":true}`, "age"},
		{"GET", "/v1/topics", 200, typeJSON, `{"topics":[],"complete":true,"next":"x"}`, "next"},
		{"GET", "/v1/topics", 200, typeJSON, `{"topics":[]}`, "complete"},
		{"GET", "/v1/topics", 200, "text/plain", `x`, "text/plain"},
		{"GET", "/v1/topics", 418, typeJSON, `{}`, "status is not supported"},
		{"GET", "/v1/topics?sort=name", 200, typeJSON, `{"topics":[],"complete":true}`, "sort"},
		{"GET", "/v1/topics?_=1", 200, typeJSON, `{"topics":[],"complete":true}`, ""},
		{"GET", "/v1/topics?sort=name", 400, typeProblem, `{"code":"invalid-request","title":"t","detail":"d","status":400,"retryable":false}`, ""},
		{"GET", "/v1/topics", 400, typeProblem, `{"code":"conflict","title":"t","detail":"d","status":400,"retryable":false}`, "code"},
		{"GET", "/v1/topics", 503, typeProblem, `{"code":"unavailable","title":"t","detail":"d","status":503,"retryable":true}`, ""},
		{"GET", "/v1/topics", 503, typeProblem, `{"code":"unavailable","title":"t","detail":"no Retry-After","status":503,"retryable":true}`, "Retry-After"},
		{"PUT", "/v1/topics", 405, typeProblem, `{"code":"method-not-allowed","title":"t","detail":"d","status":405,"retryable":false}`, ""},
		{"GET", "/v2", 404, typeProblem, `{"code":"unknown-way","title":"t","detail":"d","status":404,"retryable":false}`, "code"},
		{"GET", "/v1/topics/a", 200, typeJSON, `{"topic":"a","broker":"b","capabilities":["levitate"],"cursor":"c","partitions":[]}`, "levitate"},
		{"POST", "/v1/topics/a/messages", 200, typeJSON, `{"partition":0,"offset":1,"time":"2026-01-02T15:04:05.000Z"}`, ""},
		{"POST", "/v1/topics/a/messages", 200, typeJSON, `{"partition":0,"offset":1,"time":"2026-01-02 15:04"}`, "time"},
		{"POST", "/v1/topics/a/messages", 200, typeJSON, `{"results":[{"op":"ack","id":"1"},{"op":"nak"}]}`, "results"},
		{"POST", "/v1/topics/a/messages", 200, typeNDJSON, `{"op":"ack","id":"1"}` + "\n" + `{"op":"summary","acked":1,"failed":0}` + "\n", ""},
		{"POST", "/v1/topics/a/messages", 200, typeNDJSON, `{"op":"ack","id":"1","size":1}` + "\n", "size"},

		{"GET", "/v1/topics/a/events", 200, typeSSE, readyEvent + ":\n\nid: d\ndata: x\ndata: y\n\nevent: delete\ndata: k\n\n", ""},
		{"GET", "/v1/topics/a/events?event=kind", 200, typeSSE, readyEvent + "event: trade\nid: d\ndata: x\n\n", ""},
		{"GET", "/v1/topics/a/events", 200, typeSSE, "event: ready\nid: c\ndata: {}\n\n", "retry"},
		{"GET", "/v1/topics/a/events", 200, typeSSE, readyEvent + "event: open\ndata: x\n\n", "open"},
		{"GET", "/v1/topics/a/events", 200, typeSSE, readyEvent + "event: gap\nid: d\ndata: {\"reason\":\"boredom\",\"topic\":\"a\",\"partition\":0,\"lost\":1}\n\n", "boredom"},
		{"GET", "/v1/topics/a/events", 200, typeSSE, readyEvent + "event: assign\ndata: {\"assigned\":1}\n\n", "assign"},
		{"GET", "/v1/topics/a/queues/q/events?mode=peek", 200, typeSSE, readyEvent + "event: assign\ndata: {\"assigned\":1}\n\n", ""},
		{"GET", "/v1/topics/a/events", 200, typeSSE, readyEvent + "colour: red\ndata: x\n\n", "colour"},
		{"GET", "/v1/topics/a/events?envelope=1", 200, typeSSE, readyEvent + "id: d\ndata: " + envelope + "\n\n", ""},
		{"GET", "/v1/topics/a/events?envelope=1", 200, typeSSE, readyEvent + "id: d\ndata: x\n\n", "envelope"},
		{"GET", "/v1/events?topic=a", 200, typeSSE, readyEvent + "id: d\ndata: x\n\n", "envelope"},
		{"GET", "/v1/events", 200, typeSSE, readyEvent, "topic"},
		{"GET", "/prices", 200, typeSSE, readyEvent + "event: gasp\ndata: {}\n\n", ""}, // a name that a header gave
		{"GET", "/prices", 200, typeSSE, "event: ready\ndata: {}\n\n", "ready"},
		{"GET", "/v1/topics/a/events", 200, typeNDJSON, readyLine + `{"op":"mark"}` + "\n", ""},
		{"GET", "/v1/topics/a/events", 200, typeNDJSON, readyLine + `{"op":"msg",` + envelope[1:] + "\n", ""},
		{"GET", "/v1/topics/a/events", 200, typeNDJSON, readyLine + `{"op":"msg","text":"x"}` + "\n", "topic"},
		{"GET", "/v1/topics/a/events", 200, typeNDJSON, readyLine + `{"op":"assign","assigned":1}` + "\n", "assign"},
	} {
		err := answers(t, c.method, c.path, c.status, c.contentType, c.body)
		switch {
		case c.wrong == "" && err != nil:
			t.Errorf("%s %s, %d %s was refused: %v", c.method, c.path, c.status, c.body, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s %s, %d %s: %v, want something of %s", c.method, c.path, c.status, c.body, err, c.wrong)
		}
	}
}

// What a proxy says, or a program that is no bridge, is none of ours.
func TestOthersAreNotJudged(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	defer server.Close()
	answer, err := (&http.Client{Transport: Transport(&http.Transport{DisableKeepAlives: true})}).Get(server.URL + "/v1/topics")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusBadGateway {
		t.Errorf("status %d", answer.StatusCode)
	}
}

func TestFramesAreJudged(t *testing.T) {
	for _, c := range []struct {
		url, protocol string
		sent, said    string
		wrong         string
	}{
		{"http://b/v1/ws", "", "", `{"op":"ack","id":"7"}`, ""},
		{"http://b/v1/ws", "culvert.v1.json", "", `{"op":"ack","id":"7","size":1}`, "size"},
		{"http://b/v1/ws", "", "", `{"op":"hello"}`, "hello"},
		{"http://b/v1/ws", "", "", `{"op":"mark","sub":"a"}` + "\n" + `{"op":"end"}`, "sub"},
		{"http://b/v1/ws", "", "", `{"op":"err","id":"8","sub":"a","code":"conflict","detail":"d","retryable":false}`, ""},
		{"http://b/v1/ws", "", `{"op":"pub","id":"7","topic":"a","text":"x"}`, `{"op":"ack","id":"7"}`, ""},
		{"http://b/v1/ws", "", `{"op":"pub","id":"7","topic":"a","text":"x","ttl":1}`, `{"op":"ack","id":"7"}`, "ttl"},
		{"http://b/v1/ws", "", `{"op":"pub","id":"7","topic":"a","text":"x","ttl":1}`, `{"op":"err","id":"7","code":"invalid-request","detail":"d","retryable":false}`, ""},
		{"http://b/v1/topics/a/ws", "", "x", "+1", ""},
		{"http://b/v1/topics/a/ws", "", "x", "-1 unknown-topic there is none", ""},
		{"http://b/v1/topics/a/ws", "", "x", "1", "pattern"},
		{"http://b/v1/topics/a/ws?mode=view", "", "", "1", ""},
		{"http://b/prices", "culvert.v1.json", "", `{"op":"hello"}`, "hello"},
	} {
		s, err := NewSocket(c.url, c.protocol)
		if err != nil {
			t.Fatal(err)
		}
		s.Sends([]byte(c.sent))
		err = s.Says([]byte(c.said))
		switch {
		case c.wrong == "" && err != nil:
			t.Errorf("%s, after %s %s was refused: %v", c.url, c.sent, c.said, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s, after %s %s: %v, want something of %s", c.url, c.sent, c.said, err, c.wrong)
		}
	}
}

// The suite took half as long again, since each of a million messages was judged.
func TestPlentyIsEnough(t *testing.T) {
	var judged tally
	for range plenty {
		if judged.often("ack") {
			t.Fatal("it is passed over too soon")
		}
	}
	if !judged.often("ack") || judged.often("err") {
		t.Error("what was judged often is to be passed over, and nothing else")
	}
}
