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
	return &services{open: func(_ context.Context, v ports.View) (ports.Stream, error) {
		if seen != nil {
			*seen = v
		}
		return s, nil
	}}
}

func TestAViewOverSSE(t *testing.T) {
	s, seen := newStream(), ports.View{}
	url := serve(t, viewing(s, &seen), DefaultConfig(), domain.DefaultLimits())
	c := get(t, url+"/v1/topics/orders/events?key=a&limit=3", "Last-Event-ID", place(2))
	if c.StatusCode != 200 || c.Header.Get("Content-Type") != "text/event-stream" || c.Header.Get("Cache-Control") != "no-cache, no-transform" || c.Header.Get("X-Accel-Buffering") != "no" || !slices.Contains(c.Header.Values("Vary"), "Accept") || c.Header.Get("Content-Encoding") != "" {
		t.Errorf("%d %v", c.StatusCode, c.Header)
	}
	if want := "retry: 2000\nevent: ready\nid: " + place(5) + "\ndata: {\"stream\":\"s_1\",\"mode\":\"view\",\"topics\":[\"orders\"],\"pending\":[],\"heartbeat_ms\":15000}\n\n"; c.block(t) != want {
		t.Error("ready differs")
	}
	if seen.Heartbeat != 15*time.Second || seen.Limit != 3 || len(seen.Keys) != 1 || seen.Resume == nil || seen.Resume.Vector("orders").Next(0) != 2 {
		t.Errorf("asked for %+v", seen)
	}
	s.send(t, ports.Batch{Spans: []domain.Span{whole(runOf("a")), whole(runOf("b\nc", "d"))}}, nil)
	for _, want := range []string{"id: " + place(6) + "\ndata: a\n\n", "id: " + place(6) + "\ndata: b\ndata: c\n\n", "id: " + place(7) + "\ndata: d\n\n"} {
		if got := c.block(t); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	s.send(t, ports.Batch{}, nil)
	if got := c.block(t); got != ":\n\n" {
		t.Errorf("heartbeat %q", got)
	}
	s.send(t, ports.Batch{Mark: "c7"}, nil)
	if got := c.block(t); got != "event: mark\nid: c7\ndata: {}\n\n" {
		t.Errorf("mark %q", got)
	}
	s.send(t, ports.Batch{}, &domain.Bye{Reason: domain.ByeShutdown, Reconnect: true})
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
}

func TestAViewOverNDJSON(t *testing.T) {
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
	s.send(t, ports.Batch{Spans: []domain.Span{whole(runOf(`{"a":1}`))}}, nil)
	if got, want := c.line(t), `{"op":"msg","topic":"orders","partition":0,"offset":5,"key":null,"headers":[],"payload":{"a":1},"cursor":"`+place(6)+"\"}\n"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	s.send(t, ports.Batch{}, nil)
	if got, want := c.line(t), `{"op":"mark","cursor":"`+s5+"\"}\n"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	end := s.cursor
	end.End = true
	s.send(t, ports.Batch{}, &domain.Bye{Reason: domain.ByeEnd})
	if got, want := c.rest(t), `{"op":"bye","reason":"end","reconnect":false,"cursor":"`+end.String()+"\"}\n"; got != want {
		t.Errorf("got %s want %s", got, want)
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
		s.send(t, ports.Batch{Spans: []domain.Span{whole(run)}}, nil)
		if got := c.block(t); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
		c.stop()
		await(t, s.gone, "the end of the view")
	}
}

func TestViewsThatLookTheSameShareTheirBytes(t *testing.T) {
	e, err := New(&services{}, &services{}, DefaultConfig(), domain.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	span := whole(runOf("a", "b"))
	wire := eventStream{shared: e.plain}
	first, second := span.Append(nil, wire.format()), span.Append(nil, wire.format())
	if &first[0][0] != &second[0][0] {
		t.Error("each viewer has frames of its own")
	}
	frames := make([][]byte, 0, 4)
	if allocs := testing.AllocsPerRun(100, func() { frames = span.Append(frames[:0], wire.format()) }); allocs != 0 {
		t.Errorf("%v allocations a batch", allocs)
	}
}

func TestAnEndMarkIsAnEnd(t *testing.T) {
	s := newStream()
	url := serve(t, viewing(s, nil), DefaultConfig(), domain.DefaultLimits())
	end := s.cursor
	end.End = true
	if c := get(t, url+"/v1/topics/orders/events?to=latest&lastEventId="+end.String()); c.StatusCode != 204 {
		t.Errorf("%d", c.StatusCode)
	}
	if c := get(t, url+"/v1/topics/orders/events?limit=1&lastEventId="+end.String()); c.StatusCode != 200 {
		t.Errorf("%d", c.StatusCode)
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
	}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
	for target, want := range map[string]string{
		"/v1/topics/orders/events":                        "404 unknown-topic",
		"/v1/topics/a%2Fb/events":                         "400 invalid-request",
		"/v1/topics/orders/events?form=latest":            "400 invalid-request",
		"/v1/topics/orders/events?mode=join":              "400 invalid-request",
		"/v1/topics/orders/events?lastEventId=x":          "400 invalid-cursor",
		"/v1/topics/orders/events?to=latest":              "501 unsupported",
		"/v1/topics/orders/events?overflow=latest-by-key": "501 unsupported",
		"/v1/events":                                                  "400 invalid-request",
		"/v1/events?topic=a&topic=b":                                  "501 unsupported",
		"/v1/events?topic=a*":                                         "501 unsupported",
		"/v1/topics/orders/queues/billing/events":                     "409 conflict",
		"/v1/topics/orders/queues/billing/events?mode=peek":           "501 unsupported",
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
	if c := get(t, url+"/v1/topics/orders/events?envelope=0", "Accept", "application/x-ndjson"); c.StatusCode != 400 {
		t.Errorf("%d", c.StatusCode)
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

// With its cursor a client that could not be served misses nothing.
func TestTheCursorOfAViewThatWasNotOpened(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000).UTC()
	resume := domain.CursorOf("orders", domain.NewVector(9, domain.Place{Next: 5}))
	for name, c := range map[string]struct {
		v    ports.View
		want domain.Cursor
	}{
		"a start":  {ports.View{Topics: []domain.Pattern{"orders"}, From: domain.StartLast(5)}, domain.CursorOf("orders", domain.StartLast(5).VectorAt(now))},
		"a cursor": {ports.View{Topics: []domain.Pattern{"orders"}, Resume: &resume}, resume},
	} {
		if got := c.v.Place(now).String(); got != c.want.String() {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestAClientThatGoesIsNoticedAtOnce(t *testing.T) {
	s := newStream()
	c := get(t, serve(t, viewing(s, nil), DefaultConfig(), domain.DefaultLimits())+"/v1/topics/orders/events")
	c.block(t)
	c.stop()
	await(t, s.gone, "the end of the view")
}

func TestAClientThatDoesNotReadIsLetGo(t *testing.T) {
	s, ended := newStream(), make(chan struct{})
	services := &services{open: func(ctx context.Context, _ ports.View) (ports.Stream, error) {
		context.AfterFunc(ctx, func() { close(ended) })
		return s, nil
	}}
	cfg := DefaultConfig()
	cfg.WriteTimeout = 50 * time.Millisecond
	c := get(t, serve(t, services, cfg, domain.DefaultLimits())+"/v1/topics/orders/events")
	c.block(t)
	s.send(t, ports.Batch{Spans: []domain.Span{whole(runOf(strings.Repeat("x", 64<<20)))}}, nil)
	await(t, ended, "the end of the view")
	if _, err := io.Copy(io.Discard, c.r); err == nil {
		t.Error("an answer that was cut short looks whole")
	}
}

func TestRoomForStreamsIsShared(t *testing.T) {
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
}

func TestSettingsThatCannotBe(t *testing.T) {
	for says, change := range map[string]func(*Config){
		"sse.heartbeat":     func(c *Config) { c.Heartbeat = 0 },
		"sse.retry":         func(c *Config) { c.Retry = 0 },
		"sse.write_timeout": func(c *Config) { c.WriteTimeout = -1 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := New(&services{}, &services{}, cfg, domain.DefaultLimits()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want one that says %s", err, says)
		}
	}
}
