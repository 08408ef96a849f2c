package sse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// runOf is a run of messages from offset 5 on.
func runOf(payloads ...string) *domain.Run {
	r := &domain.Run{Topic: "orders", Base: domain.NewVector(9, domain.Place{Next: 5})}
	for i, p := range payloads {
		r.Messages = append(r.Messages, &domain.Message{Payload: []byte(p), Position: domain.Position{Offset: int64(5 + i)}})
	}
	r.After = domain.NewVector(9, domain.Place{Next: int64(5 + len(payloads))})
	return r
}

func whole(r *domain.Run) domain.Span { return domain.Span{Run: r, To: r.Len()} }

func place(next int64) string {
	return domain.CursorOf("orders", domain.NewVector(9, domain.Place{Next: next})).String()
}

func viewing(s *stream, seen *ports.View) *services {
	return &services{open: func(ctx context.Context, v ports.View) (ports.Stream, error) {
		if seen != nil {
			*seen = v
		}
		s.open(ctx, v)
		return s, nil
	}}
}

func TestAViewOverSSE(t *testing.T) {
	eachWay(t, func(t *testing.T, serve func(*testing.T, *services, Config, domain.Limits) string) {
		s, seen := newStream(), ports.View{}
		url := serve(t, viewing(s, &seen), DefaultConfig(), domain.DefaultLimits())
		c := get(t, url+"/v1/topics/orders/events?key=a&limit=3", "Last-Event-ID", place(2))
		if c.StatusCode != 200 || c.Header.Get("Content-Type") != "text/event-stream" || c.Header.Get("Cache-Control") != "no-cache, no-transform" || c.Header.Get("X-Accel-Buffering") != "no" || !slices.Contains(c.Header.Values("Vary"), "Accept") || c.Header.Get("Content-Encoding") != "" {
			t.Errorf("%d %v", c.StatusCode, c.Header)
		}
		if want := "retry: 2000\nevent: ready\nid: " + place(5) + "\ndata: {\"stream\":\"s_1\",\"mode\":\"view\",\"topics\":[\"orders\"],\"pending\":[],\"heartbeat_ms\":15000}\n\n"; c.block(t) != want {
			t.Error("ready differs")
		}
		if seen.Limit != 3 || len(seen.Keys) != 1 || seen.Resume == nil || seen.Resume.Vector("orders").Next(0) != 2 {
			t.Errorf("asked for %+v", seen)
		}
		s.send(ports.Batch{Spans: []domain.Span{whole(runOf("a")), whole(runOf("b\nc", "d"))}}, nil)
		for _, want := range []string{"id: " + place(6) + "\ndata: a\n\n", "id: " + place(6) + "\ndata: b\ndata: c\n\n", "id: " + place(7) + "\ndata: d\n\n"} {
			if got := c.block(t); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		s.send(ports.Batch{}, &domain.Bye{Reason: domain.ByeShutdown, Reconnect: true})
		var page source
		page.read(c.rest(t))
		if len(page.events) != 1 || page.events[0].Type != "bye" || page.events[0].ID != place(5) {
			t.Fatalf("bye %q", page.events)
		}
		var bye struct {
			Reason    string      `json:"reason"`
			Reconnect bool        `json:"reconnect"`
			RetryMS   json.Number `json:"retry_ms"`
		}
		if err := json.Unmarshal([]byte(page.events[0].Data), &bye); err != nil {
			t.Fatal(err)
		}
		retry, err := bye.RetryMS.Int64()
		if err != nil || bye.Reason != "shutdown" || !bye.Reconnect || retry < 1000 || retry >= 3000 || len(page.retries) != 1 || page.retries[0] != bye.RetryMS.String() {
			t.Errorf("bye %+v, retries %v", bye, page.retries)
		}
	})
}

func TestAViewOverNDJSON(t *testing.T) {
	eachWay(t, func(t *testing.T, serve func(*testing.T, *services, Config, domain.Limits) string) {
		s := newStream()
		url := serve(t, viewing(s, nil), DefaultConfig(), domain.DefaultLimits())
		c := get(t, url+"/v1/topics/orders/events", "Accept", "application/x-ndjson")
		if c.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("%v", c.Header)
		}
		s5 := place(5)
		if got, want := c.line(t), `{"op":"ready","stream":"s_1","mode":"view","topics":["orders"],"pending":[],"heartbeat_ms":15000,"cursor":"`+s5+"\"}\n"; got != want {
			t.Errorf("got %s want %s", got, want)
		}
		s.send(ports.Batch{Spans: []domain.Span{whole(runOf(`{"a":1}`))}}, nil)
		if got, want := c.line(t), `{"op":"msg","topic":"orders","partition":0,"offset":5,"key":null,"headers":[],"payload":{"a":1},"cursor":"`+place(6)+"\"}\n"; got != want {
			t.Errorf("got %s want %s", got, want)
		}
		end := s.cursor
		end.End = true
		s.send(ports.Batch{}, &domain.Bye{Reason: domain.ByeEnd})
		if got, want := c.rest(t), `{"op":"bye","reason":"end","reconnect":false,"cursor":"`+end.String()+"\"}\n"; got != want {
			t.Errorf("got %s want %s", got, want)
		}
	})
}

func TestASilenceIsBroken(t *testing.T) {
	for accept, want := range map[string][2]string{
		typeSSE:    {":\n\n", "event: mark\nid: c7\ndata: {}\n\n"},
		typeNDJSON: {`{"op":"mark","cursor":"` + place(5) + "\"}\n", `{"op":"mark","cursor":"c7"}` + "\n"},
	} {
		s, cfg := newStream(), DefaultConfig()
		cfg.Heartbeat = 5 * time.Millisecond
		c := get(t, serve(t, viewing(s, nil), cfg, domain.DefaultLimits())+"/v1/topics/orders/events", "Accept", accept)
		read := c.block
		if accept == typeNDJSON {
			read = c.line
		}
		read(t) // ready
		for range 3 {
			if got := read(t); got != want[0] {
				t.Errorf("got %q, want %q", got, want[0])
			}
		}
		s.mu.Lock()
		s.mark = "c7"
		s.mu.Unlock()
		got := read(t)
		for got == want[0] { // those that were on their way
			got = read(t)
		}
		if got != want[1] {
			t.Errorf("got %q, want %q", got, want[1])
		}
	}
}

func TestEnvelopesAndNamesInAView(t *testing.T) {
	for target, want := range map[string]string{
		"/v1/topics/orders/events?envelope=1": "data: {\"topic\"",
		"/v1/events?topic=orders":             "data: {\"topic\"",
		"/v1/events?topic=orders&envelope=0":  "data: x\n",
		"/v1/topics/orders/events?event=type": "event: trade\nid: ",
		"/v1/events?topic=orders&event=type":  "event: trade\nid: ",
	} {
		s := newStream()
		c := get(t, serve(t, viewing(s, nil), DefaultConfig(), domain.DefaultLimits())+target)
		c.block(t)
		run := runOf("x")
		run.Messages[0].Headers = []domain.Header{{Name: "type", Value: []byte("trade")}}
		s.send(ports.Batch{Spans: []domain.Span{whole(run)}}, nil)
		if got := c.block(t); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
		c.stop()
		await(t, s.gone, "the end of the view")
	}
}

func TestViewsThatLookTheSameShareTheirBytes(t *testing.T) {
	e, err := newEdge(&services{}, DefaultConfig(), domain.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	span := whole(runOf("a", "b"))
	wire := eventStream{shared: e.plain}
	first, second := span.Append(nil, wire.look().chunked), span.Append(nil, wire.look().chunked)
	if &first[0][0] != &second[0][0] {
		t.Error("each viewer has frames of its own")
	}
	frames := make([][]byte, 0, 4)
	if allocs := testing.AllocsPerRun(100, func() { frames = span.Append(frames[:0], wire.look().chunked) }); allocs != 0 {
		t.Errorf("%v allocations a batch", allocs)
	}
}

func TestAnEndMarkIsAnEnd(t *testing.T) {
	s, seen := newStream(), ports.View{}
	url := serve(t, viewing(s, &seen), DefaultConfig(), domain.DefaultLimits())
	end := s.cursor
	end.End = true
	for _, to := range []string{"latest", "@0", "@2026-01-02T15:04:05Z", place(3)} {
		for _, path := range []string{"/v1/topics/orders/events?", "/v1/events?topic=new&topic=or*&"} {
			if c := get(t, url+path+"to="+to+"&lastEventId="+end.String()); c.StatusCode != 204 {
				t.Errorf("%s: %d", to, c.StatusCode)
			}
			if c := get(t, url+path+"from=earliest&to="+to, "Last-Event-ID", end.String(), "Accept", "application/x-ndjson"); c.StatusCode != 204 {
				t.Errorf("%s, NDJSON: %d", to, c.StatusCode)
			}
		}
	}
	c := get(t, url+"/v1/topics/orders/events?limit=1&lastEventId="+end.String())
	if c.StatusCode != 200 {
		t.Errorf("%d", c.StatusCode)
	}
	c.block(t)
	if seen.Resume == nil || seen.Resume.End || seen.To != nil {
		t.Errorf("asked for %+v", seen)
	}
}

// ofSeveral is a stream of two topics, and its cursor at these places.
func ofSeveral(orders, prices int64) (*stream, domain.Cursor) {
	c := domain.CursorOf("orders", domain.NewVector(9, domain.Place{Next: orders})).With("prices", domain.NewVector(4, domain.Place{Next: prices}))
	s := newStream()
	s.cursor, s.ready.Cursor, s.ready.Topics = c, c, []domain.Topic{"orders", "prices"}
	return s, c
}

func TestAViewOfSeveralTopics(t *testing.T) {
	no := false
	for _, c := range []struct {
		accept, query string
		want          []string // with <n> for the cursor after n messages
	}{
		{"text/event-stream", "", []string{
			"retry: 2000\nevent: ready\nid: <0>\ndata: {\"stream\":\"s_1\",\"mode\":\"view\",\"topics\":[\"orders\",\"prices\"],\"resumed\":false,\"reason\":\"topics\",\"pending\":[{\"topic\":\"orders\",\"partition\":3},{\"topic\":\"prices\",\"partition\":0}],\"heartbeat_ms\":15000}\n\n",
			"id: <1>\ndata: {\"topic\":\"orders\",\"partition\":0,\"offset\":5,\"key\":null,\"headers\":[],\"text\":\"a\",\"cursor\":\"<1>\"}\n\n",
			"id: <2>\ndata: {\"topic\":\"prices\",\"partition\":0,\"offset\":2,\"key\":null,\"headers\":[],\"text\":\"b\",\"cursor\":\"<2>\"}\n\n",
			"event: gap\nid: <2>\ndata: {\"reason\":\"overflow\",\"topic\":\"prices\",\"partition\":0,\"lost\":4}\n\n",
		}},
		{"text/event-stream", "&envelope=0", []string{
			"retry: 2000\nevent: ready\nid: <0>\n", "id: <1>\ndata: a\n\n", "id: <2>\ndata: b\n\n", "event: gap\nid: <2>\n",
		}},
		{"text/event-stream", "&envelope=0&event=type", []string{
			"retry: 2000\nevent: ready\nid: <0>\n", "id: <1>\ndata: a\n\n", "event: trade\nid: <2>\ndata: b\n\n", "event: gap\nid: <2>\n",
		}},
		{"application/x-ndjson", "", []string{
			`{"op":"ready","stream":"s_1","mode":"view","topics":["orders","prices"],"resumed":false,"reason":"topics","pending":[{"topic":"orders","partition":3},{"topic":"prices","partition":0}],"heartbeat_ms":15000,"cursor":"<0>"}`,
			`{"op":"msg","topic":"orders","partition":0,"offset":5,"key":null,"headers":[],"text":"a","cursor":"<1>"}`,
			`{"op":"msg","topic":"prices","partition":0,"offset":2,"key":null,"headers":[],"text":"b","cursor":"<2>"}`,
			`{"op":"gap","reason":"overflow","topic":"prices","partition":0,"lost":4,"cursor":"<2>"}`,
		}},
	} {
		t.Run(c.accept+c.query, func(t *testing.T) {
			s, first := ofSeveral(5, 2)
			_, second := ofSeveral(6, 2)
			_, third := ofSeveral(6, 3)
			s.ready.Resumed, s.ready.Reason = &no, ports.ResumeTopics
			s.ready.Pending = []ports.Pending{{Topic: "orders", Partition: 3}, {Topic: "prices"}}
			seen := ports.View{}
			got := get(t, serve(t, viewing(s, &seen), DefaultConfig(), domain.DefaultLimits())+"/v1/events?topic=orders&topic=pri*&topic=orders&to=@0"+c.query, "Accept", c.accept, "Last-Event-ID", place(5))
			read := got.block
			if c.accept == typeNDJSON {
				read = got.line
			}
			prices := runOf("b")
			prices.Topic, prices.Base, prices.After = "prices", domain.NewVector(4, domain.Place{Next: 2}), domain.NewVector(4, domain.Place{Next: 3})
			prices.Messages[0].Offset, prices.Messages[0].Headers = 2, nil
			if strings.Contains(c.query, "event=") {
				prices.Messages[0].Headers = []domain.Header{{Name: "type", Value: []byte("trade")}}
			}
			hole := &domain.Run{Topic: "prices", Base: prices.After, After: prices.After, Gap: &domain.Gap{Reason: domain.GapOverflow, Lost: 4}}
			cursors := strings.NewReplacer("<0>", first.String(), "<1>", second.String(), "<2>", third.String())
			for i, want := range c.want {
				if i == 1 {
					s.send(ports.Batch{Spans: []domain.Span{{Run: runOf("a"), To: 1, Own: &first}, {Run: prices, To: 1, Own: &second}, {Run: hole, To: 1, Own: &third}}}, nil)
				}
				if got := read(t); !strings.HasPrefix(got, cursors.Replace(want)) {
					t.Errorf("got  %s\nwant %s", got, cursors.Replace(want))
				}
			}
			if fmt.Sprint(seen.Topics) != "[orders pri*]" || seen.To == nil || seen.Resume == nil || seen.Client != "127.0.0.1" {
				t.Errorf("asked for %+v", seen)
			}
			s.send(ports.Batch{}, &domain.Bye{Reason: domain.ByeEnd})
			end := s.cursor
			end.End = true
			if got := got.rest(t); !strings.Contains(got, `"reason":"end","reconnect":false`) || !strings.Contains(got, end.String()) {
				t.Errorf("the end is %s", got)
			}
		})
	}
}

// Where cursors are long most events go without: neither id nor cursor, rather than an empty one, which would take the client's place away.
func TestEventsWithoutACursor(t *testing.T) {
	var places []domain.Place
	for i := range int32(100) {
		places = append(places, domain.Place{Partition: i, Next: 5})
	}
	run := &domain.Run{Topic: "orders", Base: domain.NewVector(9, places...)}
	run.After = run.Base
	for i := range int64(120) {
		m := &domain.Message{Payload: []byte("x"), Position: domain.Position{Partition: 7, Offset: 5 + i}}
		run.Messages = append(run.Messages, m)
		run.After = run.After.With(m.After())
	}
	own := domain.CursorOf("orders", run.Base).With("prices", domain.NewVector(4, domain.Place{Next: 2}))
	for name, viewer := range map[string]*domain.Cursor{"shared": nil, "own": &own} {
		for _, c := range []struct{ accept, query, mark string }{
			{typeSSE, "envelope=0", "id: "},
			{typeSSE, "envelope=1", `,"cursor":"`},
			{typeNDJSON, "", `,"cursor":"`},
		} {
			s := newStream()
			got := get(t, serve(t, viewing(s, nil), DefaultConfig(), domain.DefaultLimits())+"/v1/events?topic=orders&topic=prices&"+c.query, "Accept", c.accept)
			read := got.block
			if c.accept == typeNDJSON {
				read = got.line
			}
			read(t)
			s.send(ports.Batch{Spans: []domain.Span{{Run: run, To: 120, Own: viewer}}}, nil)
			var with []int
			for i := range 120 {
				frame := read(t)
				if strings.Contains(frame, `"cursor":""`) || strings.Contains(frame, "id: \n") {
					t.Errorf("an empty cursor: %s", frame)
				}
				if has := strings.Contains(frame, c.mark); has {
					with = append(with, i)
				}
				if c.accept == typeSSE && strings.Contains(frame, "id: ") != slices.Contains(with, i) {
					t.Errorf("id and cursor do not go together: %s", frame)
				}
			}
			if !slices.Equal(with, []int{49, 99, 119}) {
				t.Errorf("%s, %s %s: cursors are on %v", name, c.accept, c.query, with)
			}
			got.stop()
			await(t, s.gone, "the end of the view")
		}
	}
}

func TestStreamsThatAreRefused(t *testing.T) {
	s := &services{
		open: func(context.Context, ports.View) (ports.Stream, error) {
			return nil, domain.Errorf(domain.UnknownTopic, "no such topic")
		},
		join: func(context.Context, ports.Join) (ports.Member, error) {
			return nil, domain.Errorf(domain.Conflict, "has begun")
		},
		peek: func(context.Context, domain.Topic, domain.Queue) (domain.Start, error) {
			return domain.Start{}, domain.Errorf(domain.Unsupported, "the broker cannot show it")
		},
	}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
	for target, want := range map[string]string{
		"/v1/topics/orders/events":                                    "404 unknown-topic",
		"/v1/topics/a%2Fb/events":                                     "400 invalid-request",
		"/v1/topics/orders/events?form=latest":                        "400 invalid-request",
		"/v1/topics/orders/events?mode=join":                          "400 invalid-request",
		"/v1/topics/orders/events?lastEventId=x":                      "400 invalid-cursor",
		"/v1/topics/orders/events?to=never":                           "400 invalid-request",
		"/v1/topics/orders/events?overflow=latest-by-key":             "400 invalid-request",
		"/v1/topics/a*/events":                                        "400 invalid-request",
		"/v1/topics/orders/events?topic=b":                            "400 invalid-request",
		"/v1/events":                                                  "400 invalid-request",
		"/v1/events?topic=":                                           "400 invalid-request",
		"/v1/events?topic=a&topic=b/c":                                "400 invalid-request",
		"/v1/events?topic=a&topic=b.*&lastEventId=" + place(5):        "400 invalid-cursor",
		"/v1/events?topic=a&topic=b.*":                                "404 unknown-topic",
		"/v1/topics/orders/queues/billing/events":                     "409 conflict",
		"/v1/topics/orders/queues/billing/events?mode=peek":           "501 unsupported",
		"/v1/topics/orders/queues/billing/events?mode=peek&limit=1":   "501 unsupported",
		"/v1/topics/orders/queues/billing/events?mode=both":           "400 invalid-request",
		"/v1/topics/orders/queues/billing/events?limit=1":             "400 invalid-request",
		"/v1/topics/orders/queues/b%20g/events":                       "400 invalid-request",
		"/v1/topics/orders/queues/billing/events?max_in_flight=99999": "400 invalid-request",
	} {
		c := get(t, url+target)
		var p struct {
			Code string `json:"code"`
		}
		if err := json.Unmarshal([]byte(c.rest(t)), &p); err != nil || fmt.Sprint(c.StatusCode, " ", p.Code) != want {
			t.Errorf("%s: %d %s (%v), want %s", target, c.StatusCode, p.Code, err, want)
		}
	}
	for _, target := range []string{"/v1/topics/orders/events", "/v1/topics/orders/queues/billing/events"} {
		if c := get(t, url+target, "Accept", "text/html"); c.StatusCode != 406 {
			t.Errorf("%s: %d", target, c.StatusCode)
		}
	}
	for target, says := range map[string]string{
		"/v1/topics/orders/events?envelope=0":             "envelope=0",
		"/v1/events?topic=orders&envelope=0":              "envelope=0",
		"/v1/topics/orders/events?event=type":             `\"event\" is unknown here`,
		"/v1/topics/orders/events?overflow=latest-by-key": "possible on a WebSocket; here it is one of resume, drop, disconnect",
		"/v1/topics/orders/queues/billing/events?event=x": `\"event\" is unknown here`,
	} {
		c := get(t, url+target, "Accept", "application/x-ndjson")
		if body := c.rest(t); c.StatusCode != 400 || !strings.Contains(body, says) {
			t.Errorf("%s: %d %s", target, c.StatusCode, body)
		}
	}
}

func TestTroubleThatPassesIsToldByABye(t *testing.T) {
	down := domain.Errorf(domain.Unavailable, "the broker cannot be reached").Because(errors.New("hunter2"))
	for _, c := range []struct {
		name   string
		err    error
		reason string
	}{
		{"unreachable", down, "unavailable"},
		{"overloaded", domain.Errorf(domain.TooManyRequests, "full"), "overload"},
		{"shutting down", &domain.Bye{Reason: domain.ByeShutdown, Reconnect: true}, "shutdown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &services{
				open: func(context.Context, ports.View) (ports.Stream, error) { return nil, c.err },
				join: func(context.Context, ports.Join) (ports.Member, error) { return nil, c.err },
			}
			url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
			for _, target := range []string{"/v1/topics/orders/events", "/v1/topics/orders/queues/billing/events"} {
				before := time.Now().Truncate(time.Millisecond)
				got := get(t, url+target)
				var page source
				page.read(got.rest(t))
				if got.StatusCode != 200 || len(page.events) != 1 || page.events[0].Type != "bye" || len(page.retries) != 1 || !strings.Contains(page.events[0].Data, `"reason":"`+c.reason+`","reconnect":true`) {
					t.Fatalf("%s: %d %+v", target, got.StatusCode, page)
				}
				if strings.Contains(target, "queues") {
					if page.lastID != "" {
						t.Errorf("a queue has an id: %q", page.lastID)
					}
					continue
				}
				cursor, err := domain.ParseCursor(page.lastID)
				if err != nil {
					t.Fatal(err)
				}
				if since := cursor.Vector("orders").Since; since.Before(before) || since.After(time.Now()) {
					t.Errorf("the cursor stands for %v", since)
				}
			}
			for _, header := range []string{"text/event-stream", "application/x-ndjson"} {
				for _, target := range []string{"/v1/topics/orders/events?strict=1", "/v1/topics/orders/queues/billing/events?strict=1"} {
					got := get(t, url+target, "Accept", header)
					if body := got.rest(t); got.StatusCode != 503 || got.Header.Get("Retry-After") == "" || !strings.Contains(body, `"unavailable"`) || strings.Contains(body, "hunter2") {
						t.Errorf("%s: %d %s", target, got.StatusCode, body)
					}
				}
			}
			if got := get(t, url+"/v1/topics/orders/events", "Accept", "application/x-ndjson"); got.StatusCode != 503 {
				t.Errorf("NDJSON is strict by itself: %d", got.StatusCode)
			}
			if got := get(t, url+"/v1/topics/orders/events?strict=0", "Accept", "application/x-ndjson"); got.StatusCode != 200 || !strings.HasPrefix(got.line(t), `{"op":"bye"`) {
				t.Errorf("strict=0: %d", got.StatusCode)
			}
		})
	}
}

// With its cursor a client that could not be served misses nothing, in any of its topics.
func TestTheCursorOfAViewThatWasNotOpened(t *testing.T) {
	since := func(from, to time.Time) func(*domain.Vector) bool {
		return func(v *domain.Vector) bool { return v != nil && !v.Since.Before(from) && !v.Since.After(to) }
	}
	at := time.UnixMilli(1_700_000_000_000).UTC()
	began := time.Now().Truncate(time.Millisecond)
	asked := since(began, began.Add(time.Minute))
	for _, c := range []struct {
		query, resume string
		want          map[domain.Pattern]func(*domain.Vector) bool
	}{
		{"topic=orders", "", map[domain.Pattern]func(*domain.Vector) bool{"orders": asked}},
		{"topic=orders&topic=pri*", "", map[domain.Pattern]func(*domain.Vector) bool{"orders": asked, "pri*": asked}},
		{"topic=orders&topic=pri*&from=@1700000000000", "", map[domain.Pattern]func(*domain.Vector) bool{"orders": since(at, at), "pri*": since(at, at)}},
		{"topic=orders&topic=pri*&from=-5", "", map[domain.Pattern]func(*domain.Vector) bool{
			"orders": func(v *domain.Vector) bool { return v.Last == 5 }, "pri*": func(v *domain.Vector) bool { return v.Last == 5 },
		}},
		// What the client has seen of a topic stays so; what is new to it begins where it asked for.
		{"topic=orders&topic=pri*&topic=new&from=earliest", place(5), map[domain.Pattern]func(*domain.Vector) bool{
			"orders": func(v *domain.Vector) bool { return v.Next(0) == 5 && v.Since.IsZero() },
			"pri*":   func(v *domain.Vector) bool { return v.Since.IsZero() && len(v.Places()) == 0 },
			"new":    func(v *domain.Vector) bool { return v.Since.IsZero() && len(v.Places()) == 0 },
		}},
	} {
		for _, accept := range []string{typeSSE, typeNDJSON} {
			s := &services{open: func(context.Context, ports.View) (ports.Stream, error) {
				return nil, domain.Errorf(domain.Unavailable, "the broker cannot be reached")
			}}
			got := get(t, serve(t, s, DefaultConfig(), domain.DefaultLimits())+"/v1/events?strict=0&"+c.query, "Accept", accept, "Last-Event-ID", c.resume)
			id := ""
			if accept == typeSSE {
				var page source
				page.read(got.rest(t))
				id = page.lastID
			} else {
				var bye struct{ Op, Cursor string }
				if err := json.Unmarshal([]byte(got.rest(t)), &bye); err != nil || bye.Op != "bye" {
					t.Fatalf("%+v, %v", bye, err)
				}
				id = bye.Cursor
			}
			cursor, err := domain.ParseCursor(id)
			if err != nil || len(cursor.Topics) != len(c.want) || cursor.End {
				t.Fatalf("%s: %q is %+v, %v", c.query, id, cursor, err)
			}
			for topic, right := range c.want {
				i := slices.IndexFunc(cursor.Topics, func(v domain.TopicVector) bool { return v.Topic == topic })
				if i < 0 || !right(cursor.Topics[i].Vector) {
					t.Errorf("%s: of %s the cursor says %+v", c.query, topic, cursor)
				}
			}
		}
	}
}

func TestAClientThatGoesIsNoticedAtOnce(t *testing.T) {
	eachWay(t, func(t *testing.T, serve func(*testing.T, *services, Config, domain.Limits) string) {
		s := newStream()
		c := get(t, serve(t, viewing(s, nil), DefaultConfig(), domain.DefaultLimits())+"/v1/topics/orders/events")
		c.block(t)
		c.stop()
		await(t, s.gone, "the end of the view")
	})
}

func TestAClientThatDoesNotReadIsLetGo(t *testing.T) {
	eachWay(t, func(t *testing.T, serve func(*testing.T, *services, Config, domain.Limits) string) {
		s, ended := newStream(), make(chan struct{})
		services := &services{open: func(ctx context.Context, v ports.View) (ports.Stream, error) {
			s.open(ctx, v)
			context.AfterFunc(ctx, func() { close(ended) })
			return s, nil
		}}
		cfg := DefaultConfig()
		cfg.WriteTimeout = 50 * time.Millisecond
		c := get(t, serve(t, services, cfg, domain.DefaultLimits())+"/v1/topics/orders/events")
		c.block(t)
		s.send(ports.Batch{Spans: []domain.Span{whole(runOf(strings.Repeat("x", 16<<20)))}}, nil)
		await(t, ended, "the end of the view")
		if _, err := io.Copy(io.Discard, c.r); err == nil {
			t.Error("an answer that was cut short looks whole")
		}
	})
}

func TestRoomForStreamsIsShared(t *testing.T) {
	eachWay(t, func(t *testing.T, serve func(*testing.T, *services, Config, domain.Limits) string) {
		limits := domain.DefaultLimits()
		limits.Connections = 1
		s := newStream()
		url := serve(t, viewing(s, nil), DefaultConfig(), limits)
		first := get(t, url+"/v1/topics/orders/events")
		first.block(t)
		if got := get(t, url+"/v1/topics/orders/events").block(t); !strings.Contains(got, `"reason":"overload"`) {
			t.Errorf("%q", got)
		}
		if c := get(t, url+"/v1/topics/orders/events?strict=1"); c.StatusCode != 503 {
			t.Errorf("%d", c.StatusCode)
		}
	})
}

func TestSettingsThatCannotBe(t *testing.T) {
	for says, change := range map[string]func(*Config){
		"sse.heartbeat":     func(c *Config) { c.Heartbeat = 0 },
		"sse.retry":         func(c *Config) { c.Retry = 0 },
		"sse.write_timeout": func(c *Config) { c.WriteTimeout = -1 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := newEdge(&services{}, cfg, domain.DefaultLimits()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want one that says %s", err, says)
		}
	}
}
