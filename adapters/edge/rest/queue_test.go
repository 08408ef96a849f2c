package rest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

const billing = "/v1/topics/orders/queues/billing"

// at is how far a queue is in a partition.
func at(partition int32, first, committed, end int64) domain.Committed {
	return domain.Committed{Extent: domain.Extent{Partition: partition, First: first, End: end}, Place: committed}
}

func TestAQueueIsInspected(t *testing.T) {
	s := &services{}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
	for name, c := range map[string]struct {
		state ports.QueueState
		want  string
	}{
		"all is known": {
			ports.QueueState{
				Order: domain.OrderKey, Lag: 19, Partitions: []domain.Committed{at(0, 0, 25, 42), at(1, 3, 5, 7)},
				Lease: 30 * time.Second, MaxAttempts: 5, DeadLetter: "orders.billing.dlq", Members: 2, InFlight: 3, Oldest: 1200 * time.Millisecond,
			},
			`{"topic":"orders","queue":"billing","order":"key","members":2,"in_flight":3,"oldest_unsettled_ms":1200,"lag":19,` +
				`"partitions":[{"partition":0,"committed":25,"end":42,"lag":17},{"partition":1,"committed":5,"end":7,"lag":2}],` +
				`"lease_ms":30000,"max_attempts":5,"dead_letter":"orders.billing.dlq"}`,
		},
		"the broker tells nothing": {
			ports.QueueState{Order: domain.OrderNone, Lag: domain.LagUnknown, Lease: time.Minute, Oldest: -1},
			`{"topic":"orders","queue":"billing","order":"none","members":0,"in_flight":0,"oldest_unsettled_ms":null,"lag":null,"partitions":null,"lease_ms":60000,"max_attempts":0,"dead_letter":null}`,
		},
		"all is settled": {
			ports.QueueState{Order: domain.OrderKey, Partitions: []domain.Committed{at(0, 0, 0, 0)}, Lease: time.Minute, Members: 1},
			`{"topic":"orders","queue":"billing","order":"key","members":1,"in_flight":0,"oldest_unsettled_ms":0,"lag":0,"partitions":[{"partition":0,"committed":0,"end":0,"lag":0}],"lease_ms":60000,"max_attempts":0,"dead_letter":null}`,
		},
		"one partition has no leader, another has not begun, a third was overtaken by retention": {
			ports.QueueState{
				Order: domain.OrderKey, Lag: domain.LagUnknown, Lease: time.Minute, Oldest: -1,
				Partitions: []domain.Committed{at(0, domain.NoPlace, 4, domain.NoPlace), at(1, 10, domain.NoPlace, 12), at(2, 10, 4, 12), at(3, domain.NoPlace, domain.NoPlace, domain.NoPlace)},
			},
			`{"topic":"orders","queue":"billing","order":"key","members":0,"in_flight":0,"oldest_unsettled_ms":null,"lag":null,` +
				`"partitions":[{"partition":0,"committed":4,"end":null,"lag":null},{"partition":1,"committed":null,"end":12,"lag":2},{"partition":2,"committed":4,"end":12,"lag":8},{"partition":3,"committed":null,"end":null,"lag":null}],` +
				`"lease_ms":60000,"max_attempts":0,"dead_letter":null}`,
		},
	} {
		s.state = c.state
		if status, got := do(t, "GET", url+billing, ""); status != 200 || got != c.want+"\n" {
			t.Errorf("%s: %d\ngot  %swant %s", name, status, got, c.want)
		}
		if asked := s.took(); !slices.Equal(asked, []string{"inspect orders/billing"}) {
			t.Errorf("%s: asked %q", name, asked)
		}
	}
}

func TestAQueueIsReset(t *testing.T) {
	s := &services{state: ports.QueueState{Partitions: []domain.Committed{at(0, 0, 25, 42), at(1, 0, domain.NoPlace, 7)}}}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits()) + billing + "/reset"
	vector := domain.NewVector(9, domain.Place{Next: 5}, domain.Place{Partition: 1, Next: 6})
	cursor := domain.CursorOf("orders", vector)
	ended := cursor
	ended.End = true
	second := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	for to, want := range map[string]domain.Start{
		"earliest":                   domain.StartEarliest(),
		"latest":                     domain.StartLatest(),
		"@2026-01-02T15:04:05Z":      domain.StartTime(second),
		"@2026-01-02T17:04:05+02:00": domain.StartTime(second),
		"@1767366245000":             domain.StartTime(second),
		cursor.String():              domain.StartVector(vector),
		ended.String():               domain.StartVector(vector), // an end mark is a cursor here
		cursor.With("others", domain.NewVector(3)).String():                                   domain.StartVector(vector),
		domain.Cursor{Topics: []domain.TopicVector{{Topic: "ord*", Vector: vector}}}.String(): domain.StartVector(vector),
	} {
		status, got := do(t, "POST", url, `{"to":"`+to+`"}`)
		if asked := s.took(); status != 200 || !slices.Equal(asked, []string{"reset orders/billing"}) || !s.to.Equal(want) {
			t.Errorf("%s: %d %s, asked %q for %+v", to, status, got, asked, s.to)
		}
		if got != `{"partitions":[{"partition":0,"committed":25},{"partition":1,"committed":null}]}`+"\n" {
			t.Errorf("%s: %s", to, got)
		}
	}
	before := time.Now()
	status, got := do(t, "POST", url, ` { "t\u006f" : "@-15m" } `, "Content-Type", "text/plain")
	if ago, timed := s.to.Time(); status != 200 || !timed || ago.Before(before.Add(-15*time.Minute)) || ago.After(time.Now().Add(-15*time.Minute)) {
		t.Errorf("%d %s, reset to %s", status, got, ago)
	}
	s.state.Partitions = nil
	if status, got := do(t, "POST", url, `{"to":"latest"}`); status != 200 || got != `{"partitions":[]}`+"\n" {
		t.Errorf("%d %s", status, got)
	}
}

func TestResetsThatCannotBe(t *testing.T) {
	s := &services{}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits()) + billing + "/reset"
	cursor := domain.CursorOf("others", domain.NewVector(9)).String()
	damaged := cursor[:8] + "A" + cursor[9:]
	const none = ` is none of earliest, latest, @2026-01-02T15:04:05Z, @1767366245000 (unix ms), @-15m, or a cursor`
	for body, want := range map[string]string{
		``:                              `invalid-request this is not JSON: unexpected end of JSON input`,
		`{"to":"latest"`:                `invalid-request this is not JSON: unexpected end of JSON input`,
		"{\"to\":\"\xff\"}":             `invalid-request this is not UTF-8; bytes that are no text go as base64`,
		`"latest"`:                      `invalid-request this is not a JSON object`,
		`{}`:                            `invalid-request to=""` + none,
		`{"to":""}`:                     `invalid-request to=""` + none,
		`{"to":null}`:                   `invalid-request to: this must be a string`,
		`{"to":5}`:                      `invalid-request to: this must be a string`,
		`{"to":"latest","to":"latest"}`: `invalid-request the field "to" is there twice`,
		`{"to":"latest","queue":"b"}`:   `invalid-request the field "queue" is unknown here; known are to`,
		`{"from":"latest"}`:             `invalid-request the field "from" is unknown here; known are to`,
		`{"to":"-10"}`:                  `invalid-request to="-10"` + none,
		`{"to":"-0"}`:                   `invalid-request to="-0"` + none,
		`{"to":"-15m"}`:                 `invalid-request to="-15m"` + none,
		`{"to":"Earliest"}`:             `invalid-request to="Earliest"` + none,
		`{"to":"@yesterday"}`:           `invalid-request @yesterday is no time: give @2026-01-02T15:04:05Z, @1767366245000 (unix ms) or @-15m`,
		`{"to":"` + cursor + `"}`:       `invalid-cursor the cursor is of another topic than "orders"`,
		`{"to":"` + damaged + `"}`:      `invalid-cursor the cursor is damaged: its checksum does not match; give it back as it came`,
		`{"to":"` + long(5000) + `"}`:   `invalid-cursor the cursor has 5000 bytes; cursors have at most 4096`,
		`{"to":"` + long(20) + `"}`:     `invalid-request to="` + long(20) + `"` + none,
		`{"to":"` + long(64<<10) + `"}`: `too-large the body has more than 65536 bytes, the most that is taken (fixed)`,
	} {
		status, got := do(t, "POST", url, body)
		if code, detail, _ := strings.Cut(want, " "); status < 400 || !strings.HasPrefix(got, `{"code":"`+code+`"`) || !strings.Contains(got, `"detail":`+string(edge.AppendString(nil, detail))+",") {
			t.Errorf("%.80s: %d\ngot  %swant %s", body, status, got, want)
		}
	}
	if asked := s.took(); len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
}

// long is what could be a cursor, from its length alone.
func long(n int) string { return strings.Repeat("A", n) }

func TestAQueueIsDeleted(t *testing.T) {
	s := &services{}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
	resp := send(t, "DELETE", url+billing, nil)
	if body, err := io.ReadAll(resp.Body); resp.StatusCode != 204 || len(body) > 0 || err != nil || resp.Header.Get("Content-Type") != "" {
		t.Errorf("%d %q %v, %v", resp.StatusCode, body, resp.Header, err)
	}
	if asked := s.took(); !slices.Equal(asked, []string{"delete orders/billing"}) {
		t.Errorf("asked %q", asked)
	}
	if status, got := do(t, "DELETE", url+billing, "{}"); status != 400 || !strings.Contains(got, "a DELETE has no body") || len(s.took()) > 0 {
		t.Errorf("%d %s", status, got)
	}
}

func TestDeadLettersAreSentBack(t *testing.T) {
	s := &services{sent: 17}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits()) + billing + "/redrive"
	for body, want := range map[string]string{"": "0", " \n": "0", "{}": "0", `{"limit":1}`: "1", ` { "limit" : 100000 } `: "100000"} {
		status, got := do(t, "POST", url, body)
		if asked := s.took(); status != 200 || got != `{"redriven":17}`+"\n" || !slices.Equal(asked, []string{"redrive orders/billing limit=" + want}) {
			t.Errorf("%q: %d %s, asked %q", body, status, got, asked)
		}
	}
	s.sent = 0
	if status, got := do(t, "POST", url, ""); status != 200 || got != `{"redriven":0}`+"\n" {
		t.Errorf("%d %s", status, got)
	}
	s.took()
	for _, body := range []string{`{"limit":0}`, `{"limit":-1}`, `{"limit":"5"}`, `{"limit":1.5}`, `{"limit":1e3}`, `{"limit":null}`, `{"limit":9223372036854775808}`, `{"limit":5,"to":"x"}`, `[]`, `5`, `{`} {
		if status, got := do(t, "POST", url, body); status != 400 || !strings.Contains(got, `"invalid-request"`) {
			t.Errorf("%s: %d %s", body, status, got)
		}
	}
	if status, got := do(t, "POST", url, strings.Repeat(" ", 64<<10+1)); status != 413 {
		t.Errorf("%d %s", status, got)
	}
	if asked := s.took(); len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
}

// Whoever is told only that a redrive failed does not know whether its letters are in the topic again.
func TestARedriveThatEndsEarlyTellsHowFarItCame(t *testing.T) {
	s := &services{}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits()) + billing + "/redrive"
	timeout := domain.Errorf(domain.Timeout, "the broker did not confirm").Because(io.ErrUnexpectedEOF)
	for _, c := range []struct {
		sent   int64
		err    error
		status int
		want   string
	}{
		{0, timeout, 504, `"detail":"the broker did not confirm","status":504,"retryable":true}`},
		{1, timeout, 504, `"detail":"1 dead letter was sent back before this: the broker did not confirm","status":504,"retryable":true}`},
		{17, timeout, 504, `"detail":"17 dead letters were sent back before this: the broker did not confirm","status":504,"retryable":true}`},
		{2, domain.Errorf(domain.TooLarge, ""), 413, `"detail":"2 dead letters were sent back before this: Too large","status":413,"retryable":false}`},
		{2, io.ErrUnexpectedEOF, 500, `"detail":"Internal error","status":500,"retryable":false}`}, // which a stranger is told nothing of
	} {
		s.sent, s.err = c.sent, c.err
		if status, got := do(t, "POST", url, ""); status != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%d, %v: %d %s", c.sent, c.err, status, got)
		}
	}
	if asked := s.took(); len(asked) != 5 {
		t.Errorf("asked %q", asked) // nobody may send letters back again on his own
	}
}

// adminRoutes are those of one queue, with a body that is fine.
var adminRoutes = map[string]string{"GET " + billing: "", "DELETE " + billing: "", "POST " + billing + "/reset": `{"to":"latest"}`, "POST " + billing + "/redrive": ""}

func TestWhatTheServiceRefusesOfAQueueIsTold(t *testing.T) {
	s := &services{}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
	for route, body := range adminRoutes {
		method, path, _ := strings.Cut(route, " ")
		for code, want := range map[domain.Code]int{
			domain.UnknownTopic: 404, domain.UnknownQueue: 404, domain.NotAllowed: 403, domain.Conflict: 409, domain.InvalidCursor: 400, domain.Unsupported: 501, domain.Unavailable: 503,
		} {
			s.err = domain.Errorf(code, "so it is")
			if status, got := do(t, method, url+path, body); status != want || !strings.Contains(got, string(code)) || !strings.Contains(got, "so it is") {
				t.Errorf("%s, %s: %d %s", route, code, status, got)
			}
			if asked := s.took(); len(asked) != 1 {
				t.Errorf("%s, %s: asked %q", route, code, asked)
			}
		}
	}
}

func TestRequestsAboutAQueueThatCannotBe(t *testing.T) {
	s := &services{}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
	for route, body := range adminRoutes {
		method, path, _ := strings.Cut(route, " ")
		for target, want := range map[string]string{
			path + "?limit=1": `the parameter \"limit\" is unknown here; there are none`,
			strings.Replace(path, "orders", "a%20b", 1):                  `topic name \"a b\" has ' ' at character 2`,
			strings.Replace(path, "billing", "a%2Fb", 1):                 `queue name \"a/b\" has '/' at character 2`,
			strings.Replace(path, "billing", "*", 1):                     `queue name \"*\" has '*' at character 1`,
			strings.Replace(path, "orders", strings.Repeat("t", 234), 1): `have 241 characters together`,
		} {
			if status, got := do(t, method, url+target, body); status != 400 || !strings.Contains(got, `"invalid-request"`) || !strings.Contains(got, want) {
				t.Errorf("%s %s: %d %s", method, target, status, got)
			}
		}
		if status, got := do(t, method, url+path+"/", body); status != 404 || !strings.Contains(got, `"unknown-route"`) {
			t.Errorf("%s %s/: %d %s", method, path, status, got)
		}
	}
	for route, allow := range map[string][]string{
		"PUT " + billing: {"DELETE", "GET", "HEAD", "OPTIONS"}, "POST " + billing: {"DELETE", "GET", "HEAD", "OPTIONS"},
		"GET " + billing + "/reset": {"OPTIONS", "POST"}, "DELETE " + billing + "/redrive": {"OPTIONS", "POST"}, "PUT " + billing + "/redrive": {"OPTIONS", "POST"},
	} {
		method, path, _ := strings.Cut(route, " ")
		resp := send(t, method, url+path, nil)
		told := strings.Split(resp.Header.Get("Allow"), ", ")
		if slices.Sort(told); resp.StatusCode != 405 || !slices.Equal(told, allow) {
			t.Errorf("%s: %d, allowed %q", route, resp.StatusCode, told)
		}
	}
	if asked := s.took(); len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
}

// A client that had said all and closed its side was told of a reset or a delete that nothing came of it, while the broker did it.
func TestAResetAndADeleteAreBroughtToTheirEnd(t *testing.T) {
	s := &services{}
	e, err := New(s, s, queues{s}, admin{s}, DefaultConfig(), domain.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	server, err := edge.New(edge.DefaultConfig(), domain.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(e)
	for route, want := range map[string]int{"DELETE " + billing: 204, "POST " + billing + "/reset": 200, "POST " + billing + "/redrive": 500} {
		method, path, _ := strings.Cut(route, " ")
		ctx, hangUp := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, method, path, http.NoBody)
		r.Host = "localhost"
		if body := adminRoutes[route]; body != "" {
			r.Body = hangingUp{io.NopCloser(strings.NewReader(body)), hangUp}
		}
		s.wait = func(context.Context) { hangUp() }
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(deadlines{w}, r)
		if w.Code != want {
			t.Errorf("%s: %d %s", route, w.Code, w.Body)
		}
	}
}

// deadlines is a recorder that takes deadlines as a connection does.
type deadlines struct{ *httptest.ResponseRecorder }

func (deadlines) SetReadDeadline(time.Time) error { return nil }

// Who leaves has no use for the rest of the letters; the next redrive finds them.
func TestARedriveEndsWithItsClient(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan error, 1)
	s := &services{wait: func(ctx context.Context) {
		close(begun)
		<-ctx.Done()
		ended <- ctx.Err()
	}}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "POST", url+billing+"/redrive", strings.NewReader(`{"limit":5}`))
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan struct{})
	// It ends with the request.
	go func() {
		defer close(left)
		if resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r); err == nil {
			resp.Body.Close()
			t.Errorf("answered with %d", resp.StatusCode)
		}
	}()
	<-begun
	leave()
	<-left
	select {
	case err := <-ended:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(20 * time.Second):
		t.Error("the redrive goes on")
	}
}

// A redrive of many letters takes longer than any deadline that a connection has for what is read or written.
func TestARedriveMayTakeItsTime(t *testing.T) {
	const deadline = 50 * time.Millisecond
	s := &services{sent: 100_000, wait: func(ctx context.Context) {
		select {
		case <-time.After(4 * deadline):
		case <-ctx.Done():
		}
	}}
	cfg := DefaultConfig()
	cfg.BodyTimeout = deadline
	e, err := New(s, s, queues{s}, admin{s}, cfg, domain.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	server, err := edge.New(edge.DefaultConfig(), domain.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(e)
	sending := edge.Sending{SendBuffer: 64 << 10, WriteTimeout: deadline}
	bound, err := edge.Listen(t.Context(), "127.0.0.1:0", sending)
	if err != nil {
		t.Fatal(err)
	}
	listener := &httptest.Server{Listener: bound, Config: &http.Server{Handler: server.Handler(), ConnContext: edge.ConnContext, WriteTimeout: deadline, ReadHeaderTimeout: deadline, IdleTimeout: deadline}}
	listener.Start()
	defer listener.Close()
	for _, body := range []string{"", `{"limit":100000}`} {
		if status, got := do(t, "POST", listener.URL+billing+"/redrive", body); status != 200 || got != `{"redriven":100000}`+"\n" {
			t.Errorf("%q: %d %s", body, status, got)
		}
	}
}

// A redrive is a member of a queue for as long as it lasts, and strangers could begin any number of them.
func TestARedriveTakesThePlaceOfAStream(t *testing.T) {
	limits := domain.DefaultLimits()
	limits.Connections = 1
	s := &services{}
	url := serve(t, s, DefaultConfig(), limits) + billing + "/redrive"
	another := 0
	s.wait = func(context.Context) { another, _ = do(t, "POST", url, "") }
	if status, got := do(t, "POST", url, ""); status != 200 || another != 429 {
		t.Errorf("%d %s, another one %d", status, got, another)
	}
	s.wait = nil
	if status, got := do(t, "POST", url, ""); status != 200 {
		t.Errorf("after it: %d %s", status, got)
	}
}
