package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"culvert/tests/client"
	"culvert/tests/oracle"
)

// stallEnv lets a bridge wait less long for who takes nothing than it takes to see that nobody is held up meanwhile, and keep little for each of them, so that little needs to be said to them.
func stallEnv() []string {
	return []string{
		"CULVERT_SSE_WRITE_TIMEOUT=" + stallPatience.String(), "CULVERT_WS_WRITE_TIMEOUT=" + stallPatience.String(), "CULVERT_REST_WRITE_TIMEOUT=" + stallPatience.String(),
		"CULVERT_WS_CLOSE_TIMEOUT=1s", "CULVERT_HTTP_SEND_BUFFER=16384", "CULVERT_REST_RESULT_BYTES=20000", "CULVERT_INJECT_WINDOW=100",
	}
}

// stallPatience is how long a client may take nothing; it is noticed when as long again has gone at most.
const stallPatience = 3 * time.Second

// staller is a client that stops reading.
type staller struct {
	*trial
	number int // of the publisher that it is; nobody else has it
	conn   *bare
	sent   []oracle.Note
}

// clientsStall lets clients of each kind stop reading, with more on the way to them than a network holds: nobody else may be held up by them, and they are let go.
func clientsStall(x *trial) {
	open, heap := x.series(x.nodes[0], "culvert_connections"), x.usage().heap
	ways := []func(*staller) error{
		(*staller).view, (*staller).viewLines, (*staller).viewSocket, (*staller).join, (*staller).joinSocket, (*staller).publishSocket, (*staller).publishLines,
	}
	// A member is given no more than it may hold, which need not be more than the network does: then it is not let go, but its leases end.
	members := few(2, 10) * 2
	var all []*staller
	var beginning sync.WaitGroup
	for i := range few(2, 10) * len(ways) {
		s := x.stall(1000 + i)
		all = append(all, s)
		beginning.Go(func() { // ends when the client has said all it has to say, or is not heard any more
			if err := ways[i%len(ways)](s); err != nil {
				x.Errorf("a client that is to stop reading: %v", err)
			}
		})
	}
	beginning.Wait()
	x.step("%d clients read nothing any more", len(all))
	heaviest, burdens := 0, 0
	var burdened time.Time
	var rounds []time.Duration
	if !x.until(recovery, func() bool {
		// One whose subscription comes late has more to come, too; not so much that the in-process broker forgets what members hold.
		if burdens < 4 || time.Since(burdened) > 2*stallPatience {
			x.heavy(burdens)
			burdens++
			burdened = time.Now()
		}
		rounds = append(rounds, x.unhindered())
		heaviest = max(heaviest, x.usage().heap)
		return x.series(x.nodes[0], "culvert_connections") <= open+members
	}) {
		x.Errorf("clients that read nothing were not let go")
	}
	var calm []time.Duration
	for i := range 3 {
		x.heavy(burdens + i)
		calm = append(calm, x.unhindered())
	}
	half, without := middle(rounds), middle(calm)
	x.step("they were let go; everybody else went on within %s to %s (without them: %s), the heap grew by %d MiB at most",
		half.Round(time.Millisecond), slices.Max(rounds).Round(time.Millisecond), without.Round(time.Millisecond), (heaviest-heap)>>20)
	// Who waited for a client that reads nothing would do so for all the time that it has. A machine that is busy with other things takes long for as much without them, too.
	if limit := max(stallPatience, 5*without); half > limit {
		x.Errorf("others were held up by clients that read nothing: mostly for %s, want at most %s", half, limit)
	}
	if limit := 64 << 20; heaviest-heap > limit {
		x.Errorf("the heap grew by %d MiB, want at most %d", (heaviest-heap)>>20, limit>>20)
	}
	for _, s := range all {
		s.conn.reset()
	}
	for _, s := range all {
		for _, n := range s.sent {
			x.oracle.Unknown(n)
		}
	}
}

// unhindered waits until every publisher is acked what it sends from now on, and every viewer sees it, and returns how long that took. The queue may wait for leases, which keep keys
// from others.
func (x *trial) unhindered() time.Duration {
	since, marks := time.Now(), x.load.sent()
	x.until(recovery, func() bool {
		return !slices.ContainsFunc(x.load.behind(marks), func(who string) bool { return !strings.HasPrefix(who, "the queue") })
	})
	return time.Since(since)
}

// middle is a time that no more of them are above than below.
func middle(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[len(times)/2]
}

// stall connects a client. How much its system holds for it is left to that: with a buffer of a fixed size Linux throws away what is beyond it, and then also the acks that come behind that, so
// what is said by a client that reads nothing would at times never arrive.
func (x *trial) stall(number int) *staller {
	ctx, cancel := context.WithTimeout(context.Background(), recovery)
	defer cancel()
	conn, err := dial(ctx, x.url())
	if err != nil {
		x.Fatal(err)
	}
	x.Cleanup(conn.reset)
	return &staller{trial: x, number: number, conn: conn}
}

// heavy injects a message of each key, of which those who see its headers get more than a network holds for who reads nothing.
func (x *trial) heavy(round int) {
	ctx, cancel := context.WithTimeout(context.Background(), recovery)
	defer cancel()
	var batch struct {
		Messages []client.Frame `json:"messages"`
	}
	var notes []oracle.Note
	for k := range x.load.keys {
		n := oracle.Note{Publisher: 999, Key: x.load.key(k), N: round}
		text := n.String()
		x.oracle.Sent(n)
		notes = append(notes, n)
		batch.Messages = append(batch.Messages, client.Frame{Op: "pub", Key: n.Key, Text: &text, Headers: [][]string{{"weight", strings.Repeat("x", 20_000)}}})
	}
	body, err := json.Marshal(batch)
	if err != nil {
		x.Fatal(err)
	}
	var answer struct {
		Results []client.Frame `json:"results"`
	}
	if err := client.Post(ctx, x.injectURL()+"/v1/topics/"+x.name+"/messages", "application/vnd.culvert.batch+json", body, &answer); err != nil {
		x.Fatalf("heavy messages: %v", err)
	}
	for i, n := range notes {
		x.oracle.Answered(n, answer.Results[i].Op == "ack")
	}
}

func (s *staller) path(rest string) string { return "/v1/topics/" + s.name + rest }

func (s *staller) view() error {
	return s.conn.stream(s.path("/events?envelope=1"), "text/event-stream")
}

func (s *staller) viewLines() error {
	return s.conn.stream(s.path("/events"), "application/x-ndjson")
}

func (s *staller) viewSocket() error {
	if err := s.conn.upgrade(s.path("/ws"), "culvert.v1.json"); err != nil {
		return err
	}
	return s.conn.say(frame(wsFinal|wsText, `{"op":"sub","sub":"s"}`))
}

// join takes leases that nobody settles.
func (s *staller) join() error {
	return s.conn.stream(s.path("/queues/"+queue+"/events?ack=manual&envelope=1&max_in_flight=100"), "text/event-stream")
}

func (s *staller) joinSocket() error {
	if err := s.conn.upgrade(s.path("/queues/"+queue+"/ws"), "culvert.v1.json"); err != nil {
		return err
	}
	return s.conn.say(frame(wsFinal|wsText, `{"op":"sub","sub":"s","ack":"manual","max_in_flight":100}`))
}

// publishSocket injects without reading what it is answered, until the bridge reads nothing of it either.
func (s *staller) publishSocket() error {
	if err := s.conn.upgrade(s.path("/ws"), "culvert.v1.json"); err != nil {
		return err
	}
	return s.publish(func(text string) string { return frame(wsFinal|wsText, text) })
}

func (s *staller) publishLines() error {
	if err := s.conn.ask(http.MethodPost, s.path("/messages"), "Content-Type: application/x-ndjson", "Transfer-Encoding: chunked"); err != nil {
		return err
	}
	if err := s.conn.hear(http.StatusOK); err != nil {
		return err
	}
	return s.publish(func(text string) string { return chunk(text + "\n") })
}

// publish says about thrice as much as has answers that the network and the results of the bridge hold together: while they do, a publisher of lines may send first and read later, and stays. Each
// answer has the whole id. Few are messages, and the others are refused: that costs everybody else nothing, who would go on late behind a flood of messages, whoever reads what.
func (s *staller) publish(word func(string) string) error {
	const answers, messages = 1000, 100
	id := strings.Repeat("i", 250)
	for i := range answers {
		text := fmt.Sprintf(`{"op":"pub","id":%q}`, id)
		if k, rest := i/(answers/messages), i%(answers/messages); rest == 0 {
			n := oracle.Note{Publisher: s.number, Key: s.load.key(k % s.load.keys), N: k / s.load.keys}
			s.oracle.Sent(n)
			s.sent = append(s.sent, n)
			text = fmt.Sprintf(`{"op":"pub","id":%q,"key":%q,"text":%q}`, id, n.Key, n)
		}
		// Longer than it takes to be let go: who gave up sooner on a slow bridge would not have said enough.
		if err := s.conn.SetWriteDeadline(time.Now().Add(3 * stallPatience)); err != nil {
			return err
		}
		if err := s.conn.say(word(text)); err != nil {
			return nil // it is not read any more
		}
	}
	return nil
}
