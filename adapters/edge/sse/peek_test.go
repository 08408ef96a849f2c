package sse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"culvert/domain"
	"culvert/ports"
)

const peekPath = "/v1/topics/orders/queues/billing/events?mode=peek"

// peeking is viewing where the queue billing of orders is at offset 25; asked, where it is not nil, is told of each question for that.
func peeking(s *stream, seen *ports.View, asked *[]string) *services {
	services := viewing(s, seen)
	services.peek = func(_ context.Context, topic domain.Topic, queue domain.Queue) (domain.Start, error) {
		if asked != nil {
			*asked = append(*asked, fmt.Sprint(topic, "/", queue))
		}
		return domain.StartVector(domain.NewVector(9, domain.Place{Next: 25})), nil
	}
	return services
}

func TestAPeekOverSSE(t *testing.T) {
	s, seen, asked := newStream(), ports.View{}, []string{}
	url := serve(t, peeking(s, &seen, &asked), DefaultConfig(), domain.DefaultLimits())
	c := get(t, url+peekPath+"&key=a&header=h:v&limit=3&overflow=drop&to=@0&strict=1&event=type&_=1")
	if want := "retry: 2000\nevent: ready\nid: " + place(5) + "\ndata: {\"stream\":\"s_1\",\"mode\":\"peek\",\"topics\":[\"orders\"],\"queue\":\"billing\",\"pending\":[],\"heartbeat_ms\":15000}\n\n"; c.block(t) != want {
		t.Error("ready differs")
	}
	if fmt.Sprint(asked) != "[orders/billing]" || fmt.Sprint(seen.Topics) != "[orders]" || seen.From.Vector().Next(0) != 25 || seen.Resume != nil {
		t.Errorf("asked for %v, %+v", asked, seen)
	}
	if seen.Limit != 3 || len(seen.Keys) != 1 || len(seen.Headers) != 1 || seen.To == nil || seen.Overflow != ports.OverflowDrop || seen.Client != "127.0.0.1" {
		t.Errorf("asked for %+v", seen)
	}
	hole := runOf()
	hole.Gap = &domain.Gap{Reason: domain.GapRetention, Lost: 4}
	s.send(ports.Batch{Spans: []domain.Span{whole(hole), whole(runOf("a"))}}, nil)
	for _, want := range []string{
		"event: gap\nid: " + place(5) + "\ndata: {\"reason\":\"retention\",\"topic\":\"orders\",\"partition\":0,\"lost\":4}\n\n",
		"id: " + place(6) + "\ndata: a\n\n",
	} {
		if got := c.block(t); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	s.send(ports.Batch{}, &domain.Bye{Reason: domain.ByeShutdown, Reconnect: true, Retry: 1234 * time.Millisecond})
	if got, want := c.rest(t), "retry: 1234\nevent: bye\nid: "+place(5)+"\ndata: {\"reason\":\"shutdown\",\"reconnect\":true,\"retry_ms\":1234}\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAPeekOverNDJSON(t *testing.T) {
	s := newStream()
	c := get(t, serve(t, peeking(s, nil, nil), DefaultConfig(), domain.DefaultLimits())+peekPath+"&to=latest", "Accept", typeNDJSON)
	end := s.cursor
	end.End = true
	for _, want := range []string{
		`{"op":"ready","stream":"s_1","mode":"peek","topics":["orders"],"queue":"billing","pending":[],"heartbeat_ms":15000,"cursor":"` + place(5) + "\"}\n",
		`{"op":"msg","topic":"orders","partition":0,"offset":5,"key":null,"headers":[],"payload":1,"cursor":"` + place(6) + "\"}\n",
		`{"op":"bye","reason":"end","reconnect":false,"cursor":"` + end.String() + "\"}\n",
	} {
		switch {
		case strings.Contains(want, `"msg"`):
			s.send(ports.Batch{Spans: []domain.Span{whole(runOf("1"))}}, nil)
		case strings.Contains(want, `"bye"`):
			s.send(ports.Batch{}, &domain.Bye{Reason: domain.ByeEnd})
		}
		if got := c.line(t); got != want {
			t.Errorf("got %s want %s", got, want)
		}
	}
}

func TestAPeekGoesOnFromACursor(t *testing.T) {
	yes := true
	for name, c := range map[string]struct{ query, header string }{
		"header":    {"", place(40)},
		"parameter": {"&lastEventId=" + place(40), ""},
		"both":      {"&lastEventId=" + place(39), place(40)},
	} {
		for _, accept := range []string{typeSSE, typeNDJSON} {
			s, seen, asked := newStream(), ports.View{}, []string{}
			s.ready.Resumed = &yes
			got := get(t, serve(t, peeking(s, &seen, &asked), DefaultConfig(), domain.DefaultLimits())+peekPath+c.query, "Last-Event-ID", c.header, "Accept", accept)
			read := got.block
			if accept == typeNDJSON {
				read = got.line
			}
			if ready := read(t); !strings.Contains(ready, `"mode":"peek","topics":["orders"],"queue":"billing","resumed":true,`) {
				t.Errorf("%s: %s", name, ready)
			}
			if len(asked) != 1 || seen.Resume == nil || seen.Resume.Vector("orders").Next(0) != 40 {
				t.Errorf("%s: asked for %v, %+v", name, asked, seen)
			}
			got.stop()
			await(t, s.gone, "the end of the peek")
		}
	}
}

// Who has read all that it asked for is not let in again, and the broker is not asked; without to it reads on.
func TestAnEndMarkEndsAPeek(t *testing.T) {
	s, seen, asked := newStream(), ports.View{}, []string{}
	url := serve(t, peeking(s, &seen, &asked), DefaultConfig(), domain.DefaultLimits())
	end := s.cursor
	end.End = true
	for _, accept := range []string{typeSSE, typeNDJSON} {
		if c := get(t, url+peekPath+"&to=latest", "Last-Event-ID", end.String(), "Accept", accept); c.StatusCode != 204 {
			t.Errorf("%s: %d", accept, c.StatusCode)
		}
		if c := get(t, url+peekPath+"&to=@0&lastEventId="+end.String(), "Accept", accept); c.StatusCode != 204 {
			t.Errorf("%s: %d", accept, c.StatusCode)
		}
	}
	if len(asked) != 0 {
		t.Errorf("the broker was asked for %v", asked)
	}
	get(t, url+peekPath, "Last-Event-ID", end.String()).block(t)
	if len(asked) != 1 || seen.Resume == nil || seen.Resume.End {
		t.Errorf("asked for %v, %+v", asked, seen)
	}
}

func TestPeeksThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{domain.Errorf(domain.UnknownQueue, "no such queue"), "404 unknown-queue"},
		{domain.Errorf(domain.UnknownTopic, "no such topic"), "404 unknown-topic"},
		{domain.Errorf(domain.NotAllowed, "not yours"), "403 not-allowed"},
		{domain.Errorf(domain.Unsupported, "the broker cannot"), "501 unsupported"},
		{errors.New("hunter2"), "500 internal"},
	} {
		s := &services{peek: func(context.Context, domain.Topic, domain.Queue) (domain.Start, error) {
			return domain.Start{}, c.err
		}}
		url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
		for _, accept := range []string{typeSSE, typeNDJSON} {
			for _, resume := range []string{"", place(40)} { // a cursor makes no queue
				got := get(t, url+peekPath, "Accept", accept, "Last-Event-ID", resume)
				var p struct {
					Code string `json:"code"`
				}
				body := got.rest(t)
				if err := json.Unmarshal([]byte(body), &p); err != nil || fmt.Sprint(got.StatusCode, " ", p.Code) != c.want || strings.Contains(body, "hunter2") {
					t.Errorf("%s, %q: %d %s (%v), want %s", accept, resume, got.StatusCode, body, err, c.want)
				}
			}
		}
	}
}

// A cursor that stood for the time of the request would pass over what the queue has before it.
func TestAPeekThatCannotBegin(t *testing.T) {
	away := domain.Errorf(domain.Unavailable, "the broker cannot be reached").Because(errors.New("hunter2"))
	full := domain.Errorf(domain.TooManyRequests, "full")
	for name, c := range map[string]struct {
		peek, open error
		resume     string
		reason     string
		next       int64 // of the cursor that the client is sent away with; -1: none
	}{
		"the queue is away":                {peek: away, reason: "unavailable", next: -1},
		"the queue is away, from a cursor": {peek: away, resume: place(40), reason: "unavailable", next: 40},
		"the view has no reader":           {open: full, reason: "overload", next: 25},
		"the view has none for the cursor": {open: full, resume: place(40), reason: "overload", next: 40},
		"the node goes away":               {open: &domain.Bye{Reason: domain.ByeShutdown, Reconnect: true}, reason: "shutdown", next: 25},
	} {
		t.Run(name, func(t *testing.T) {
			s := peeking(nil, nil, nil)
			if c.peek != nil {
				s.peek = func(context.Context, domain.Topic, domain.Queue) (domain.Start, error) { return domain.Start{}, c.peek }
			}
			s.open = func(context.Context, ports.View) (ports.Stream, error) { return nil, c.open }
			url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
			wantSentAway(t, url, c.resume, c.reason, c.next)
			for _, target := range []string{peekPath + "&strict=1", peekPath} {
				got := get(t, url+target, "Accept", typeNDJSON, "Last-Event-ID", c.resume)
				if body := got.rest(t); got.StatusCode != 503 || got.Header.Get("Retry-After") == "" || !strings.Contains(body, `"unavailable"`) || strings.Contains(body, "hunter2") {
					t.Errorf("strictly: %d %s", got.StatusCode, body)
				}
			}
		})
	}
	t.Run("the node has no room", func(t *testing.T) {
		limits := domain.DefaultLimits()
		limits.Connections = 1
		url := serve(t, peeking(newStream(), nil, nil), DefaultConfig(), limits)
		get(t, url+peekPath).block(t)
		wantSentAway(t, url, "", "overload", -1)
		wantSentAway(t, url, place(40), "overload", 40)
	})
}

// wantSentAway peeks, and wants nothing but a bye with this cursor.
func wantSentAway(t *testing.T, url, resume, reason string, next int64) {
	t.Helper()
	got := get(t, url+peekPath, "Last-Event-ID", resume)
	var page source
	page.read(got.rest(t))
	if got.StatusCode != 200 || len(page.events) != 1 || page.events[0].Type != "bye" || len(page.retries) != 1 || !strings.HasPrefix(page.events[0].Data, `{"reason":"`+reason+`","reconnect":true`) {
		t.Fatalf("%d %+v", got.StatusCode, page)
	}
	got = get(t, url+peekPath+"&strict=0", "Last-Event-ID", resume, "Accept", typeNDJSON)
	var bye struct{ Op, Reason, Cursor string }
	if err := json.Unmarshal([]byte(got.line(t)), &bye); err != nil || bye.Op != "bye" || bye.Reason != reason || bye.Cursor != page.lastID {
		t.Errorf("%+v, %v; over SSE the id is %q", bye, err, page.lastID)
	}
	switch cursor, err := domain.ParseCursor(page.lastID); {
	case next < 0 && page.lastID != "":
		t.Errorf("the client was given the place %+v", cursor)
	case next >= 0 && (err != nil || cursor.End || cursor.Vector("orders").Next(0) != next):
		t.Errorf("the client was given the place %+v, %v, want %d", cursor, err, next)
	}
}

// What does not apply is refused with the names of what does, by the mode.
func TestParametersOfAQueueByItsMode(t *testing.T) {
	url := serve(t, &services{}, DefaultConfig(), domain.DefaultLimits())
	const (
		peek = "known are envelope, event, header, key, lastEventId, limit, mode, overflow, strict, to"
		join = "known are ack, envelope, event, from, lastEventId, max_in_flight, mode, strict"
	)
	for query, says := range map[string]string{
		"mode=peek&from=latest":            `"from" is unknown here; ` + peek,
		"mode=peek&ack=manual":             `"ack" is unknown here; ` + peek,
		"mode=peek&max_in_flight=1":        `"max_in_flight" is unknown here; ` + peek,
		"limit=1&mode=peek&form=x":         `"form" is unknown here; ` + peek,
		"mode=join&limit=1":                `"limit" is unknown here; ` + join,
		"to=latest":                        `"to" is unknown here; ` + join,
		"key=a":                            `"key" is unknown here; ` + join,
		"header=a:b":                       `"header" is unknown here; ` + join,
		"overflow=drop":                    `"overflow" is unknown here; ` + join,
		"mode=both":                        `mode=\"both\" is none of join, peek`,
		"mode=peek&mode=join":              "mode is there 2 times",
		"mode=peek&overflow=latest-by-key": "possible on a WebSocket",
		"mode=peek&lastEventId=x":          "this is not a cursor",
		"mode=peek&lastEventId=" + domain.CursorOf("prices", domain.NewVector(9)).String(): "another topic",
	} {
		got := get(t, url+"/v1/topics/orders/queues/billing/events?"+query)
		body := got.rest(t)
		if got.StatusCode != 400 || !strings.Contains(strings.ReplaceAll(body, `\"`, `"`), strings.ReplaceAll(says, `\"`, `"`)) {
			t.Errorf("%s: %d %s, want %s", query, got.StatusCode, body, says)
		}
	}
	if got := get(t, url+peekPath, "Accept", "text/html"); got.StatusCode != 406 {
		t.Errorf("%d", got.StatusCode)
	}
	if got := get(t, url+peekPath+"&envelope=0", "Accept", typeNDJSON); got.StatusCode != 400 {
		t.Errorf("%d", got.StatusCode)
	}
}

func TestAClientThatGoesWhileItsQueueIsAskedForItsPlace(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	s := &services{peek: func(ctx context.Context, _ domain.Topic, _ domain.Queue) (domain.Start, error) {
		close(began)
		<-ctx.Done()
		close(ended)
		return domain.Start{}, ctx.Err()
	}}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // ends the request once it has begun
		<-began
		cancel()
	}()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, serve(t, s, DefaultConfig(), domain.DefaultLimits())+peekPath, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(r)
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it was answered: %v", err)
	}
	await(t, ended, "the end of the question")
}
