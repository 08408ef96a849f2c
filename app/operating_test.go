package app

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"culvert/adapters/edge/admin"
	"culvert/domain"
)

// told asks the operators' listener of a for a document.
func told[T any](t *testing.T, a *App, path string) (document T) {
	t.Helper()
	got := ask(t, http.MethodGet, a.AdminURL()+path, "")
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s: %d %v\n%s", path, got.status, got.header, got.body)
	}
	if err := json.Unmarshal([]byte(got.body), &document); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, got.body)
	}
	return document
}

func TestInfo(t *testing.T) {
	cfg := OnFreePorts()
	cfg.Brokers = []Cluster{{Name: "second", Kind: kindInProc, InProc: cfg.InProc, Kafka: cfg.Kafka, AMQP: cfg.AMQP}}
	cfg.Topics = []Topic{{Name: "x.*", Allow: true, Broker: "second"}}
	a := start(t, cfg, WithVersion("v1.2.3"))
	info := told[struct {
		Version, Node, URL string
		Started            time.Time
		Demo               *bool
		Brokers            []admin.Kind
	}](t, a, "/admin/info")
	if info.Version != "v1.2.3" || info.Node == "" || info.URL != a.URL() || time.Since(info.Started) > time.Minute || info.Demo == nil || *info.Demo {
		t.Errorf("it says %+v", info)
	}
	if want := []admin.Kind{{Name: "inproc", Kind: "inproc"}, {Name: "second", Kind: "inproc"}}; len(info.Brokers) != 2 || info.Brokers[0] != want[0] || info.Brokers[1] != want[1] {
		t.Errorf("its brokers are %+v", info.Brokers)
	}
	if info := told[map[string]any](t, start(t, OnFreePorts(), WithDemo()), "/admin/info"); info["demo"] != true {
		t.Errorf("a demo says %v", info)
	}
}

// health is what GET /admin/health says.
type health struct {
	Ready   bool
	Uptime  float64 `json:"uptime_s"`
	Brokers []struct {
		Name, Kind string
		Reachable  bool
		Detail     *string
		Since      time.Time
	}
	Memory struct {
		Heap       int64
		Overloaded bool
	}
	Goroutines  int
	Descriptors struct{ Open, Limit *int64 }
	Connections struct{ Open, Limit int }
	Rates       map[string]float64
}

func TestHealthOfANode(t *testing.T) {
	a := start(t, OnFreePorts())
	is := told[health](t, a, "/admin/health")
	if !is.Ready || len(is.Brokers) != 1 || !is.Brokers[0].Reachable || is.Brokers[0].Detail != nil || is.Brokers[0].Kind != "inproc" || is.Memory.Heap == 0 || is.Memory.Overloaded || is.Goroutines == 0 ||
		is.Connections.Limit == 0 || len(is.Rates) != 3 {
		t.Errorf("it says %+v", is)
	}
	if again := told[health](t, a, "/admin/health"); !again.Brokers[0].Since.Equal(is.Brokers[0].Since) || again.Uptime < is.Uptime {
		t.Errorf("it says %+v, and then %+v", is, again)
	}
}

func TestHealthOfABrokerThatIsAway(t *testing.T) {
	a := start(t, OnFreePorts(), WithBroker(newAway(t)))
	is := told[health](t, a, "/admin/health")
	if is.Ready || len(is.Brokers) != 1 || is.Brokers[0].Reachable || is.Brokers[0].Detail == nil || *is.Brokers[0].Detail == "" {
		t.Errorf("it says %+v", is)
	}
}

// Who asked again was told the time of the asking, not that since when a broker is away.
func TestBrokersAreAsTheyWereFoundFirst(t *testing.T) {
	var h brokersHealth
	begun := time.Now()
	gone := domain.Errorf(domain.Unavailable, "gone")
	for i, c := range []struct {
		err   error
		since int
	}{{nil, 0}, {nil, 0}, {gone, 2}, {gone, 2}, {nil, 4}} {
		got := h.look(map[string]error{"kafka": c.err}, begun.Add(time.Duration(i)*time.Second))[0]
		if got.Reachable != (c.err == nil) || (got.Detail == nil) != (c.err == nil) || !got.Since.Equal(begun.Add(time.Duration(c.since)*time.Second)) {
			t.Errorf("look %d: %+v", i, got)
		}
	}
}

func TestSettingsSayWhoSaidThem(t *testing.T) {
	t.Setenv("CULVERT_AMQP_PASSWORD", "swordfish")
	t.Setenv("CULVERT_AMQP_USERNAME", "me")
	t.Setenv("CULVERT_LISTEN", "127.0.0.1:0")
	cfg := load(t, write(t, `
admin: {listen: "127.0.0.1:0"}
listen: 127.0.0.1:1
topics: [{name: "a*", allow: true, hidden: true}]
brokers: [{name: second, kind: amqp, amqp: {username: me, password: perch, management: "http://user:herring@127.0.0.1/"}}]
`), map[string]string{"queue.lease": "7m", "http.origins": "https://a.example"})
	cfg.Log.Level = "error"
	a := start(t, cfg)
	text := ask(t, http.MethodGet, a.AdminURL()+"/admin/config", "").body
	for _, secret := range []string{"swordfish", "herring", "perch"} {
		if strings.Contains(text, secret) {
			t.Errorf("the secret %s is told", secret)
		}
	}
	said := map[string]admin.Setting{}
	for _, s := range told[[]admin.Setting](t, a, "/admin/config") {
		if _, twice := said[s.Key]; twice {
			t.Errorf("%s is told twice", s.Key)
		}
		said[s.Key] = s
	}
	for _, path := range Values() {
		if _, there := said[path]; !there && !strings.HasSuffix(path, fileSuffix) {
			t.Errorf("%s is not told", path)
		}
	}
	for _, want := range []admin.Setting{
		{Key: "listen", Value: "127.0.0.1:0", Source: admin.SourceEnvironment},
		{Key: "admin.listen", Value: "127.0.0.1:0", Source: admin.SourceFile},
		{Key: "admin.pprof", Value: false, Source: admin.SourceDefault},
		{Key: "amqp.password", Value: "***", Source: admin.SourceEnvironment, Secret: true},
		{Key: "brokers[0].amqp.management", Value: "http://user:xxxxx@127.0.0.1/", Source: admin.SourceFile},
		{Key: "queue.lease", Value: "7m", Source: admin.SourceFlag},
		{Key: "topics[0].name", Value: "a*", Source: admin.SourceFile},
		{Key: "topics[0].create.partitions", Value: 0.0, Source: admin.SourceFile},
		{Key: "brokers[0].amqp.password", Value: "***", Source: admin.SourceFile, Secret: true},
		{Key: "limits.headers", Value: float64(cfg.Limits.Headers), Source: admin.SourceDefault},
		{Key: "log.level", Value: "error", Source: admin.SourceProgram},
	} {
		if said[want.Key] != want {
			t.Errorf("%s: %+v, want %+v", want.Key, said[want.Key], want)
		}
	}
	if list, ok := said["http.origins"].Value.([]any); !ok || len(list) != 1 || list[0] != "https://a.example" || said["http.origins"].Source != admin.SourceFlag {
		t.Errorf("http.origins: %+v", said["http.origins"])
	}
	if list, ok := said["routes"].Value.([]any); !ok || len(list) != 0 || said["routes"].Source != admin.SourceDefault {
		t.Errorf("routes: %+v", said["routes"])
	}
}

// What the operators' listener tells of the node, the public one does not, nor any page from elsewhere.
func TestOperatorsAloneAreTold(t *testing.T) {
	a := start(t, OnFreePorts())
	for _, path := range []string{"/admin/info", "/admin/health", "/admin/config", "/admin/topics", "/admin/connections"} {
		if got := ask(t, http.MethodGet, a.URL()+path, ""); got.status != http.StatusNotFound {
			t.Errorf("%s on the public listener: %d", path, got.status)
		}
		page := func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }
		if got := ask(t, http.MethodGet, a.AdminURL()+path, "", page); got.status != http.StatusForbidden {
			t.Errorf("%s from a page elsewhere: %d", path, got.status)
		}
		if got := ask(t, http.MethodGet, a.AdminURL()+path, "", fromHost("evil.example")); got.status != http.StatusMisdirectedRequest {
			t.Errorf("%s by another name: %d", path, got.status)
		}
		if got := ask(t, http.MethodGet, a.AdminURL()+path+"?all=1", ""); got.status != http.StatusBadRequest {
			t.Errorf("%s with a parameter: %d", path, got.status)
		}
		if got := ask(t, http.MethodHead, a.AdminURL()+path, ""); got.status != http.StatusOK || got.body != "" {
			t.Errorf("HEAD %s: %d", path, got.status)
		}
	}
}

// topics is what GET /admin/topics says.
type topics struct {
	Topics []struct {
		Topic, Broker, Kind          string
		Partitions, Messages, Queues *int64
		Rate                         *float64
		Viewers                      int
	}
	Complete    bool
	Unreachable []map[string]string
}

func TestTopicsAtWork(t *testing.T) {
	cfg := OnFreePorts()
	cfg.Topics = []Topic{{Name: "hidden", Allow: true, Hidden: true}, {Name: "closed"}}
	a := start(t, cfg)
	if empty := told[topics](t, a, "/admin/topics"); len(empty.Topics) != 0 || empty.Topics == nil || !empty.Complete || empty.Unreachable == nil || len(empty.Unreachable) != 0 {
		t.Errorf("an empty bridge says %+v", empty)
	}
	for _, topic := range []string{"hidden", "orders", "orders", "orders"} {
		if got := ask(t, http.MethodPost, a.AdminURL()+"/v1/topics/"+topic+"/messages", "x"); got.status != http.StatusOK {
			t.Fatalf("injecting into %s: %d %s", topic, got.status, got.body)
		}
	}
	lines := view(t, a.URL()+"/v1/topics/orders/events")
	if got := ask(t, http.MethodPost, a.URL()+"/v1/topics/orders/messages", "live"); got.status != http.StatusOK {
		t.Fatal(got.body)
	}
	for lines.Text() != "data: live" {
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
	}
	view(t, a.URL()+"/v1/topics/orders/queues/billing/events")
	is := told[topics](t, a, "/admin/topics")
	if len(is.Topics) != 3 { // with the queue's dead letters
		t.Fatalf("it says %+v", is)
	}
	hidden, orders := is.Topics[0], is.Topics[1]
	if hidden.Topic != "hidden" || *hidden.Messages != 1 || hidden.Rate != nil || hidden.Viewers != 0 || *hidden.Queues != 0 {
		t.Errorf("of the hidden one it says %+v", hidden)
	}
	if orders.Topic != "orders" || orders.Broker != "inproc" || orders.Kind != "inproc" || *orders.Partitions != 1 || *orders.Messages != 4 || orders.Rate == nil || *orders.Rate <= 0 || orders.Viewers != 1 || *orders.Queues != 1 {
		t.Errorf("of orders it says %+v", orders)
	}
}

// view opens a stream, which ends with the test.
func view(t *testing.T, url string, change ...func(*http.Request)) *bufio.Scanner {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
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
	t.Cleanup(func() { response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	if response.StatusCode != http.StatusOK || !lines.Scan() {
		t.Fatalf("%s: %d, %v", url, response.StatusCode, lines.Err())
	}
	return lines
}

func TestTopicsOfABrokerThatIsAway(t *testing.T) {
	is := told[topics](t, start(t, OnFreePorts(), WithBroker(newAway(t))), "/admin/topics")
	if len(is.Unreachable) != 1 || is.Unreachable[0]["broker"] != "inproc" || is.Unreachable[0]["detail"] == "" {
		t.Errorf("it says %+v", is)
	}
}
