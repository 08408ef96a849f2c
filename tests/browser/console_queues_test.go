package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// worker is a member of a queue that settles by hand.
type worker struct {
	*client.SSE
	stream string
}

func work(t *testing.T, b *bridge.Bridge, topic string) worker {
	t.Helper()
	member, err := client.OpenSSE(t.Context(), b.URL+"/v1/topics/"+topic+"/queues/billing/events?ack=manual", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(member.Close)
	ready, err := member.Until("ready")
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ Stream string }
	if err := json.Unmarshal([]byte(ready.Data), &said); err != nil {
		t.Fatal(err)
	}
	return worker{member, said.Stream}
}

// place is what the bridge says of a queue.
type place struct {
	Members  int   `json:"members"`
	InFlight int   `json:"in_flight"`
	Lag      int64 `json:"lag"`

	Partitions []struct {
		Partition, Committed, End, Lag int64
	} `json:"partitions"`
}

func placeOf(t *testing.T, queue string) (p place) {
	t.Helper()
	if err := client.Get(t.Context(), queue, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// refusal is the problem that an answer was.
func refusal(t *testing.T, err error) string {
	t.Helper()
	var status *client.StatusError
	var problem struct{ Code, Detail string }
	if !errors.As(err, &status) || json.Unmarshal(status.Body, &problem) != nil {
		t.Fatalf("it is no refusal: %v", err)
	}
	return problem.Code + ": " + problem.Detail
}

// An operator finds a queue, sees how far it is, moves it, looks after its dead letters, and deletes it. What is shown is what the bridge says, and what the page says beforehand is what it does.
func TestConsoleQueues(t *testing.T) {
	t.Parallel()
	for name, on := range map[string]struct {
		environment func(*testing.T) []string
		topic       func(*testing.T) string
	}{
		"inproc": {func(*testing.T) []string { return []string{"CULVERT_BROKER=inproc"} }, func(t *testing.T) string { return brokers.Topic(t) }},
		"kafka": {kafka, func(t *testing.T) string {
			topic := kafkaTopic(3)(t)
			brokers.CreateTopic(t, brokers.Kafka(t), topic+".billing.dlq", 1)
			return topic
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			b := bridge.Start(t, append(on.environment(t), "CULVERT_QUEUE_MAX_ATTEMPTS=1")...)
			topic := on.topic(t)
			queue := b.URL + "/v1/topics/" + topic + "/queues/billing"

			// One message of a key was given up, and twenty wait.
			member := work(t, b, topic)
			inject(t, b, topic, `{"messages":[{"key":"lost","payload":{"why":"<i>none</i>"}}]}`)
			e, err := member.Until("message")
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := client.Settle(t.Context(), b.URL, member.stream, map[string]any{"nack": []string{e.ID}}); err != nil {
				t.Fatal(err)
			}
			brokers.Eventually(t, patience, "it is a dead letter", func() bool { return placeOf(t, queue).Lag == 0 })

			page := panelAt(p, b, "queues?topic="+topic)
			page.click("main tbody a", "billing")
			figure := func(name string, is int64) {
				t.Helper()
				page.until("shows "+name, fmt.Sprintf("document.querySelector('main [data-figure=%s]')?.textContent === %q", name, strconv.FormatInt(is, 10)))
			}
			figure("members", 1)
			figure("lag", 0)

			// While it has members it stays where it is, and the page says so as the bridge does.
			page.click("main button", "Reset …")
			page.click("dialog button", "Reset the queue")
			want := refusal(t, client.Post(t.Context(), queue+"/reset", "application/json", []byte(`{"to":"earliest"}`), nil))
			page.until("tells the refusal", fmt.Sprintf("[...document.querySelectorAll('.toast.bad span')].some(e => e.textContent === %s)", literal(want)))

			member.Close()
			brokers.Eventually(t, patience, "it has left", func() bool { return placeOf(t, queue).Members == 0 })
			for i := range 20 {
				inject(t, b, topic, fmt.Sprintf(`{"messages":[{"key":"k%d","payload":%d}]}`, i, i))
			}
			figure("members", 0)
			figure("lag", 20)
			api := placeOf(t, queue)
			var rows [][]string
			for _, p := range api.Partitions {
				rows = append(rows, []string{fmt.Sprint(p.Partition), fmt.Sprint(p.Committed), fmt.Sprint(p.End), fmt.Sprint(p.Lag), ""})
			}
			if shown := cells(page, "[data-partition]"); fmt.Sprint(shown) != fmt.Sprint(rows) {
				t.Errorf("%v is shown of %v", shown, rows)
			}

			moves := func(to, effect string, lag int64) {
				t.Helper()
				page.click("main button", "Reset …")
				page.click("dialog .choice label", to)
				page.until("says what it does", fmt.Sprintf("document.querySelector('dialog .effect').textContent === %q", effect))
				page.click("dialog button", "Reset the queue")
				figure("lag", lag)
				if got := placeOf(t, queue).Lag; got != lag {
					t.Errorf("%s: the lag is %d, not %d", effect, got, lag)
				}
			}
			moves("The end", "Messages: 20 skipped.", 0)
			moves("A time", "Messages: 21 given again.", 21) // an hour ago
			moves("The end", "Messages: 21 skipped.", 0)
			moves("The beginning", "Messages: 21 given again.", 21)
			moves("The end", "Messages: 21 skipped.", 0)

			// The dead letter, and why; then it is sent back.
			page.until("has the letter", "document.querySelectorAll('section[aria-label=\"Dead letters\"] tbody tr').length === 1")
			if letter := cells(page, `section[aria-label="Dead letters"] tbody tr`)[0]; letter[1] != "the member handed it back" || letter[2] != "1" || letter[4] != "lost" || letter[5] != `{"why":"<i>none</i>"}` {
				t.Errorf("%q is shown", letter)
			}
			page.click("main button", "Send back …")
			page.click("dialog button", "Send back")
			page.until("tells how many", "[...document.querySelectorAll('.toast.good span')].some(e => e.textContent === 'One letter was sent back')")
			figure("lag", 1)
			page.until("knows which were", "document.querySelector('section[aria-label=\"Dead letters\"] .badge')?.textContent === 'sent back'")

			page.click("main button", "Delete …")
			page.click("dialog button", "Delete the queue")
			page.until("shows none", "document.querySelector('main .empty h2')?.textContent === 'No queues yet'")
			var status *client.StatusError
			if err := client.Get(t.Context(), queue, nil); !errors.As(err, &status) || status.Status != http.StatusNotFound {
				t.Errorf("it is still there: %v", err)
			}
		})
	}
}

// Queues of all topics are in one list, and what cannot be told of one is said.
func TestConsoleQueuesOfAllTopics(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	for _, topic := range []string{"a", "b"} {
		work(t, b, topic)
	}
	inject(t, b, "none", `{"messages":[{"text":"x"}]}`)
	page := panelAt(p, b, "queues")
	page.until("has both", "document.querySelectorAll('main tbody tr').length === 2")
	rows := cells(page, "main tbody tr")
	for i, topic := range []string{"a", "b"} {
		if got := rows[i][:4]; fmt.Sprint(got) != fmt.Sprint([]string{"billing", topic, "1", "0"}) {
			t.Errorf("%v is shown of %s", got, topic)
		}
	}
	page.write("input[type=search]", "a b")
	page.until("narrows them", "document.querySelectorAll('main tbody tr').length === 1")
	if err := chromedp.Do(page.ctx, chromedp.Navigate(b.Admin+"/#/queues?topic=nowhere")); err != nil {
		t.Fatal(err)
	}
	want := refusal(t, client.Get(t.Context(), b.URL+"/v1/topics/nowhere/queues", nil))
	page.until("tells the refusal", fmt.Sprintf("document.querySelector('main .notice.bad')?.textContent === %s", literal(want)))
}
