package browser

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// health is what the admin API says of a node, as far as the panel shows it as figures.
type health struct {
	Ready   bool
	Brokers []struct {
		Name, Kind string
		Reachable  bool
		Detail     *string
	}
	Memory struct {
		Heap  int64
		Limit *int64
	}
	Goroutines  int64
	Descriptors struct{ Open, Limit *int64 }
	Connections struct{ Open, Limit int64 }
}

// figures are these as the console writes them: a name, how much it is, and of how much.
func (h health) figures() [][]string {
	of := func(limit *int64, write func(int64) string) string {
		if limit == nil {
			return "without a limit"
		}
		return "of " + write(*limit)
	}
	return [][]string{
		{"Memory", sizeOf(h.Memory.Heap), of(h.Memory.Limit, sizeOf)},
		{"Connections", grouped(h.Connections.Open), of(&h.Connections.Limit, grouped)},
		{"Descriptors", known(h.Descriptors.Open), of(h.Descriptors.Limit, brief)},
		{"Goroutines", grouped(h.Goroutines), ""},
	}
}

// brokers are they as the console writes them: a name, how it is, and why.
func (h health) brokers() (all [][]string) {
	for _, b := range h.Brokers {
		state, why := "reachable", ""
		if !b.Reachable {
			state = "unreachable"
		}
		if b.Detail != nil {
			why = *b.Detail
		}
		all = append(all, []string{b.Name, state, why})
	}
	return all
}

// sizeOf is so many bytes as the console writes them.
func sizeOf(n int64) string {
	size, unit := float64(n), 0
	for ; size >= 1024 && unit < 5; unit++ {
		size /= 1024
	}
	digits := 1
	if unit == 0 || size >= 100 {
		digits = 0
	}
	return fmt.Sprintf("%.*f %s", digits, size, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}[unit])
}

// grouped is a number with a comma before each three digits.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// brief is a number of few digits.
func brief(n int64) string {
	if n < 10_000 {
		return grouped(n)
	}
	size, unit := float64(n), 0
	for ; size >= 1000 && unit < 3; unit++ {
		size /= 1000
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", size), ".0") + []string{"", "K", "M", "B"}[unit]
}

// panelOfHealth is what the panel shows, and what the API had said to the page then.
type panelOfHealth struct {
	Figures, Brokers [][]string
	State            string
	Said             health
}

func healthShown(page *tab) panelOfHealth {
	page.t.Helper()
	return evaluate[panelOfHealth](page, `({
		figures: all('.figure:has(.meter)').map(f => [f.querySelector('.label').textContent, f.querySelector('.value').textContent, f.querySelector('small').textContent]),
		brokers: all('.brokers li').map(li => [li.querySelector('strong').textContent, li.querySelector('.state').textContent, li.querySelector('p')?.textContent ?? '']),
		state: said('#panel-health .head .state'),
		said: JSON.parse(arrived.findLast(([url]) => url === '/admin/health')?.[1] ?? '{}'),
	})`)
}

// The panel shows how the node fares as the API says it at that time, and by which settings it runs, as that has them. No secret of them ever comes to the page.
func TestConsoleHealth(t *testing.T) {
	t.Parallel()
	const inFile, inURL, inFileOfItsOwn = "hunter2-of-kafka", "hunter2-of-rabbitmq", "hunter2-of-the-archive"
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte(inFileOfItsOwn+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := open(t)
	b := bridge.Start(t, configured(t, fmt.Sprintf(`
broker: inproc
kafka:
  brokers: [%q]
  dial_timeout: 300ms
  sasl: {mechanism: PLAIN, username: bridge, password: %s}
amqp:
  url: "amqp://bridge:%s@%s/"
  dial_timeout: 300ms
brokers:
  - {name: archive, kind: kafka, kafka: {brokers: [%q], dial_timeout: 300ms, sasl: {mechanism: PLAIN, username: archive, password_file: %q}}}
topics:
  - {name: kafka.*, broker: kafka}
  - {name: amqp.*, broker: amqp}
  - {name: archive.*, broker: archive}
`, away(t), inFile, inURL, away(t), away(t), secret)), "CULVERT_LIMITS_CONNECTIONS=1234", "CULVERT_LIMITS_MEMORY_BYTES=1000000000")
	page := p.shell(b, "#/health", 1280)
	page.until("shows how it fares", "document.querySelectorAll('.brokers li').length === 4 && document.querySelector('tbody tr') !== null")

	var is panelOfHealth
	brokers.Eventually(t, patience, "figures are shown as the API has said them", func() bool {
		is = healthShown(page)
		return fmt.Sprint(is.Figures) == fmt.Sprint(is.Said.figures()) && fmt.Sprint(is.Brokers) == fmt.Sprint(is.Said.brokers())
	})
	var now health
	if err := client.Get(t.Context(), b.Admin+"/admin/health", &now); err != nil {
		t.Fatal(err)
	}
	if got, want := is.Brokers, now.brokers(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v are shown, where the API says %v", got, want)
	}
	if limit := is.Figures[1][2]; limit != "of 1,234" || is.State != "not ready" || now.Ready {
		t.Errorf("the node is %s, with connections %s", is.State, limit)
	}
	viewer, err := client.OpenSSE(t.Context(), b.URL+"/v1/topics/prices/events", "")
	if err != nil {
		t.Fatal(err)
	}
	defer viewer.Close()
	page.until("counts who is connected", "all('.figure').find(f => f.textContent.startsWith('Connections')).querySelector('.value').textContent === '1'")

	var settings []struct {
		Key    string
		Value  any
		Source string
		Secret bool
	}
	if err := client.Get(t.Context(), b.Admin+"/admin/config", &settings); err != nil {
		t.Fatal(err)
	}
	var want [][]string
	var hidden []string
	for _, s := range settings {
		text, err := json.Marshal(s.Value)
		if err != nil {
			t.Fatal(err)
		}
		value := string(text)
		switch as, isText := s.Value.(string); {
		case value == "null", value == `""`, value == "[]":
			value = "none"
		case s.Secret:
			value = "hidden"
			hidden = append(hidden, s.Key)
		case isText:
			value = as
		}
		want = append(want, []string{s.Key, value, s.Source})
	}
	if got := cells(page, "#panel-health tbody tr"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("settings are shown as\n%v\nwhere the API has\n%v", got, want)
	}
	if !slices.Equal(hidden, []string{"kafka.sasl.password", "brokers[0].kafka.sasl.password"}) {
		t.Errorf("hidden are %v", hidden)
	}
	page.write("#panel-health input[type=search]", "hunter2")
	page.until("finds no secret by what it is", "said('#panel-health .empty') === 'No setting is like “hunter2”'")
	page.write("#panel-health input[type=search]", "amqp.url")
	page.until("shows the URL without its password", "all('#panel-health tbody tr').length === 1 && /^amqp:..bridge:x*@/.test(all('#panel-health tbody td')[0].textContent)")
	evaluate[any](page, "location.hash = '#/topics'")
	page.until("shows the topics, and who is away", "document.querySelectorAll('.notice.warn').length === 3")

	// What it was told, what it was made of, and what it made of that.
	heard := evaluate[[][]string](page, "[...arrived, ['the page', document.documentElement.outerHTML]]")
	if len(heard) < 5 || !slices.ContainsFunc(heard, func(h []string) bool { return h[0] == "/admin/config" && strings.Contains(h[1], "kafka.sasl.password") }) {
		t.Errorf("the page was told %d times, and not of the configuration", len(heard))
	}
	for _, h := range heard {
		if strings.Contains(strings.ReplaceAll(h[1], "“hunter2”", ""), "hunter2") {
			t.Errorf("a secret is in %s: %s", h[0], h[1])
		}
	}
}

// A broker that goes away is told of, with why, and so is that it is back.
func TestConsoleHealthOfABrokerThatComesBack(t *testing.T) {
	t.Parallel()
	server, err := url.Parse(brokers.RabbitMQ(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	upstream := server.Host
	server.Host = away(t)
	network := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop()), "rabbitmq", server.Host, upstream)
	if err := network.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(network.Stop)
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=amqp", "CULVERT_AMQP_URL="+server.String())
	page := p.shell(b, "#/health", 1280)
	is := func(what, state, broker string) {
		t.Helper()
		page.until(what, fmt.Sprintf("said('#panel-health .head .state') === %q && said('.brokers .state') === %q && said('.shell .state') === %[1]q", state, broker))
	}
	is("is ready", "ready", "reachable")
	network.Stop()
	is("tells that the broker is away", "not ready", "unreachable")
	brokers.Eventually(t, patience, "it is told why, as the API says it", func() bool {
		shown := healthShown(page)
		return fmt.Sprint(shown.Brokers) == fmt.Sprint(shown.Said.brokers()) && shown.Brokers[0][2] != ""
	})
	if err := network.Start(); err != nil {
		t.Fatal(err)
	}
	is("tells that the broker is back", "ready", "reachable")
	if why := healthShown(page).Brokers[0][2]; why != "" {
		t.Errorf("of the broker that is back it says %s", why)
	}
}
