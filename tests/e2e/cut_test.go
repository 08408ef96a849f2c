package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
	"culvert/tests/oracle"
)

// oddities are messages of every kind, and what clients of bare payloads are shown of them.
var oddities = []struct {
	pub        map[string]any
	kind, text string
}{
	{map[string]any{"text": "one line", "key": "k"}, "message", "one line"},
	{map[string]any{"text": "two\nlines\n"}, "message", "two\nlines\n"},
	{map[string]any{"text": "cr\rand crlf\r\n\r\nend"}, "message", "cr\nand crlf\n\nend"},
	{map[string]any{"text": ""}, "message", ""},
	{map[string]any{"text": " id: x\n\nevent: gap\n:"}, "message", " id: x\n\nevent: gap\n:"},
	{map[string]any{"payload": nil, "key": "gone"}, "delete", "gone"},
	{map[string]any{"payload": nil, "key64": "/w=="}, "binary-delete", "/w=="},
	{map[string]any{"base64": "/wAKDQ=="}, "binary", "/wAKDQ=="},
	{map[string]any{"text": "named", "headers": []any{[]any{"kind", "tick"}}}, "tick", "named"},
	{map[string]any{"payload": map[string]any{"a": []any{1.0, "é"}}}, "message", `{"a":[1,"é"]}`},
}

// A client is cut off behind each byte of a stream in turn, and comes back with the last place that it has in full: what it was shown before and after
// that is the log, each message once and in order. A gap is told as well.
func TestAStreamCutAtEveryByte(t *testing.T) {
	const kept = 6 // messages of a topic
	ctx := deadline(t)
	former := bridge.Start(t, "CULVERT_BROKER=inproc")
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_SSE_HEARTBEAT=50ms", "CULVERT_WS_HEARTBEAT=50ms")
	forgetful := bridge.Start(t, "CULVERT_BROKER=inproc", fmt.Sprint("CULVERT_INPROC_LOG_MESSAGES=", kept), fmt.Sprint("CULVERT_SUBSCRIBE_WINDOW_MESSAGES=", kept))

	var odd []map[string]any
	for _, o := range oddities {
		odd = append(odd, o.pub)
	}
	for i, d := range dialects() {
		topic := fmt.Sprint("t", i)
		t.Run(d.name, func(t *testing.T) {
			t.Run("messages", func(t *testing.T) {
				pubs(ctx, t, b, topic, odd...)
				c := &cutting{dialect: d, bridge: b, question: question{topic: topic, from: "earliest"}, want: len(odd), more: "the end"}
				c.judgeOddities(t, c.run(ctx, t))
			})
			t.Run("a gap of an epoch", func(t *testing.T) {
				topic := topic + ".anew"
				stale := endOf(ctx, t, former, topic, "of another life")
				pubs(ctx, t, b, topic, keyed("k", "a", "b", "c")...)
				c := &cutting{dialect: d, bridge: b, question: question{topic: topic, from: stale}, want: 3, gap: `"lost":null`, more: "the end"}
				c.run(ctx, t)
			})
			t.Run("a gap of retention", func(t *testing.T) {
				past := endOf(ctx, t, forgetful, topic, "seen")
				pubs(ctx, t, forgetful, topic, keyed("k", "lost 1", "lost 2", "1", "2", "3", "4", "5", "6")...)
				c := &cutting{dialect: d, bridge: forgetful, question: question{topic: topic, from: past}, want: kept, gap: `"lost":2`}
				c.run(ctx, t)
			})
			t.Run("a mark", func(t *testing.T) {
				topic := topic + ".sieve"
				pubs(ctx, t, b, topic, append(keyed("k", "a", "b"), keyed("x", "c", "d")...)...)
				c := &cutting{dialect: d, bridge: b, question: question{topic: topic, from: "earliest", key: "k"}, want: 2, mark: true, more: "the end"}
				c.run(ctx, t)
			})
		})
	}
}

// cutting is one stream that is cut everywhere.
type cutting struct {
	dialect
	bridge *bridge.Bridge
	question
	want int    // how many messages there are
	gap  string // what the gap before them says; empty: there is none
	mark bool   // the stream has one behind the messages
	more string // is published between the cuts and the resumptions; empty: nothing is
}

func (c *cutting) ask(ctx context.Context, place string) (*cuttable, error) {
	return c.open(ctx, c.bridge.URL, c.question, place)
}

// run gives the messages as they were shown without a cut.
func (c *cutting) run(ctx context.Context, t *testing.T) []shown {
	whole, err := c.ask(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	defer whole.cut()
	if err := whole.until(c.complete); err != nil {
		t.Fatalf("the whole stream: %v", err)
	}
	log := messagesOf(whole.events)
	cuts := make([]*cuttable, whole.bytes+1)
	inParallel(t, len(cuts), func(n int) error {
		s, err := c.ask(ctx, "")
		if err != nil {
			return err
		}
		defer s.cut()
		cuts[n] = s
		return s.take(n)
	})
	if c.more != "" {
		pubs(ctx, t, c.bridge, c.topic, keyed("k", c.more)...)
		if err := whole.until(func(s *cuttable) bool { return s.messages > c.want }); err != nil {
			t.Fatalf("the message after the cuts: %v", err)
		}
		log = messagesOf(whole.events)
	}
	// Those whose last event is the same ask the same.
	var different []*cuttable
	for n, cut := range cuts {
		if n == 0 || cut.place != cuts[n-1].place || len(cut.events) != len(cuts[n-1].events) {
			different = append(different, cut)
		}
	}
	inParallel(t, len(different), func(i int) error {
		if err := c.resume(ctx, different[i], log); err != nil {
			return fmt.Errorf("cut after %d of %d bytes: %w", different[i].bytes, whole.bytes, err)
		}
		return nil
	})
	return log
}

// complete reports whether a stream has shown all there is.
func (c *cutting) complete(s *cuttable) bool {
	if s.messages < c.want {
		return false
	}
	return !c.mark || s.events[len(s.events)-1].kind == "mark"
}

// resume goes on where a stream was cut, to the end of the log, and judges what was shown in all.
func (c *cutting) resume(ctx context.Context, cut *cuttable, log []shown) error {
	if cut.behind < len(cut.events) {
		return fmt.Errorf("%q has no place", cut.events[cut.behind])
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // which a message that was lost takes
	defer cancel()
	all := cut.events
	if before := messagesOf(all); len(before) < len(log) {
		s, err := c.ask(ctx, cut.place)
		if err != nil {
			return err
		}
		defer s.cut()
		if err := s.until(func(s *cuttable) bool { return len(before)+s.messages >= len(log) }); err != nil {
			return fmt.Errorf("shown %q, then %q: %w", before, messagesOf(s.events), err)
		}
		all = append(all[:len(all):len(all)], s.events...)
	}
	got := messagesOf(all)
	for i := range got {
		if is, want := c.content(got[i]), c.content(log[i]); is != want {
			return fmt.Errorf("message %d of all is %s, want %s", i, is, want)
		}
	}
	return c.judgeGaps(all)
}

// content is what a message says, whatever its place is called.
func (c *cutting) content(s shown) string {
	if !c.envelopes {
		return fmt.Sprintf("%s %q", s.kind, s.text)
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(s.text), &members); err != nil {
		return fmt.Sprintf("unreadable %q: %v", s.text, err)
	}
	delete(members, "cursor")
	return fmt.Sprint(members)
}

// judgeGaps wants the hole told once, before the first message.
func (c *cutting) judgeGaps(all []shown) error {
	var gaps []shown
	for _, s := range all {
		switch {
		case s.kind == "gap":
			gaps = append(gaps, s)
		case s.message() && c.gap != "" && len(gaps) == 0:
			return fmt.Errorf("%q was shown before the hole was told", s)
		}
	}
	if c.gap == "" && len(gaps) > 0 || c.gap != "" && (len(gaps) != 1 || !strings.Contains(gaps[0].text, c.gap)) {
		return fmt.Errorf("the gaps told are %q, want %q", gaps, c.gap)
	}
	return nil
}

// judgeOddities wants log to be the oddities as the dialect shows them.
func (c *cutting) judgeOddities(t *testing.T, log []shown) {
	for i, o := range oddities {
		s := log[i]
		if !c.envelopes {
			if s.kind != o.kind || s.text != o.text {
				t.Errorf("oddity %d was shown as %s %q, want %s %q", i, s.kind, s.text, o.kind, o.text)
			}
			continue
		}
		var envelope map[string]any
		if err := json.Unmarshal([]byte(s.text), &envelope); err != nil {
			t.Fatal(err)
		}
		for name, want := range o.pub {
			if got, ok := envelope[name]; !ok || !reflect.DeepEqual(got, want) {
				t.Errorf("oddity %d: %s of %s is not %q", i, name, s.text, want)
			}
		}
	}
}

// Where cursors are long some messages go without one, at most forty-nine in a row. A client that is cut off behind them is shown them again, and nothing else.
func TestACutStreamWhoseIDsAreThinned(t *testing.T) {
	const partitions, messages, cuts, most = 24, 400, 40, 49
	ctx := deadline(t)
	cluster := brokers.Kafka(t)
	topic := brokers.Topic(t)
	brokers.CreateTopic(t, cluster, topic, partitions)
	b := kafka().start(t)
	o := oracle.New()
	var batch []map[string]any
	for i := range messages {
		n := oracle.Note{Key: fmt.Sprint("k", i%3), N: i / 3}
		o.Sent(n)
		o.Answered(n, true)
		batch = append(batch, map[string]any{"key": n.Key, "text": n.String()})
	}
	pubs(ctx, t, b, topic, batch...)

	for _, d := range dialects() {
		t.Run(d.name, func(t *testing.T) {
			c := &cutting{dialect: d, bridge: b, question: question{topic: topic, from: "earliest"}, want: messages}
			whole, err := c.ask(ctx, "")
			if err != nil {
				t.Fatal(err)
			}
			defer whole.cut()
			if err := whole.until(c.complete); err != nil {
				t.Fatalf("the whole stream: %v", err)
			}
			bare, row := 0, 0
			for _, s := range whole.events {
				switch {
				case s.place == "":
					bare++
					if row++; row > most {
						t.Fatalf("%d events in a row have no place", row)
					}
				case len(s.place) <= 128:
					t.Fatalf("%q is no long cursor", s.place)
				default:
					row = 0
				}
			}
			if bare < messages/2 {
				t.Fatalf("only %d events had no place: the test is none", bare)
			}
			inParallel(t, cuts+1, func(i int) error {
				n := whole.bytes * i / cuts
				if err := c.cutAndResume(ctx, o.Viewer(fmt.Sprintf("cut after %d bytes", n)), n); err != nil {
					return fmt.Errorf("cut after %d of %d bytes: %w", n, whole.bytes, err)
				}
				return nil
			})
		})
	}
	for _, fault := range o.Judge() {
		t.Error(fault)
	}
}

// cutAndResume tells v of what was shown up to the place with which the client came back, and after it: that is each message once.
func (c *cutting) cutAndResume(ctx context.Context, v *oracle.Viewer, n int) error {
	cut, err := c.ask(ctx, "")
	if err != nil {
		return err
	}
	defer cut.cut()
	// With fewer ids among them all messages may take fewer bytes.
	if err := cut.until(func(s *cuttable) bool { return s.bytes == n || c.complete(s) }); err != nil {
		return err
	}
	kept := messagesOf(cut.events[:cut.behind])
	resumed, err := c.ask(ctx, cut.place)
	if err != nil {
		return err
	}
	defer resumed.cut()
	if err := resumed.until(func(s *cuttable) bool { return len(kept)+s.messages >= c.want }); err != nil {
		return fmt.Errorf("%d messages before the cut, then %d: %w", len(kept), resumed.messages, err)
	}
	for _, s := range append(kept, messagesOf(resumed.events)...) {
		payload := s.text
		if c.envelopes {
			var envelope struct{ Text string }
			if err := json.Unmarshal([]byte(s.text), &envelope); err != nil {
				return err
			}
			payload = envelope.Text
		}
		note, err := oracle.ParseNote(payload)
		if err != nil {
			return err
		}
		v.Saw(note)
	}
	return c.judgeGaps(append(cut.events, resumed.events...))
}

func messagesOf(events []shown) (messages []shown) {
	for _, s := range events {
		if s.message() {
			messages = append(messages, s)
		}
	}
	return messages
}

// inParallel does something for each number below n, some of them at a time, and fails the test with the first error.
func inParallel(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	numbers := make(chan int)
	var failed error
	var once sync.Once
	var all sync.WaitGroup
	for range 16 {
		// Ends when numbers is closed.
		all.Go(func() {
			for i := range numbers {
				if err := do(i); err != nil {
					once.Do(func() { failed = err })
				}
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	all.Wait()
	if failed != nil {
		t.Fatal(failed)
	}
}

// pubs injects messages in one batch.
func pubs(ctx context.Context, t *testing.T, b *bridge.Bridge, topic string, messages ...map[string]any) {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"messages": messages})
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Results []client.Frame `json:"results"`
	}
	if err := client.Post(ctx, b.URL+"/v1/topics/"+topic+"/messages", "application/vnd.culvert.batch+json", raw, &answer); err != nil {
		t.Fatal(err)
	}
	for i, r := range answer.Results {
		if r.Op != "ack" {
			t.Fatalf("message %d was answered with %+v", i, r)
		}
	}
}

func keyed(key string, texts ...string) (messages []map[string]any) {
	for _, text := range texts {
		messages = append(messages, map[string]any{"key": key, "text": text})
	}
	return messages
}

// endOf is a topic's end behind one message.
func endOf(ctx context.Context, t *testing.T, b *bridge.Bridge, topic, text string) string {
	t.Helper()
	pubs(ctx, t, b, topic, keyed("k", text)...)
	var described struct {
		Cursor string `json:"cursor"`
	}
	if err := client.Get(ctx, b.URL+"/v1/topics/"+topic, &described); err != nil || described.Cursor == "" {
		t.Fatalf("%q has no end: %v", topic, err)
	}
	return described.Cursor
}
