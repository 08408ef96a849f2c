package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/client"
)

// sight is one thing that a viewer is told, alike on every edge.
type sight struct {
	Op        string  `json:"op"`
	Partition int32   `json:"partition"`
	Offset    int64   `json:"offset"`
	Key       string  `json:"key"`
	Text      *string `json:"text"` // nil where there is none, as in a tombstone
	Reason    string  `json:"reason"`
	Lost      *int64  `json:"lost"`
	Resumed   *bool   `json:"resumed"`
	Pending   []struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
	} `json:"pending"`
	Cursor string `json:"cursor"`
}

func (s sight) String() string {
	switch s.Op {
	case "msg":
		if s.Text == nil {
			return s.Key + " deleted"
		}
		return strings.TrimSpace(*s.Text)
	case "gap":
		lost := "null"
		if s.Lost != nil {
			lost = strconv.FormatInt(*s.Lost, 10)
		}
		return fmt.Sprintf("gap of %d: %s %s", s.Partition, s.Reason, lost)
	case "ready":
		resumed := "anew"
		if s.Resumed != nil {
			resumed = fmt.Sprintf("resumed %v %s", *s.Resumed, s.Reason)
		}
		return fmt.Sprint("ready, ", strings.TrimSpace(resumed), ", pending ", s.Pending)
	default:
		return s.Op + " " + s.Reason
	}
}

// eyes are a viewer: each call gives what it is told next.
type eyes struct {
	t    *testing.T
	edge string
	next func() (sight, error)
}

// look gives what the viewer is told next, but marks.
func (e eyes) look() sight {
	e.t.Helper()
	for {
		s, err := e.next()
		if err != nil {
			e.t.Fatalf("%s: %v", e.edge, err)
		}
		if s.Op != "mark" {
			return s
		}
	}
}

// expect wants to be told these things.
func (e eyes) expect(want ...string) (last sight) {
	e.t.Helper()
	for _, w := range want {
		if last = e.look(); last.String() != w {
			e.t.Fatalf("%s: got %q, want %q", e.edge, last, w)
		}
	}
	return last
}

// ready wants the stream to open, resumed or not as it is said.
func (e eyes) ready(resumed string) sight {
	e.t.Helper()
	return e.expect("ready, " + resumed + ", pending []")
}

// messages gathers as many messages, and wants nothing else.
func (e eyes) messages(n int) (seen []sight) {
	e.t.Helper()
	for len(seen) < n {
		s := e.look()
		if s.Op != "msg" {
			e.t.Fatalf("%s: after %v: %v", e.edge, tail(seen), s)
		}
		seen = append(seen, s)
	}
	return seen
}

func tail(seen []sight) []sight { return seen[max(0, len(seen)-5):] }

// eachEdge opens a view of one topic over SSE and one over WebSocket. cursor, where it is not empty, is where an earlier one broke; more are other parameters, in pairs.
func eachEdge(ctx context.Context, t *testing.T, b *bridge.Bridge, topic, from, cursor string, more ...string) []eyes {
	t.Helper()
	return []eyes{overSSE(ctx, t, b, topic, from, cursor, more...), overWS(ctx, t, b, topic, from, cursor, more...)}
}

func overSSE(ctx context.Context, t *testing.T, b *bridge.Bridge, topic, from, cursor string, more ...string) eyes {
	t.Helper()
	query := url.Values{"envelope": {"1"}, "from": {from}}
	for i := 0; i+1 < len(more); i += 2 {
		query.Set(more[i], more[i+1])
	}
	stream := view(ctx, t, b, topic, "?"+query.Encode(), cursor)
	return eyes{t, "SSE", func() (sight, error) {
		e, err := stream.Next()
		if err != nil {
			return sight{}, err
		}
		s := sight{Op: e.Type}
		if e.Type == "message" {
			s.Op = "msg"
		}
		err = json.Unmarshal([]byte(e.Data), &s)
		s.Cursor = e.ID
		return s, err
	}}
}

func overWS(ctx context.Context, t *testing.T, b *bridge.Bridge, topic, from, cursor string, more ...string) eyes {
	t.Helper()
	ws, err := client.OpenWS(ctx, b.URL+"/v1/ws", "culvert.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ws.Close)
	sub := map[string]string{"op": "sub", "id": "1", "sub": "s", "topic": topic, "from": from}
	if cursor != "" {
		sub["lastEventId"] = cursor
	}
	for i := 0; i+1 < len(more); i += 2 {
		sub[more[i]] = more[i+1]
	}
	if err := ws.SendJSON(ctx, sub); err != nil {
		t.Fatal(err)
	}
	return eyes{t, "WebSocket", func() (sight, error) {
		text, err := ws.Text(ctx)
		if err != nil {
			return sight{}, err
		}
		var s sight
		return s, json.Unmarshal([]byte(text), &s)
	}}
}

// inject injects messages from to to, m0 and so on, under a few keys in turn. Where size is not 0 their texts are padded to about so many bytes.
func inject(ctx context.Context, t *testing.T, b *bridge.Bridge, topic string, from, to, size int) {
	t.Helper()
	type message struct {
		Key  string `json:"key"`
		Text string `json:"text"`
	}
	var all []message
	for i := from; i < to; i++ {
		all = append(all, message{fmt.Sprint("k", i%5), textOf(i) + strings.Repeat(" ", max(0, size-10))})
	}
	for batch := range slices.Chunk(all, 50) {
		raw, err := json.Marshal(map[string]any{"messages": batch})
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
}

func textOf(i int) string { return fmt.Sprint("m", i) }

// number is the number of an injected message.
func (s sight) number(t *testing.T) int {
	t.Helper()
	if s.Op != "msg" || s.Text == nil {
		t.Fatalf("%v is no message of ours", s)
	}
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(*s.Text, "m")))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// isAll wants messages from to to, each once, and those of a partition in their order.
func isAll(t *testing.T, edge string, seen []sight, from, to int) {
	t.Helper()
	times := make(map[int]int)
	before := make(map[int32]sight)
	for _, s := range seen {
		n := s.number(t)
		times[n]++
		if b, ok := before[s.Partition]; ok && (b.Offset >= s.Offset || b.number(t) >= n) {
			t.Errorf("%s: %v came after %v", edge, s, b)
		}
		before[s.Partition] = s
	}
	for n := from; n < to; n++ {
		if times[n] != 1 {
			t.Errorf("%s: m%d came %d times", edge, n, times[n])
		}
	}
	if len(times) != to-from {
		t.Errorf("%s: %d messages came, want %d", edge, len(times), to-from)
	}
}

// extent is where one partition of a topic begins and ends.
type extent struct {
	Partition  int32
	First, End int64
}

// extents asks the bridge for a topic's.
func extents(ctx context.Context, t *testing.T, b *bridge.Bridge, topic string) []extent {
	t.Helper()
	var answer struct{ Partitions []extent }
	if err := client.Get(ctx, b.URL+"/v1/topics/"+topic, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Partitions
}
