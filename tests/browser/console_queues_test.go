package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
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

// cursorAfter is the place behind the first n messages of a topic, as they are told.
func cursorAfter(t *testing.T, b *bridge.Bridge, topic string, n int) (cursor string) {
	t.Helper()
	for line := range strings.Lines(ask(t, fmt.Sprintf("%s/v1/topics/%s/events?from=earliest&limit=%d", b.URL, topic, n), "application/x-ndjson")) {
		var frame client.Frame
		if err := json.Unmarshal([]byte(line), &frame); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if frame.Op == "msg" {
			cursor = frame.Cursor
		}
	}
	return cursor
}

// giveUp has a member hand back so many messages of the topic, which is their only try.
func giveUp(t *testing.T, b *bridge.Bridge, topic string, n int) {
	t.Helper()
	member := work(t, b, topic)
	defer member.Close()
	for i := range n {
		inject(t, b, topic, fmt.Sprintf(`{"messages":[{"key":"lost","payload":%d}]}`, i))
		e, err := member.Until("message")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := client.Settle(t.Context(), b.URL, member.stream, map[string]any{"nack": []string{e.ID}}); err != nil {
			t.Fatal(err)
		}
	}
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

			moves := func(to, effect string, lag int64, cursor ...string) {
				t.Helper()
				page.click("main button", "Reset …")
				page.click("dialog .choice label", to)
				for _, at := range cursor {
					page.write("dialog input[aria-label=Cursor]", at)
				}
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
			moves("A cursor", "Messages: 6 skipped.", 15, cursorAfter(t, b, topic, 6))
			moves("The end", "Messages: 15 skipped.", 0)
			moves("A cursor", "Messages: 15 given again.", 15, cursorAfter(t, b, topic, 6))
			moves("The beginning", "Messages: 6 given again.", 21)
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

// Dead letters are sent back as many as was said, the oldest first, and the others later.
func TestConsoleSendsSomeLettersBack(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_QUEUE_MAX_ATTEMPTS=1")
	topic := brokers.Topic(t)
	giveUp(t, b, topic, 3)
	page := p.shell(b, "#/queues?topic="+topic+"&queue=billing", 1280)
	const letters = `section[aria-label="Dead letters"] `
	page.until("has the letters", "all('"+letters+"tbody tr').length === 3 && said('"+letters+"small') === '3 not sent back yet, the last 3 are shown'")
	for _, send := range []struct {
		most, said string
		left       int
	}{{"2", "2 letters were sent back", 1}, {"", "One letter was sent back", 0}} {
		page.click("main button", "Send back …")
		page.write("dialog input[type=number]", send.most)
		page.click("dialog button", "Send back")
		page.until("tells how many", fmt.Sprintf("all('.toast.good span').some(e => e.textContent === %q)", send.said))
		page.until("knows which were, the oldest first", fmt.Sprintf(`said('%ssmall').startsWith('%d not') && all('%[1]stbody tr').map(tr => tr.querySelector('.badge') === null).join() === [0, 1, 2].map(i => i < %[2]d).join()`, letters, send.left))
	}
	page.until("has them all in the queue again", "said('[data-figure=lag]') === '3'")
}

// What RabbitMQ cannot do is said as the bridge says it; what it can is there.
func TestConsoleQueuesOfRabbitMQ(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	for name, management := range map[string]string{"listed": server.Management, "not listed": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "listed" && management == "" {
				brokers.Without(t, "management plugin of RabbitMQ", errors.New("the environment names a server, and not its plugin: CULVERT_TEST_AMQP_MANAGEMENT=http://user:password@host:15672 does"))
			}
			p := open(t)
			b := bridge.Start(t, "CULVERT_BROKER=amqp", "CULVERT_AMQP_URL="+server.URL, "CULVERT_AMQP_MANAGEMENT="+management, "CULVERT_QUEUE_MAX_ATTEMPTS=1", "CULVERT_QUEUE_LINGER=100ms")
			topic := brokers.Topic(t)
			queue := b.URL + "/v1/topics/" + topic + "/queues/billing"
			giveUp(t, b, topic, 1)
			brokers.Eventually(t, patience, "the bridge has left the queue", func() bool { return placeOf(t, queue).Members == 0 })
			inject(t, b, topic, `{"messages":[{"payload":"waits"},{"payload":"waits, too"}]}`)

			page := p.shell(b, "#/queues?topic="+topic, 1280)
			if management == "" {
				page.until("says what it does not know", "said('.notice').startsWith('Not every broker lists its queues')")
				evaluate[any](page, "location.hash += '&queue=billing'")
			} else {
				page.until("has the queue", "all('#panel-queues tbody tr').length === 1 && said('.notice') === ''")
				page.click("#panel-queues tbody a", "billing")
			}
			page.until("shows the queue", "said('[data-figure=members]') === '0'")
			var told struct{ Lag *int64 }
			brokers.Eventually(t, patience, "the lag is shown as the API says it", func() bool {
				if err := client.Get(t.Context(), queue, &told); err != nil {
					t.Fatal(err)
				}
				return evaluate[string](page, "said('[data-figure=lag]')") == known(told.Lag) && told.Lag != nil && *told.Lag == 2
			})
			// It has no places to go back to.
			page.click("main button", "Reset …")
			page.until("says that it cannot know", "said('dialog .effect').startsWith('The broker does not tell where the queue is')")
			page.click("dialog button", "Reset the queue")
			want := refusal(t, client.Post(t.Context(), queue+"/reset", "application/json", []byte(`{"to":"earliest"}`), nil))
			page.until("tells the refusal", fmt.Sprintf("all('.toast.bad span').some(e => e.textContent === %s)", literal(want)))

			// Letters go back, and to peek is refused.
			page.until("has the letter", `all('section[aria-label="Dead letters"] tbody tr').length === 1`)
			page.click("main button", "Send back …")
			page.click("dialog button", "Send back")
			page.until("tells how many", "all('.toast.good span').some(e => e.textContent === 'One letter was sent back')")
			page.click("main a", "Peek")
			page.until("can be started", "button('Start') !== undefined")
			evaluate[any](page, "button('Start').click()")
			want = refusal(t, client.Get(t.Context(), queue+"/events?mode=peek", nil))
			page.until("tells the refusal to peek", fmt.Sprintf("standing() === 'ended' && said('.standing .bar').includes(%s)", literal(want)))
		})
	}
}
