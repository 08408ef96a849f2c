package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"culvert/tests/bridge"
	"culvert/tests/client"
	"culvert/tests/described"
)

// everyWayAndPlain is everyWay, and plain HTTP/1.1.
func everyWayAndPlain(t *testing.T, test func(ctx context.Context, t *testing.T, b *bridge.Bridge, c *multiplexing)) {
	t.Run("HTTP/1.1", func(t *testing.T) {
		t.Parallel()
		b, c := bridge.Start(t), newSecured(t, nil)
		test(client.Over(deadline(t), c.Client), t, b, c)
	})
	everyWay(t, nil, test)
}

// operators are strangers whose answers are held to the descriptions.
var operators = &http.Client{Transport: described.Transport(http.DefaultTransport), Timeout: time.Minute}

// listed is an entry of /admin/connections.
type listed struct {
	ID, Remote, Protocol, HTTP string
	Since                      time.Time
	Views                      []struct {
		Topic, Mode string
		Queue       *string
		Behind      *int64
	}
	Rate      float64
	BytesOut  int64   `json:"bytes_out"`
	UserAgent *string `json:"user_agent"`
}

// connected is who is connected for a topic, the newest first.
func connected(ctx context.Context, t *testing.T, b *bridge.Bridge, topic string) []listed {
	t.Helper()
	var list struct {
		Connections []listed
		Total       int
	}
	if err := client.Get(client.Over(ctx, operators), b.Admin+"/admin/connections?q="+url.QueryEscape(topic), &list); err != nil || list.Total != len(list.Connections) {
		t.Fatalf("%+v, %v", list, err)
	}
	return list.Connections
}

// rotate ends the newest connection for a topic.
func rotate(ctx context.Context, t *testing.T, b *bridge.Bridge, topic string) listed {
	t.Helper()
	list := connected(ctx, t, b, topic)
	if len(list) == 0 {
		t.Fatalf("nobody is connected for %s", topic)
	}
	wantStatus(ctx, t, request{method: http.MethodDelete, url: b.Admin + "/admin/connections/" + list[0].ID}, http.StatusNoContent, "")
	return list[0]
}

const (
	rotations  = 5
	numbersAll = 400
)

// numbers injects the numbers from 0 on into a topic, in their order, and returns when the last is confirmed.
func numbers(ctx context.Context, t *testing.T, b *bridge.Bridge, topic string) {
	for i := range numbersAll {
		if err := client.Post(ctx, b.URL+"/v1/topics/"+topic+"/messages", "text/plain", fmt.Append(nil, i), &struct{}{}); err != nil {
			t.Errorf("number %d: %v", i, err)
			return
		}
	}
}

// A client whose connection an operator ends is told to come back, and misses nothing by it, whatever it speaks.
func TestWhoIsRotatedMissesNothing(t *testing.T) {
	everyWayAndPlain(t, func(ctx context.Context, t *testing.T, b *bridge.Bridge, c *multiplexing) {
		version := "1.1"
		if !c.Transport.(*http.Transport).Protocols.HTTP1() {
			version = "2"
		}
		kinds := map[string]func(ctx context.Context, t *testing.T, b *bridge.Bridge, c *multiplexing, topic, cursor string) viewing{
			"sse": viewSSE, "ndjson": viewNDJSON,
		}
		if version == "1.1" { // WebSockets are spoken over it alone
			kinds["ws-json"] = viewJSON
		}
		for kind, open := range kinds {
			t.Run(kind, func(t *testing.T) {
				var injecting sync.WaitGroup
				defer injecting.Wait()
				topic, next, cursor, turns := "numbers-"+kind, 0, "", 0
				for next < numbersAll {
					v := open(ctx, t, b, c, topic, cursor)
					if next == 0 {
						injecting.Go(func() { numbers(ctx, t, b, topic) }) // ends with the last number
					}
					until := min(next+numbersAll/rotations, numbersAll)
					ended := false
					for {
						said := v.next()
						if said.bye != "" {
							if said.bye != "rotate" || !said.reconnect || !ended {
								t.Fatalf("after %d it says bye with %+v", next, said)
							}
							cursor = said.cursor
							break
						}
						if said.text != fmt.Sprint(next) {
							t.Fatalf("number %q comes, want %d", said.text, next)
						}
						next++
						if next == until && !ended {
							ended = true
							is := rotate(ctx, t, b, topic)
							if is.Protocol != kind || is.HTTP != version || is.Remote != "127.0.0.1" || is.UserAgent == nil || len(is.Views) != 1 || is.Views[0].Topic != topic || is.Views[0].Mode != "view" || is.Views[0].Behind == nil {
								t.Errorf("it is listed as %+v", is)
							}
						}
					}
					v.over()
					turns++
				}
				if turns < rotations/2 { // some is on its way while it is rotated
					t.Errorf("it was rotated %d times", turns)
				}
			})
		}
		c.oneConnection(t)
	})
}

// said is a message, or a bye.
type said struct {
	text, bye, cursor string
	reconnect         bool
}

// viewing is an open view: next reads on, over wants the end.
type viewing struct {
	next func() said
	over func()
}

type goodbye struct {
	Reason    string
	Reconnect bool
}

func viewSSE(ctx context.Context, t *testing.T, b *bridge.Bridge, _ *multiplexing, topic, cursor string) viewing {
	s, err := client.OpenSSE(ctx, b.URL+"/v1/topics/"+topic+"/events?from=earliest", cursor)
	if err == nil {
		_, err = s.Until("ready")
	}
	if err != nil {
		t.Fatal(err)
	}
	return viewing{
		next: func() said {
			e, err := s.Next()
			if err != nil {
				t.Fatal(err)
			}
			if e.Type != "bye" {
				return said{text: e.Data, cursor: e.ID}
			}
			var bye goodbye
			if err := json.Unmarshal([]byte(e.Data), &bye); err != nil || e.Retry == "" {
				t.Fatalf("%+v, %v", e, err)
			}
			return said{bye: bye.Reason, reconnect: bye.Reconnect, cursor: e.ID}
		},
		over: func() {
			if e, err := s.Next(); err == nil {
				t.Errorf("after the bye comes %+v", e)
			}
		},
	}
}

func viewNDJSON(ctx context.Context, t *testing.T, b *bridge.Bridge, c *multiplexing, topic, cursor string) viewing {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL+"/v1/topics/"+topic+"/events?from=earliest&lastEventId="+cursor, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if cursor == "" {
		r.URL.RawQuery = "from=earliest"
	}
	r.Header.Set("Accept", "application/x-ndjson")
	a, err := c.Do(r)
	if err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", a, err)
	}
	t.Cleanup(func() { a.Body.Close() })
	lines := bufio.NewScanner(a.Body)
	return viewing{
		next: func() said {
			for lines.Scan() {
				var f struct {
					client.Frame
					Reconnect bool
				}
				if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
					t.Fatal(err)
				}
				switch f.Op {
				case "msg":
					return said{text: string(f.Payload), cursor: f.Cursor}
				case "bye":
					return said{bye: f.Reason, reconnect: f.Reconnect, cursor: f.Cursor}
				}
			}
			t.Fatal(lines.Err())
			return said{}
		},
		over: func() {
			if lines.Scan() {
				t.Errorf("after the bye comes %s", lines.Text())
			}
		},
	}
}

func viewJSON(ctx context.Context, t *testing.T, b *bridge.Bridge, _ *multiplexing, topic, cursor string) viewing {
	w, err := client.OpenWS(ctx, b.URL+"/v1/ws", "culvert.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	from := cursor
	if from == "" {
		from = "earliest"
	}
	if err := w.Send(ctx, client.Frame{Op: "sub", ID: "1", Sub: "a", Topic: topic, From: from}); err != nil {
		t.Fatal(err)
	}
	if f, err := w.Next(ctx); err != nil || f.Op != "ready" {
		t.Fatalf("%+v, %v", f, err)
	}
	next := func() (said, string) {
		for {
			text, err := w.Text(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var f struct {
				client.Frame
				Reconnect bool
			}
			if err := json.Unmarshal([]byte(text), &f); err != nil {
				t.Fatal(err)
			}
			switch f.Op {
			case "msg":
				return said{text: string(f.Payload), cursor: f.Cursor}, f.Sub
			case "bye":
				return said{bye: f.Reason, reconnect: f.Reconnect, cursor: f.Cursor}, f.Sub
			}
		}
	}
	return viewing{
		next: func() said {
			s, sub := next()
			if sub != "a" {
				t.Fatalf("%+v is of sub %q", s, sub)
			}
			return s
		},
		over: func() {
			if s, sub := next(); s.bye != "rotate" || !s.reconnect || sub != "" {
				t.Errorf("the socket says %+v to sub %q", s, sub)
			}
			wantRotated(ctx, t, w)
		},
	}
}

// wantRotated wants that nothing comes but the close of a rotation.
func wantRotated(ctx context.Context, t *testing.T, w *client.WS) {
	t.Helper()
	_, message, err := w.Conn.Read(ctx)
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != 4006 || !strings.HasPrefix(closed.Reason, "rotate: ") {
		t.Errorf("at the end comes %q, %v", message, err)
	}
}

// A member that is rotated is given nothing more: what was written to it is settled, where that is how it settles, and what it has not settled goes to who comes next.
func TestAMemberThatIsRotatedLosesNothing(t *testing.T) {
	everyWayAndPlain(t, func(ctx context.Context, t *testing.T, b *bridge.Bridge, _ *multiplexing) {
		const jobs = 60
		t.Run("auto", func(t *testing.T) {
			given := map[string]int{}
			for more := jobs; len(given) < jobs; more = 0 {
				s, _ := join(ctx, t, b, "auto", "ack=auto", more)
				for until := min(len(given)+10, jobs); ; {
					e, err := s.Next()
					if err != nil {
						t.Fatal(err)
					}
					if e.Type == "bye" {
						wantBye(t, e)
						break
					}
					if given[e.Data]++; given[e.Data] > 1 {
						t.Errorf("%s comes again", e.Data)
					}
					if len(given) == until {
						until = 0
						is := rotate(ctx, t, b, "auto")
						if v := is.Views; len(v) != 1 || v[0].Mode != "join" || v[0].Queue == nil || *v[0].Queue != "workers" || v[0].Behind != nil {
							t.Errorf("it is listed as %+v", is)
						}
					}
				}
			}
		})
		t.Run("manual", func(t *testing.T) {
			first, stream := join(ctx, t, b, "manual", "ack=manual&max_in_flight=4", jobs)
			var done []string
			for i := range 4 {
				e, err := first.Until("message")
				if err != nil {
					t.Fatal(err)
				}
				if i%2 == 0 {
					continue
				}
				done = append(done, e.Data)
				if n, _, err := client.Settle(ctx, b.URL, stream, map[string][]string{"receipts": {e.ID}}); n != 1 || err != nil {
					t.Fatalf("%d settled, %v", n, err)
				}
			}
			rotate(ctx, t, b, "manual")
			bye, err := first.Until("bye")
			if err != nil {
				t.Fatal(err)
			}
			wantBye(t, bye)
			second, _ := join(ctx, t, b, "manual", "ack=auto", 0)
			for left := map[string]bool{}; len(left) < jobs-len(done); {
				e, err := second.Until("message")
				if err != nil {
					t.Fatal(err)
				}
				if slices.Contains(done, e.Data) {
					t.Fatalf("%s was settled, and comes again", e.Data)
				}
				left[e.Data] = true
			}
		})
	})
}

// join makes a member of the queue workers of a topic into which so many jobs are injected when it stands.
func join(ctx context.Context, t *testing.T, b *bridge.Bridge, topic, query string, jobs int) (s *client.SSE, stream string) {
	t.Helper()
	s, err := client.OpenSSE(ctx, b.URL+"/v1/topics/"+topic+"/queues/workers/events?"+query, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	ready, err := s.Until("ready")
	if err != nil {
		t.Fatal(err)
	}
	var joined struct{ Stream string }
	if err := json.Unmarshal([]byte(ready.Data), &joined); err != nil {
		t.Fatal(err)
	}
	texts := make([]string, jobs)
	for i := range texts {
		texts[i] = fmt.Sprint("job ", i)
	}
	if jobs > 0 {
		post(ctx, t, b, topic, texts...)
	}
	return s, joined.Stream
}

// wantBye wants the bye of a rotation.
func wantBye(t *testing.T, e client.Event) {
	t.Helper()
	if !strings.HasPrefix(e.Data, `{"reason":"rotate","reconnect":true,"retry_ms":`) || e.Retry == "" {
		t.Errorf("it says %+v", e)
	}
}

// Raw clients have no cursor: they are told by the close, after whole frames.
func TestARawSocketIsRotated(t *testing.T) {
	ctx, b := deadline(t), bridge.Start(t)
	for _, c := range []struct{ name, path, modes string }{
		{"view", "/v1/topics/view/ws?mode=view", "view"},
		{"both", "/v1/topics/both/ws?mode=both", "view inject"},
		{"inject", "/v1/topics/inject/ws?confirm=1", "inject"},
		{"join", "/v1/topics/join/queues/workers/ws", "join"},
		{"share", "/v1/topics/share/queues/workers/ws?mode=both", "join inject"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := client.OpenWS(ctx, b.URL+c.path, "culvert.v1.raw")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(w.Close)
			if c.name == "inject" {
				if err := w.Conn.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
					t.Fatal(err)
				}
			} else {
				post(ctx, t, b, c.name, "hello")
			}
			if text, err := w.Text(ctx); err != nil || text != "hello" && text != "+1" {
				t.Fatalf("%q, %v", text, err)
			}
			var modes []string
			is := rotate(ctx, t, b, c.name)
			for _, v := range is.Views {
				modes = append(modes, v.Mode)
			}
			if is.Protocol != "ws-raw" || strings.Join(modes, " ") != c.modes {
				t.Errorf("it is listed as %+v", is)
			}
			wantRotated(ctx, t, w)
		})
	}
}

// All that a socket has open is told bye before it is, and what was heard before is answered.
func TestASocketOfManySubsIsRotated(t *testing.T) {
	ctx, b := deadline(t), bridge.Start(t)
	w, err := client.OpenWS(ctx, b.URL+"/v1/ws", "culvert.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	credit := 1
	for _, frame := range []map[string]any{
		{"op": "sub", "sub": "a", "topic": "subs-a"},
		{"op": "sub", "sub": "b", "topic": []string{"subs-b", "subs-c*"}, "credit": credit},
		{"op": "sub", "sub": "c", "topic": "subs-a", "queue": "workers", "ack": "manual"},
		{"op": "sub", "sub": "d", "topic": "subs-d", "overflow": "latest-by-key"},
	} {
		if err := w.SendJSON(ctx, frame); err != nil {
			t.Fatal(err)
		}
		if f, err := w.Next(ctx); err != nil || f.Op != "ready" {
			t.Fatalf("%+v, %v", f, err)
		}
	}
	is := connected(ctx, t, b, "subs-d")
	var uses []string
	for _, v := range is[0].Views {
		use := v.Topic + " " + v.Mode
		if v.Queue != nil {
			use += " " + *v.Queue
		}
		uses = append(uses, use)
	}
	if want := "subs-a view, subs-b view, subs-c* view, subs-a join workers, subs-d view"; len(is) != 1 || strings.Join(uses, ", ") != want || is[0].Protocol != "ws-json" {
		t.Errorf("it is listed as %+v", is)
	}
	const pubs = 50
	for i := range pubs {
		if err := w.Send(ctx, client.Frame{Op: "pub", ID: fmt.Sprint(i), Topic: "elsewhere", Payload: json.RawMessage("1")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Until(ctx, "ack"); err != nil { // so that it hears them
		t.Fatal(err)
	}
	rotate(ctx, t, b, "subs-d")
	acks, byes := 1, ""
	for {
		f, err := w.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if f.Op == "ack" {
			acks++
			continue
		}
		if f.Op != "bye" || f.Reason != "rotate" || (f.Cursor == "") != (f.Sub == "" || f.Sub == "c") {
			t.Fatalf("%+v comes", f)
		}
		if f.Sub == "" {
			break
		}
		byes += f.Sub
	}
	if len(byes) != 4 {
		t.Errorf("the subs %q said bye", byes)
	}
	wantRotated(ctx, t, w)
	var stored struct{ Partitions []struct{ End int } }
	if err := client.Get(ctx, b.URL+"/v1/topics/elsewhere", &stored); err != nil || stored.Partitions[0].End != acks {
		t.Errorf("%d pubs were acked, and there are %+v, %v", acks, stored, err)
	}
}

// A stream that injects answers each line that it took, and says bye: what was not answered was not taken.
func TestAStreamThatInjectsIsRotated(t *testing.T) {
	everyWayAndPlain(t, func(ctx context.Context, t *testing.T, b *bridge.Bridge, c *multiplexing) {
		const lines, turns = 300, 5
		next := 0
		for turn := 0; next < lines; turn++ {
			in, results := injecting(ctx, t, b, c)
			go func(from int) { // ends with the last line, or with the stream
				for i := from; i < lines; i++ {
					if _, err := fmt.Fprintf(in, `{"id":"%d","payload":%d}`+"\n", i, i); err != nil {
						return
					}
				}
			}(next)
			until := min(next+lines/turns, lines)
			for rotated := false; ; {
				line, err := results.ReadString('\n')
				if err != nil {
					t.Fatalf("after %d results: %v", next, err)
				}
				if strings.HasPrefix(line, `{"op":"bye",`) {
					if !rotated || !strings.Contains(line, `"reason":"rotate","reconnect":true,"retry_ms":`) {
						t.Fatalf("it says %s", line)
					}
					break
				}
				if !strings.HasPrefix(line, fmt.Sprintf(`{"op":"ack","id":"%d"`, next)) {
					t.Fatalf("after %d results comes %s", next, line)
				}
				if next++; next == until && !rotated {
					rotated = true
					is := rotate(ctx, t, b, "orders")
					if is.Protocol != "post-ndjson" || len(is.Views) != 1 || is.Views[0].Topic != "orders" || is.Views[0].Mode != "inject" {
						t.Errorf("it is listed as %+v", is)
					}
				}
			}
			if line, err := results.ReadString('\n'); err == nil {
				t.Errorf("after the bye comes %s", line)
			}
		}
		s, err := client.OpenSSE(ctx, b.URL+"/v1/topics/orders/events?from=earliest&to=latest", "")
		if err == nil {
			_, err = s.Until("ready")
		}
		for i := range lines {
			if e, err := s.Next(); err != nil || e.Data != fmt.Sprint(i) {
				t.Fatalf("number %d is %q, %v", i, e.Data, err)
			}
		}
		if e, err := s.Next(); err != nil || e.Type != "bye" {
			t.Errorf("at the end is %+v, %v", e, err)
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// What there is not cannot be ended; and nobody ends anything from the public address or from a page elsewhere.
func TestWhoMayRotate(t *testing.T) {
	ctx, b := deadline(t), bridge.Start(t)
	s := openSSE(ctx, t, b.URL+"/v1/topics/orders/events")
	id := connected(ctx, t, b, "orders")[0].ID
	del := func(base, id string) request {
		return request{method: http.MethodDelete, url: base + "/admin/connections/" + id}
	}
	wantStatus(ctx, t, del(b.Admin, "c_nobody"), http.StatusNotFound, "unknown-stream")
	wantStatus(ctx, t, del(b.URL, id), http.StatusNotFound, "unknown-route")
	wantStatus(ctx, t, del(b.Admin, id+"?force=1"), http.StatusBadRequest, "invalid-request")
	foreign := del(b.Admin, id)
	foreign.header = map[string]string{"Origin": "https://evil.example"}
	wantStatus(ctx, t, foreign, http.StatusForbidden, "not-allowed")
	for _, limit := range []string{"0", "-1", "many", "2147483648", "1.5"} {
		a := wantStatus(ctx, t, request{url: b.Admin + "/admin/connections?limit=" + limit}, http.StatusBadRequest, "invalid-request")
		if !strings.Contains(a.body, "limit=") || !strings.Contains(a.body, limit) {
			t.Errorf("of limit=%s it says %s", limit, a.body)
		}
	}
	post(ctx, t, b, "orders", "still here")
	if e, err := s.Next(); err != nil || e.Data != "still here" {
		t.Errorf("%+v, %v", e, err)
	}
	wantStatus(ctx, t, del(b.Admin, id), http.StatusNoContent, "")
	if e, err := s.Until("bye"); err != nil {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err := s.Next(); err == nil {
		t.Errorf("after the bye comes %+v", e)
	}
	await(ctx, t, b, func(metrics string) bool { return strings.Contains(metrics, "\nculvert_connections 0\n") })
	wantStatus(ctx, t, del(b.Admin, id), http.StatusNotFound, "unknown-stream")
}
