package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// configured makes a configuration file, and gives the environment that names it.
func configured(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "culvert.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "CULVERT_CONFIG=" + path
}

// away is an address at which nobody listens.
func away(t *testing.T) string {
	t.Helper()
	return brokers.Loopback(brokers.FreePorts(t, 1)[0])
}

// topicList is what the admin API says of topics.
type topicList struct {
	Topics []struct {
		Topic, Broker, Kind string
		Partitions, Queues  *int
		Messages            *int64
		Rate                *float64
		Viewers             int
	}
	Complete    bool
	Unreachable []struct{ Broker, Detail string }
}

// rows is the list as the console writes it.
func (l topicList) rows() (rows [][]string) {
	for _, t := range l.Topics {
		rate := "–"
		if t.Rate != nil {
			rate = strings.Replace(fmt.Sprintf("%.1f/s", *t.Rate), "0.0/s", "0/s", 1)
		}
		rows = append(rows, []string{t.Topic, t.Broker, known(t.Partitions), known(t.Messages), rate, strconv.Itoa(t.Viewers), known(t.Queues)})
	}
	return rows
}

// known is a figure as the console writes it; what is not known is a dash.
func known[T int | int64](n *T) string {
	if n == nil {
		return "–"
	}
	return fmt.Sprint(*n)
}

func topicsOf(t *testing.T, b *bridge.Bridge) (l topicList) {
	t.Helper()
	if err := client.Get(t.Context(), b.Admin+"/admin/topics", &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// topicRows are the rows of the panel, without what can be done in each.
func topicRows(page *tab) (rows [][]string) {
	page.t.Helper()
	for _, row := range cells(page, "#panel-topics tbody tr") {
		rows = append(rows, row[:7])
	}
	return rows
}

// first is the first column of rows.
func first(rows [][]string) (names []string) {
	for _, row := range rows {
		names = append(names, row[0])
	}
	return names
}

// The panel has the topics that the API tells operators of, with the same figures, as these change. Any of them is found, and leads to the panels that are about it.
func TestConsoleTopics(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, configured(t, `
broker: inproc
topics:
  - {name: quiet, hidden: true}
  - {name: closed.*, allow: false}
`))
	inject(t, b, "prices", `{"messages":[{"key":"GOOG","payload":1},{"key":"GOOG","payload":2},{"key":"NVDA","payload":3}]}`)
	inject(t, b, "orders", `{"messages":[{"payload":1},{"payload":2}]}`)
	injectAt(t, b.Admin, "quiet", `{"messages":[{"payload":1}]}`)
	page := p.shell(b, "#/topics", 1280)
	as := func(what string) {
		t.Helper()
		var shown, told [][]string
		brokers.Eventually(t, patience, what, func() bool {
			shown, told = topicRows(page), topicsOf(t, b).rows()
			return fmt.Sprint(shown) == fmt.Sprint(told)
		})
	}
	as("the topics are shown as the API tells of them")
	names := first(topicRows(page))
	var operators, public struct{ Topics []struct{ Topic string } }
	for base, list := range map[string]any{b.Admin: &operators, b.URL: &public} {
		if err := client.Get(t.Context(), base+"/v1/topics", list); err != nil {
			t.Fatal(err)
		}
	}
	if got, seen := fmt.Sprint(names), fmt.Sprint(operators.Topics); got != "[orders prices quiet]" || seen != "[{orders} {prices} {quiet}]" || fmt.Sprint(public.Topics) != "[{orders} {prices}]" {
		t.Errorf("%s are shown, where operators may see %s, and others %v", got, seen, public.Topics)
	}

	// Somebody views, somebody shares the work, and more comes.
	viewer, err := client.OpenSSE(t.Context(), b.URL+"/v1/topics/prices/events", "")
	if err != nil {
		t.Fatal(err)
	}
	defer viewer.Close()
	member := work(t, b, "orders")
	defer member.Close()
	inject(t, b, "prices", `{"messages":[{"payload":4}]}`)
	page.until("sees the viewer, the queue and the message", "(rows => rows.prices[5] === '1' && rows.prices[3] === '4' && rows.prices[4].endsWith('/s') && rows.orders[6] === '1')(Object.fromEntries(all('tbody tr').map(row => [row.cells[0].textContent, [...row.cells].map(cell => cell.textContent)])))")
	as("the topics are shown as the API tells of them, after they changed")

	// Sorted, by what can be counted from the most.
	page.click("th button", "Messages")
	page.until("is sorted by messages", "location.hash === '#/topics?sort=-messages' && document.querySelector('th[aria-sort=descending]').textContent === 'Messages'")
	if got := first(topicRows(page)); !slices.Equal(got[:2], []string{"prices", "orders"}) {
		t.Errorf("by messages, the most first, the topics are %v", got)
	}
	page.click("th button", "Messages")
	page.until("is sorted the other way", "location.hash === '#/topics?sort=messages' && document.querySelector('th[aria-sort=ascending]') !== null && document.querySelector('tbody tr:last-child th').textContent === 'prices'")

	// Found by a part of its name.
	page.write("input[type=search]", "PRI")
	page.until("finds it", "all('tbody tr').length === 1 && said('.head small') === '1 of 4'") // with the queue's dead letters
	page.write("input[type=search]", "<b>none</b>")
	page.until("says that there is none", "said('.empty h2') === 'No topic has “<b>none</b>” in its name'")
	page.click(".empty button", "Show all")
	page.until("shows all", "all('tbody tr').length === 4 && document.querySelector('input[type=search]').value === ''")

	// And led on from.
	for id, is := range map[string]string{
		"view":   "document.querySelector('#panel-view [name=topic]')?.value === 'prices'",
		"inject": "document.querySelector('#panel-inject [name=topic]')?.value === 'prices'",
		"queues": "said('#panel-queues h1') === 'Queues of prices'",
	} {
		evaluate[any](page, fmt.Sprintf("document.querySelector('a[aria-label=\"%s prices\"]').click()", strings.ToUpper(id[:1])+id[1:]))
		page.until("goes to "+id, is+fmt.Sprintf(" && location.hash.startsWith('#/%s?topic=prices')", id))
		evaluate[any](page, "history.back()")
		page.until("comes back", "all('#panel-topics tbody tr').length === 4")
	}
}

// Where there is nothing yet the panel says what to do next, and leads there.
func TestConsoleWithoutTopics(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	page := p.shell(b, "", 1280)
	page.until("says what to do", "said('.empty h2') === 'No topics yet' && said('.empty').includes('culvert serve --demo')")
	page.click(".empty a", "Inject a message")
	page.until("is where messages are injected", "document.querySelector('#panel-inject [name=topic]')?.value === 'hello'")
	page.click("main button", "Inject")
	page.until("has it confirmed", "document.querySelector('[data-figure=confirmed] .value').textContent === '1'")
	evaluate[any](page, "history.back()")
	page.until("has its first topic", "all('#panel-topics tbody tr').length === 1 && said('#panel-topics tbody th') === 'hello'")
}

// A broker that cannot be reached is said to be, in the API's words; topics of others are there all the same, and of its own those that are known, with dashes for what it does not tell.
func TestConsoleTopicsOfABrokerThatIsAway(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, configured(t, fmt.Sprintf(`
broker: inproc
kafka:
  brokers: [%q]
  dial_timeout: 300ms
brokers:
  - {name: far, kind: amqp, amqp: {url: "amqp://%s/", dial_timeout: 300ms}}
topics:
  - {name: archive.*, broker: kafka}
  - {name: far.*, broker: far}
routes:
  - {path: /archived, topic: archive.prices}
  - {path: /far, topic: far.orders}
`, away(t), away(t))))
	inject(t, b, "prices", `{"messages":[{"payload":1}]}`)
	page := p.shell(b, "#/topics", 1280)
	page.until("says who is away", "all('.notice.warn').length === 2 && document.querySelector('tbody tr') !== null")
	told := topicsOf(t, b)
	if len(told.Unreachable) != 2 {
		t.Fatalf("the API says %+v", told)
	}
	for i, gone := range told.Unreachable {
		want := fmt.Sprintf("%s cannot be reached: %s. Only those of its topics are here that this node knows.", gone.Broker, gone.Detail)
		page.until("says that "+gone.Broker+" is away, and why", fmt.Sprintf("all('.notice.warn')[%d].textContent === %s", i, literal(want)))
	}
	if got, want := topicRows(page), told.rows(); fmt.Sprint(got) != fmt.Sprint(want) || !slices.Contains(first(got), "prices") {
		t.Errorf("%v are shown, where the API tells of %v", got, want)
	}

	none := bridge.Start(t, "CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS="+away(t), "CULVERT_KAFKA_DIAL_TIMEOUT=300ms")
	empty := p.shell(none, "#/topics", 1280)
	empty.until("says that nothing is known", "said('.empty h2') === 'No topics are known' && said('.notice.warn').startsWith('kafka cannot be reached: ')")
}
