package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"culvert/adapters/broker/inproc"
	"culvert/domain"
	"culvert/ports"
)

func TestMain(m *testing.M) {
	// What is configured where the tests run is not theirs.
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, envPrefix) {
			os.Unsetenv(name)
		}
	}
	goleak.VerifyTestMain(m)
}

// start runs a bridge until the test ends.
func start(t *testing.T, cfg Config, options ...Option) *App {
	t.Helper()
	a, err := New(cfg, slog.New(slog.DiscardHandler), options...)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(context.Background()); err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	return a
}

// client has connections of its own, which end with the test.
func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends one request and reads the whole answer.
func ask(t *testing.T, method, url, body string, change ...func(*http.Request)) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(request)
	}
	response, err := client(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

func fromHost(host string) func(*http.Request) {
	return func(r *http.Request) { r.Host = host }
}

// away is a broker that cannot be reached.
type away struct{ ports.Broker }

func (away) Ping(context.Context) error {
	return domain.Errorf(domain.Unavailable, "nobody listens there")
}

func newAway(t *testing.T) ports.Broker {
	t.Helper()
	pair, err := inproc.New(inproc.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return away{pair}
}

// mute is a broker that does not answer. meanwhile is called while it is waited for.
type mute struct {
	ports.Broker
	meanwhile func(ctx context.Context)
}

func (m mute) Ping(ctx context.Context) error {
	m.meanwhile(ctx)
	<-ctx.Done()
	return ctx.Err()
}

// Clients were let in before the bridge had logged in at its broker, and kept it from that when there were thousands of them.
func TestBrokersAreGreetedBeforeClients(t *testing.T) {
	var a *App
	asked := false
	broker := mute{newAway(t), func(ctx context.Context) {
		asked = true
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.public.bound.Addr().String()+"/", http.NoBody)
		if err != nil {
			t.Error(err)
			return
		}
		response, err := client(t).Do(request)
		if err == nil {
			response.Body.Close()
			t.Error("a client was answered first")
		}
	}}
	a, err := New(OnFreePorts(), slog.New(slog.DiscardHandler), WithBroker(broker))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer a.Stop(context.Background())
	if !asked {
		t.Error("the broker was not asked")
	}
	if got := ask(t, http.MethodGet, a.URL()+"/", ""); got.status != http.StatusOK {
		t.Errorf("a broker that does not answer keeps the bridge from serving: %d", got.status)
	}
}

func TestHealth(t *testing.T) {
	a := start(t, OnFreePorts())
	for path, want := range map[string]string{"/livez": `{"live":true}`, "/readyz": `{"ready":true}`} {
		// Probes come with addresses of their own.
		if got := ask(t, http.MethodGet, a.AdminURL()+path, "", fromHost("10.1.2.3:8081")); got.status != http.StatusOK || strings.TrimSpace(got.body) != want {
			t.Errorf("%s is answered with %d %s", path, got.status, got.body)
		}
	}
}

func TestReadinessNamesTheBrokerThatIsAway(t *testing.T) {
	a := start(t, OnFreePorts(), WithBroker(newAway(t)))
	if got := ask(t, http.MethodGet, a.AdminURL()+"/livez", ""); got.status != http.StatusOK {
		t.Errorf("the process is alive, and /livez says %d", got.status)
	}
	got := ask(t, http.MethodGet, a.AdminURL()+"/readyz", "")
	var state readiness
	if err := json.Unmarshal([]byte(got.body), &state); err != nil {
		t.Fatal(err)
	}
	if got.status != http.StatusServiceUnavailable || state.Ready || !strings.Contains(state.Unreachable["inproc"], "nobody listens there") {
		t.Errorf("/readyz says %d %s", got.status, got.body)
	}
}

func TestWhatIsServedWhere(t *testing.T) {
	cfg := OnFreePorts()
	cfg.Admin.PProf = true
	a, plain := start(t, cfg), start(t, OnFreePorts())
	for _, c := range []struct {
		url    string
		host   string
		status int
		part   string
	}{
		{url: a.AdminURL() + "/", status: 200, part: "<!doctype html>"},
		{url: a.AdminURL() + "/v1/topics", status: 200, part: `"complete":true`},
		{url: a.AdminURL() + "/metrics", status: 200, part: "culvert_build_info"},
		{url: a.AdminURL() + "/metrics", status: 200, part: "culvert_feed_lag_seconds 0"},
		{url: a.AdminURL() + "/metrics", host: "prometheus.example", status: 200, part: "go_goroutines"},
		{url: a.AdminURL() + "/debug/pprof/", status: 200, part: "goroutine"},
		{url: plain.AdminURL() + "/debug/pprof/", status: 404, part: "unknown-route"},
		{url: a.URL() + "/", status: 200, part: "{"},
		{url: a.URL() + "/v1/topics", status: 200, part: `"complete":true`},
		{url: a.URL() + "/metrics", status: 404, part: "unknown-route"},
		{url: a.URL() + "/livez", status: 404, part: "unknown-route"},
		{url: a.URL() + "/debug/pprof/", status: 404, part: "unknown-route"},
		{url: a.URL() + "/v1/topics", host: "evil.example", status: 421, part: "misdirected"},
		{url: a.AdminURL() + "/v1/topics", host: "evil.example", status: 421, part: "misdirected"},
		{url: a.AdminURL() + "/", host: "evil.example", status: 421, part: "misdirected"},
	} {
		var change []func(*http.Request)
		if c.host != "" {
			change = append(change, fromHost(c.host))
		}
		if got := ask(t, http.MethodGet, c.url, "", change...); got.status != c.status || !strings.Contains(got.body, c.part) {
			t.Errorf("%s for host %q is answered with %d %.200s, want %d with %s", c.url, c.host, got.status, got.body, c.status, c.part)
		}
	}
}

func TestRulesForTopics(t *testing.T) {
	cfg := OnFreePorts()
	cfg.Topics = []Topic{{Name: "secret.*"}, {Name: "prices", Allow: true, Physical: "prod.prices"}}
	a := start(t, cfg)
	for topic, want := range map[string]int{"secret.plans": http.StatusForbidden, "prices": http.StatusOK, "other": http.StatusOK} {
		if got := ask(t, http.MethodPost, a.URL()+"/v1/topics/"+topic+"/messages", "x"); got.status != want {
			t.Errorf("injecting into %s is answered with %d %s, want %d", topic, got.status, got.body, want)
		}
	}
	if got := ask(t, http.MethodGet, a.URL()+"/v1/topics", ""); !strings.Contains(got.body, `"prices"`) || strings.Contains(got.body, "secret") {
		t.Errorf("the topics are %s", got.body)
	}
}

func TestAnAddressInUse(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, key := range []string{"listen", "admin.listen"} {
		cfg := OnFreePorts()
		if key == "listen" {
			cfg.Listen = taken.Addr().String()
		} else {
			cfg.Admin.Listen = taken.Addr().String()
		}
		a, err := New(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		err = a.Run(t.Context(), func() { t.Error("it started all the same") })
		if err == nil || !strings.HasPrefix(err.Error(), key+": ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("where %s is taken the error is %v", key, err)
		}
	}
}

// open begins a stream and reads it up to its ready.
func open(t *testing.T, url string) (lines *bufio.Scanner, ready map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	lines = bufio.NewScanner(response.Body)
	if err := json.Unmarshal([]byte(upTo(t, lines, "event: ready")), &ready); err != nil {
		t.Fatal(err)
	}
	return lines, ready
}

// upTo reads a stream up to a line, and gives the next data.
func upTo(t *testing.T, lines *bufio.Scanner, line string) (data string) {
	t.Helper()
	found := false
	var heard []string
	for lines.Scan() {
		heard = append(heard, lines.Text())
		found = found || lines.Text() == line
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && found {
			return data
		}
	}
	t.Fatalf("the stream ended (%v) without %q:\n%s", lines.Err(), line, strings.Join(heard, "\n"))
	return ""
}

// The end is in order: a member still settles what it has, what was injected is answered, and streams hear a goodbye before they close.
func TestStopInOrder(t *testing.T) {
	cfg := OnFreePorts()
	a, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	viewer, _ := open(t, a.URL()+"/v1/topics/orders/events")
	member, ready := open(t, a.URL()+"/v1/topics/orders/queues/billing/events?ack=manual&envelope=1")
	if got := ask(t, http.MethodPost, a.URL()+"/v1/topics/orders/messages", "one"); got.status != http.StatusOK {
		t.Fatalf("injecting is answered with %d %s", got.status, got.body)
	}
	if got := upTo(t, viewer, ""); got != "one" {
		t.Fatalf("the viewer saw %s", got)
	}
	var leased struct {
		Receipt string `json:"receipt"`
	}
	if err := json.Unmarshal([]byte(upTo(t, member, "")), &leased); err != nil {
		t.Fatal(err)
	}

	stopped := make(chan error, 1)
	go func() { stopped <- a.Stop(context.Background()) }()
	notReady(t, a)
	// The lease holds the end up, until it is settled.
	done := ask(t, http.MethodPost, a.URL()+"/v1/streams/"+ready["stream"].(string)+"/done", `{"receipts":["`+leased.Receipt+`"]}`)
	if done.status != http.StatusOK || !strings.Contains(done.body, `"settled":1`) {
		t.Errorf("settling while the bridge stops is answered with %d %s", done.status, done.body)
	}
	for who, lines := range map[string]*bufio.Scanner{"viewer": viewer, "member": member} {
		if bye := upTo(t, lines, "event: bye"); !strings.Contains(bye, `"reason":"shutdown"`) || !strings.Contains(bye, `"reconnect":true`) {
			t.Errorf("the %s heard %s", who, bye)
		}
	}
	if err := <-stopped; err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// A stream that injects and had nothing to say was waited for, and then cut off: the bridge took nearly all of its time to stop.
func TestStopDoesNotWaitForStreamsThatInject(t *testing.T) {
	a, err := New(OnFreePorts(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	body, lines := io.Pipe()
	defer lines.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+"/v1/topics/orders/messages", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	response, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := a.Stop(context.Background()); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if told, err := io.ReadAll(response.Body); err != nil || !strings.HasPrefix(string(told), `{"op":"bye","reason":"shutdown"`) {
		t.Errorf("the client was told %q, %v", told, err)
	}
}

// notReady asks until the bridge says that it is stopping.
func notReady(t *testing.T, a *App) {
	t.Helper()
	for {
		if got := ask(t, http.MethodGet, a.AdminURL()+"/readyz", ""); got.status == http.StatusServiceUnavailable {
			if !strings.Contains(got.body, `"stopping":true`) {
				t.Errorf("/readyz says %s", got.body)
			}
			return
		}
	}
}

func TestAListenerThatBreaksEndsTheRun(t *testing.T) {
	a, err := New(OnFreePorts(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	err = a.Run(t.Context(), func() { a.public.bound.Close() })
	if err == nil || !errors.Is(err, net.ErrClosed) {
		t.Errorf("the run ended with %v", err)
	}
}

func TestLogger(t *testing.T) {
	for _, c := range []struct {
		log      Log
		terminal bool
		want     string
	}{
		{Log{Level: "info", Format: "auto"}, true, "msg=hello"},
		{Log{Level: "info", Format: "auto"}, false, `"msg":"hello"`},
		{Log{Level: "info", Format: "json"}, true, `"msg":"hello"`},
		{Log{Level: "info", Format: "text"}, false, "msg=hello"},
		{Log{Level: "warn", Format: "text"}, false, ""},
	} {
		var said bytes.Buffer
		NewLogger(c.log, &said, c.terminal).Info("hello")
		if !strings.Contains(said.String(), c.want) || c.want == "" && said.Len() > 0 {
			t.Errorf("%+v on a terminal (%v) says %q", c.log, c.terminal, said.String())
		}
	}
}
