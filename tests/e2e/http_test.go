package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"culvert/tests/bridge"
)

// request is one request as a stranger makes it.
type request struct {
	method, url, body, host string
	header                  map[string]string
}

// answer is what came back of it.
type answer struct {
	status int
	header http.Header
	body   string
}

// strangers make short requests.
var strangers = &http.Client{Timeout: time.Minute}

func send(ctx context.Context, t *testing.T, r request) answer {
	t.Helper()
	if r.method == "" {
		r.method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = r.host
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	res, err := strangers.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

// wantStatus wants an answer with this status and, where a code is given, a problem with it.
func wantStatus(ctx context.Context, t *testing.T, r request, status int, code string) answer {
	t.Helper()
	a := send(ctx, t, r)
	if a.status != status {
		t.Errorf("%s %s: %d %s, want %d", r.method, r.url, a.status, a.body, status)
		return a
	}
	if code == "" {
		return a
	}
	var problem struct {
		Code   string `json:"code"`
		Title  string `json:"title"`
		Status int    `json:"status"`
	}
	if err := json.Unmarshal([]byte(a.body), &problem); err != nil || problem.Code != code || problem.Status != status || problem.Title == "" {
		t.Errorf("%s %s: %s is not the problem %s: %v", r.method, r.url, a.body, code, err)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("%s %s: a problem of type %q", r.method, r.url, got)
	}
	return a
}

// What a stranger can get wrong is answered with what is wrong, by the codes of the contract.
func TestWhatStrangersGetWrong(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	b := bridge.Start(t)
	events := b.URL + "/v1/topics/orders/events"
	for name, c := range map[string]struct {
		request
		status int
		code   string
	}{
		"no such route":           {request{url: b.URL + "/v2/topics"}, 404, "unknown-route"},
		"no such method":          {request{method: "PUT", url: events}, 405, "method-not-allowed"},
		"a foreign host":          {request{url: events, host: "evil.example"}, 421, "misdirected"},
		"a foreign origin":        {request{url: events, header: map[string]string{"Origin": "https://evil.example"}}, 403, "not-allowed"},
		"a name that cannot be":   {request{url: b.URL + "/v1/topics/or%20ders/events"}, 400, "invalid-request"},
		"an unknown parameter":    {request{url: events + "?form=latest"}, 400, "invalid-request"},
		"a cursor that is none":   {request{url: events + "?lastEventId=hello"}, 400, "invalid-cursor"},
		"a type nobody makes":     {request{url: events, header: map[string]string{"Accept": "image/png"}}, 406, "not-acceptable"},
		"a stream nobody has":     {request{method: "POST", url: b.URL + "/v1/streams/s_x/done", body: `{"receipts":["r"]}`}, 404, "unknown-stream"},
		"too large a message":     {request{method: "POST", url: b.URL + "/v1/topics/orders/messages", body: strings.Repeat("x", 1_000_001)}, 413, "too-large"},
		"a WebSocket without one": {request{url: b.URL + "/v1/ws"}, 426, "upgrade-required"},
		"a tombstone of nothing":  {request{method: "POST", url: b.URL + "/v1/topics/orders/messages", header: map[string]string{"Culvert-Tombstone": "1"}}, 400, "invalid-request"},
		"a peek into nothing":     {request{url: b.URL + "/v1/topics/orders/queues/billing/events?mode=peek"}, 404, "unknown-topic"},
		"an end that is none":     {request{url: events + "?to=tomorrow"}, 400, "invalid-request"},
	} {
		t.Run(name, func(t *testing.T) { wantStatus(ctx, t, c.request, c.status, c.code) })
	}
}

// The admin listener serves what operators need, and the API beside it.
func TestTheAdminListener(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	b := bridge.Start(t)
	post(ctx, t, b, "orders", "one")
	wantStatus(ctx, t, request{url: b.Admin + "/livez"}, 200, "")
	wantStatus(ctx, t, request{url: b.Admin + "/readyz"}, 200, "")
	wantStatus(ctx, t, request{url: b.Admin + "/v1/topics/orders"}, 200, "")
	if a := wantStatus(ctx, t, request{url: b.Admin + "/"}, 200, ""); !strings.Contains(a.body, "<html") {
		t.Error("there is no console")
	}
	metrics := wantStatus(ctx, t, request{url: b.Admin + "/metrics"}, 200, "").body
	if !strings.Contains(metrics, "culvert_") {
		t.Errorf("no metrics of ours:\n%s", metrics)
	}
	var topics struct {
		Topics []struct{ Topic, Broker string }
	}
	if err := json.Unmarshal([]byte(send(ctx, t, request{url: b.URL + "/v1/topics"}).body), &topics); err != nil {
		t.Fatal(err)
	}
	if len(topics.Topics) != 1 || topics.Topics[0].Topic != "orders" || topics.Topics[0].Broker != "inproc" {
		t.Errorf("topics are %+v", topics)
	}
}
