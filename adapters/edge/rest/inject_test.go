package rest

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"culvert/domain"
)

const target = "/v1/topics/orders/messages"

func TestOneMessage(t *testing.T) {
	s := &services{}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits()) + target
	for i, c := range []struct {
		body   string
		header []string
		want   domain.Message
	}{
		{"hello", nil, domain.Message{Payload: []byte("hello")}},
		{"", []string{"Content-Type", "application/x-www-form-urlencoded"}, domain.Message{Payload: []byte{}}},
		{"\xff\x00", []string{"Content-Type", "application/octet-stream", "Culvert-Key", "é", "Culvert-Header", "a: b: c ", "Culvert-Header", "a:"}, domain.Message{Key: []byte("é"), Payload: []byte{0xff, 0}, Headers: []domain.Header{{Name: "a", Value: []byte("b: c")}, {Name: "a", Value: []byte{}}}}},
		{"", []string{"Culvert-Key", "k", "Culvert-Tombstone", "1"}, domain.Message{Key: []byte("k")}},
		{"x", []string{"Culvert-Tombstone", "0"}, domain.Message{Payload: []byte("x")}},
		// A Content-Type that cannot be read was refused, though any but two means one payload.
		{"x", []string{"Content-Type", "application/json; charset"}, domain.Message{Payload: []byte("x")}},
		{"x", []string{"Content-Type", "/;"}, domain.Message{Payload: []byte("x")}},
	} {
		status, got := do(t, "POST", url, c.body, c.header...)
		if status != 200 || got != "{\"partition\":2,\"offset\":1,\"time\":\"1970-01-01T00:00:00.000Z\"}\n" {
			t.Fatalf("%d: %d %s", i, status, got)
		}
		m := s.messages()[i]
		if fmt.Sprintf("%q %q %q %v", m.Key, m.Headers, m.Payload, m.Tombstone()) != fmt.Sprintf("%q %q %q %v", c.want.Key, c.want.Headers, c.want.Payload, c.want.Tombstone()) {
			t.Errorf("%d: %+v", i, m)
		}
	}
}

func TestOneMessageThatIsRefused(t *testing.T) {
	s := &services{}
	limits := domain.DefaultLimits()
	limits.MessageBytes = 10
	url := serve(t, s, DefaultConfig(), limits)
	for _, c := range []struct {
		target, body string
		header       []string
		want         int
	}{
		{target, "12345678901", nil, 413},
		{target + "?results=all", "x", nil, 400},
		{target + "?key=a", "x", nil, 400},
		{"/v1/topics/a%20b/messages", "x", nil, 400},
		{target, "x", []string{"Culvert-Key", "a", "Culvert-Key", "b"}, 400},
		{target, "x", []string{"Culvert-Key", "\xff"}, 400},
		{target, "x", []string{"Culvert-Header", "a"}, 400},
		{target, "x", []string{"Culvert-Header", ": a"}, 400},
		{target, "x", []string{"Culvert-Tombstone", "1", "Culvert-Key", "a"}, 400},
		{target, "", []string{"Culvert-Tombstone", "1"}, 400},
		{target, "", []string{"Culvert-Tombstone", "yes", "Culvert-Key", "a"}, 400},
		{target, "x", []string{"Content-Encoding", "gzip"}, 415},
	} {
		if status, got := do(t, "POST", url+c.target, c.body, c.header...); status != c.want {
			t.Errorf("%s %v: %d %s, want %d", c.target, c.header, status, got, c.want)
		}
	}
	// A body without a length is bounded as well.
	if resp := send(t, "POST", url+target, io.MultiReader(strings.NewReader("123456"), strings.NewReader("789012"))); resp.StatusCode != 413 {
		t.Errorf("%d", resp.StatusCode)
	}
	if len(s.messages()) != 0 {
		t.Errorf("%d messages were put", len(s.messages()))
	}
	s.outcome = func(uint64, *domain.Message) (domain.Ack, error) {
		return domain.Ack{}, domain.Errorf(domain.Timeout, "nobody knows")
	}
	if status, got := do(t, "POST", url+target, "x"); status != 504 || !strings.Contains(got, `"timeout"`) {
		t.Errorf("%d %s", status, got)
	}
	s.outcome = func(uint64, *domain.Message) (domain.Ack, error) { return domain.Ack{}, nil }
	if status, got := do(t, "POST", url+target, "x"); status != 200 || got != "{}\n" {
		t.Errorf("%d %s", status, got)
	}
}

func TestABodyThatDoesNotComeIsGivenUp(t *testing.T) {
	cfg := DefaultConfig()
	cfg.BodyTimeout = 20 * time.Millisecond
	url := serve(t, &services{}, cfg, domain.DefaultLimits()) + target
	body, w := io.Pipe()
	defer func() { _ = w.Close() }()
	if resp := send(t, "POST", url, body); resp.StatusCode != 400 {
		t.Errorf("%d", resp.StatusCode)
	}
}

const batchType = "application/vnd.culvert.batch+json"

func TestABatch(t *testing.T) {
	s := &services{backwards: true}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits()) + target
	status, got := do(t, "POST", url, `{"messages":[{"id":"1","text":"a"},{"id":"2","payload":{"x":1},"topic":"orders"},{"id":"3","topic":"others","text":"a"},{"id":"4"},7,{"key":"k","payload":null}]}`, "Content-Type", batchType+"; charset=utf-8")
	want := `{"results":[{"op":"ack","id":"1","partition":2,"offset":1,"time":"1970-01-01T00:00:00.000Z"},{"op":"ack","id":"2","partition":2,"offset":2,"time":"1970-01-01T00:00:00.000Z"},` +
		`{"op":"err","id":"3","code":"invalid-request","detail":"the topic is orders here, not others; it may be left out","retryable":false},` +
		`{"op":"err","id":"4","code":"invalid-request","detail":"a message has exactly one of payload, text and base64; this one has 0 of them","retryable":false},` +
		`{"op":"err","code":"invalid-request","detail":"this is not a JSON object","retryable":false},{"op":"ack","partition":2,"offset":6,"time":"1970-01-01T00:00:00.000Z"}]}` + "\n"
	if status != 200 || got != want {
		t.Errorf("%d\ngot  %swant %s", status, got, want)
	}
	if ms := s.messages(); len(ms) != 3 || string(ms[1].Payload) != `{"x":1}` || !ms[2].Tombstone() {
		t.Errorf("%+v", ms)
	}
	if status, got := do(t, "POST", url, `{"messages":[]}`, "Content-Type", batchType); status != 200 || got != "{\"results\":[]}\n" {
		t.Errorf("%d %s", status, got)
	}
}

// The injection of a request never ended: culvert_injections counted each POST for ever.
func TestAnInjectionEndsWithItsRequest(t *testing.T) {
	s := &services{}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits()) + target
	do(t, "POST", url, "hello")
	do(t, "POST", url, `{"messages":[{"text":"a"}]}`, "Content-Type", batchType)
	do(t, "POST", url, `{"text":"a"}`, "Content-Type", "application/x-ndjson")
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.injections) != 3 {
		t.Fatalf("%d injections", len(s.injections))
	}
	for i, life := range s.injections {
		select {
		case <-life.Done():
		case <-time.After(10 * time.Second):
			t.Errorf("injection %d goes on", i+1)
		}
	}
}

func TestBatchesThatAreRefused(t *testing.T) {
	limits := domain.DefaultLimits()
	limits.BatchMessages = 2
	cfg := DefaultConfig()
	cfg.BatchBytes = 100
	s := &services{}
	url := serve(t, s, cfg, limits) + target
	for body, want := range map[string]int{
		``: 400, `[]`: 400, `{}`: 400, `{"messages":{}}`: 400, `{"messages":[],"x":1}`: 400,
		`{"messages":[{"text":"a"},{"text":"a"},{"text":"a"}]}`: 413, strings.Repeat(" ", 101): 413,
	} {
		if status, got := do(t, "POST", url, body, "Content-Type", batchType); status != want {
			t.Errorf("%s: %d %s", body, status, got)
		}
	}
	if len(s.messages()) != 0 {
		t.Errorf("%d messages were put", len(s.messages()))
	}
}

func TestABatchThatTheEndOvertakes(t *testing.T) {
	s := &services{refuseAfter: 1}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits()) + target
	_, got := do(t, "POST", url, `{"messages":[{"id":"1","text":"a"},{"id":"2","text":"b"},{"id":"3","text":"c"}]}`, "Content-Type", batchType)
	if !strings.Contains(got, `{"op":"ack","id":"1"`) || !strings.Contains(got, `{"op":"err","id":"2","code":"unavailable"`) || !strings.Contains(got, `{"op":"err","id":"3","code":"unavailable"`) {
		t.Errorf("%s", got)
	}
}

const ndjson = "application/x-ndjson"

func TestResultsComeWhileTheBodyIsSent(t *testing.T) {
	url := serve(t, &services{}, DefaultConfig(), domain.DefaultLimits()) + target
	body, w := io.Pipe()
	resp := send(t, "POST", url, body, "Content-Type", ndjson)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != ndjson {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	r := bufio.NewReader(resp.Body)
	for i, c := range []struct{ line, want string }{
		{"{\"op\":\"pub\",\"id\":\"1\",\"text\":\"a\"}\r\n", `{"op":"ack","id":"1"`},
		{"\n \n{\"id\":\"2\"}\n", `{"op":"err","id":"2","code":"invalid-request"`},
		{"nonsense\n", `{"op":"err","code":"invalid-request"`},
	} {
		if _, err := io.WriteString(w, c.line); err != nil {
			t.Fatal(err)
		}
		if got, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(got, c.want) {
			t.Fatalf("%d: %q %v, want %s", i, got, err, c.want)
		}
	}
	if _, err := io.WriteString(w, `{"id":"last","text":"needs no line end"}`); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	if rest, err := io.ReadAll(r); err != nil || !strings.HasPrefix(string(rest), `{"op":"ack","id":"last"`) {
		t.Errorf("%q %v", rest, err)
	}
}

func TestResultsAreInOrderAndOfTheKindsAskedFor(t *testing.T) {
	body := "{\"id\":\"1\",\"text\":\"a\"}\n{\"id\":\"2\",\"text\":\"b\"}\n{\"id\":\"3\"}\n{\"id\":\"4\",\"text\":\"d\"}\n"
	for query, want := range map[string][]string{
		"":                 {`{"op":"ack","id":"1"`, `{"op":"err","id":"2"`, `{"op":"err","id":"3"`, `{"op":"ack","id":"4"`, ""},
		"?results=all":     {`{"op":"ack","id":"1"`, `{"op":"err","id":"2"`, `{"op":"err","id":"3"`, `{"op":"ack","id":"4"`, ""},
		"?results=errors":  {`{"op":"err","id":"2"`, `{"op":"err","id":"3"`, ""},
		"?results=summary": {`{"op":"summary","acked":2,"failed":2}`, ""},
	} {
		s := &services{backwards: true, outcome: func(n uint64, _ *domain.Message) (domain.Ack, error) {
			if n == 2 {
				return domain.Ack{}, domain.Errorf(domain.Timeout, "late")
			}
			return domain.Ack{}, nil
		}}
		url := serve(t, s, DefaultConfig(), domain.DefaultLimits()) + target
		_, got := do(t, "POST", url+query, body, "Content-Type", ndjson)
		lines := strings.Split(got, "\n")
		if len(lines) != len(want) {
			t.Fatalf("%s: %q", query, lines)
		}
		for i := range want {
			// The fake gives ids only to what it rejects.
			if !strings.HasPrefix(lines[i], want[i]) {
				t.Errorf("%s: line %d is %s, want %s", query, i+1, lines[i], want[i])
			}
		}
	}
	url := serve(t, &services{}, DefaultConfig(), domain.DefaultLimits()) + target
	if status, _ := do(t, "POST", url+"?results=some", body, "Content-Type", ndjson); status != 400 {
		t.Errorf("%d", status)
	}
}

func TestLinesOfAnyLength(t *testing.T) {
	s := &services{}
	limits := domain.DefaultLimits()
	url := serve(t, s, DefaultConfig(), limits) + target
	payload := strings.Repeat("\\u0041", limits.MessageBytes)
	long := strings.Repeat("x", 8*limits.MessageBytes)
	status, got := do(t, "POST", url, `{"id":"1","text":"`+payload+"\"}\n"+long+"\n"+`{"id":"3","text":"after"}`+"\n"+long, "Content-Type", ndjson)
	lines := strings.Split(got, "\n")
	if status != 200 || len(lines) != 5 {
		t.Fatalf("%d %s", status, got)
	}
	for i, want := range []string{`{"op":"ack","id":"1"`, `{"op":"err","code":"too-large"`, `{"op":"ack","id":"3"`, `{"op":"err","code":"too-large"`} {
		if !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d is %s, want %s", i+1, lines[i], want)
		}
	}
	if m := s.messages()[0]; string(m.Payload) != strings.Repeat("A", limits.MessageBytes) {
		t.Errorf("%d bytes came", len(m.Payload))
	}
}

// A client that sends all before it reads used to stall: both sides waited for the other to read.
func TestAClientMaySendAllBeforeItReads(t *testing.T) {
	url := serve(t, &services{}, DefaultConfig(), domain.DefaultLimits()) + target
	const lines = 40_000 // results of about 3 MiB
	body, w := io.Pipe()
	resp := send(t, "POST", url, body, "Content-Type", ndjson)
	line := []byte("{\"id\":\"0123456789\",\"text\":\"a\"}\n")
	for range lines {
		if _, err := w.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	_ = w.Close()
	n := 0
	for scan := bufio.NewScanner(resp.Body); scan.Scan(); n++ {
	}
	if n != lines {
		t.Errorf("%d results", n)
	}
}

func TestAClientThatNeverReadsIsStopped(t *testing.T) {
	cfg := DefaultConfig()
	cfg.ResultBytes, cfg.WriteTimeout = 1<<10, 50*time.Millisecond
	s := &services{}
	url := serve(t, s, cfg, domain.DefaultLimits()) + target
	body, w := io.Pipe()
	resp := send(t, "POST", url, body, "Content-Type", ndjson)
	line := []byte(`{"id":"` + strings.Repeat("i", 200) + "\",\"text\":\"a\"}\n")
	for range 1_000_000 {
		if _, err := w.Write(line); err != nil {
			if _, err := io.Copy(io.Discard, resp.Body); err == nil || os.IsTimeout(err) {
				t.Errorf("the answer did not break off: %v", err)
			}
			return
		}
	}
	t.Error("a million lines were taken from a client that never reads")
}

func TestAStreamThatTheEndOvertakes(t *testing.T) {
	url := serve(t, &services{refuseAfter: 1}, DefaultConfig(), domain.DefaultLimits()) + target
	_, got := do(t, "POST", url+"?results=errors", "{\"id\":\"1\",\"text\":\"a\"}\n{\"id\":\"2\",\"text\":\"b\"}\n{\"id\":\"3\",\"text\":\"c\"}\n", "Content-Type", ndjson)
	lines := strings.Split(got, "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], `{"op":"err","id":"2","code":"unavailable"`) || !strings.HasPrefix(lines[1], `{"op":"bye","reason":"shutdown","reconnect":true,"retry_ms":`) {
		t.Errorf("%q", lines)
	}
}

func TestAStreamThatPausesTooLongIsTold(t *testing.T) {
	cfg := DefaultConfig()
	cfg.IdleTimeout = 50 * time.Millisecond
	s := &services{}
	url := serve(t, s, cfg, domain.DefaultLimits()) + target
	body, w := io.Pipe()
	defer func() { _ = w.Close() }()
	resp := send(t, "POST", url, body, "Content-Type", ndjson)
	if _, err := io.WriteString(w, `{"text":"half a li`); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || !strings.HasPrefix(string(got), `{"op":"err","code":"invalid-request","detail":"nothing came`) {
		t.Errorf("%q %v", got, err)
	}
	if len(s.messages()) != 0 {
		t.Error("half a line was injected")
	}
}

func TestAClientThatWaitsIsToldToGoOn(t *testing.T) {
	url := serve(t, &services{}, DefaultConfig(), domain.DefaultLimits()) + target
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("{\"id\":\"1\",\"text\":\"a\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", ndjson)
	r.Header.Set("Expect", "100-continue")
	transport := &http.Transport{ExpectContinueTimeout: time.Minute}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || !strings.HasPrefix(string(got), `{"op":"ack","id":"1"`) {
		t.Errorf("%q %v", got, err)
	}
}

func TestRoomForStreamsOfLinesIsBounded(t *testing.T) {
	limits := domain.DefaultLimits()
	limits.Connections = 1
	url := serve(t, &services{}, DefaultConfig(), limits) + target
	body, w := io.Pipe()
	defer func() { _ = w.Close() }()
	send(t, "POST", url, body, "Content-Type", ndjson)
	if status, got := do(t, "POST", url, "", "Content-Type", ndjson); status != 429 || !strings.Contains(got, `"too-many-requests"`) {
		t.Errorf("%d %s", status, got)
	}
	if status, _ := do(t, "POST", url, "one message is always possible"); status != 200 {
		t.Errorf("%d", status)
	}
}
