package ws

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"culvert/domain"
	"culvert/ports"
)

func TestASubOfSeveralTopics(t *testing.T) {
	b, streams, views := viewing()
	h := serve(t, b)
	for _, c := range []struct{ path, topic, want string }{
		{"/v1/ws", `"orders"`, "[orders]"},
		{"/v1/ws", `"b.*"`, "[b.*]"},
		{"/v1/ws", `["orders","b.*","orders","*"]`, "[orders b.* *]"},
		{"/v1/topics/orders/ws", `"orders"`, "[orders]"},
		{"/v1/topics/orders/ws", `["orders","orders"]`, "[orders]"},
	} {
		client := dialGorilla(t, h.url(c.path), protocolJSON)
		say(t, client, `{"op":"sub","sub":"a","topic":`+c.topic+`}`)
		v := await(t, views, "a view")
		if got := fmt.Sprint(v.Topics); got != c.want || v.Client != "127.0.0.1" {
			t.Errorf("%s on %s asked for %+v", c.topic, c.path, v)
		}
		await(t, streams, "a stream")
		expectPrefix(t, client, `{"op":"ready","sub":"a",`)
	}
}

func TestFramesOfSeveralTopics(t *testing.T) {
	at := func(orders, prices int64) domain.Cursor {
		return domain.CursorOf("orders", domain.NewVector(1, domain.Place{Next: orders})).With("prices", domain.NewVector(4, domain.Place{Next: prices}))
	}
	b, streams, _ := viewing()
	no := false
	cursor := at(5, 2)
	open := b.view
	b.view = func(ctx context.Context, v ports.View) (*stream, error) {
		s, err := open(ctx, v)
		s.ready = &ports.Ready{
			Stream: "s_1", Topics: []domain.Topic{"orders", "prices"}, Cursor: cursor, Resumed: &no, Reason: ports.ResumeTopics,
			Pending: []ports.Pending{{Topic: "prices", Partition: 3}},
		}
		return s, err
	}
	c := dialCoder(t, serve(t, b).url("/v1/ws"), protocolJSON)
	say(t, c, `{"op":"sub","sub":"a","topic":["orders","pri*"],"lastEventId":"`+domain.CursorOf("orders", domain.NewVector(1)).String()+`"}`)
	expect(t, c, `{"op":"ready","sub":"a","stream":"s_1","mode":"view","topics":["orders","prices"],"resumed":false,"reason":"topics","pending":[{"topic":"prices","partition":3}],"heartbeat_ms":15000,"cursor":"`+cursor.String()+`"}`)

	orders, prices := runOf(5, payloads("a")...), runOf(2, payloads("b")...)
	prices.Topic, prices.Base, prices.After = "prices", domain.NewVector(4, domain.Place{Next: 2}), domain.NewVector(4, domain.Place{Next: 3})
	second := at(6, 2)
	await(t, streams, "a stream").feed <- ports.Batch{Spans: []domain.Span{{Run: orders, To: 1, Own: &cursor}, {Run: prices, To: 1, Own: &second}}}
	expect(t, c,
		`{"op":"msg","sub":"a","topic":"orders","partition":0,"offset":5,"key":null,"headers":[],"text":"a","cursor":"`+at(6, 2).String()+`"}`,
		`{"op":"msg","sub":"a","topic":"prices","partition":0,"offset":2,"key":null,"headers":[],"text":"b","cursor":"`+at(6, 3).String()+`"}`)
}

func TestTopicsThatASubCannotHave(t *testing.T) {
	b, _, _ := viewing()
	b.join = func(ports.Join) (*member, error) { return newMember(), nil }
	h := serve(t, b)
	for _, c := range []struct{ path, fields, code, says string }{
		{"/v1/ws", `"topic":[]`, "invalid-request", "topic is an empty list"},
		{"/v1/ws", `"topic":["a",7]`, "invalid-request", "topic: this must be a string"},
		{"/v1/ws", `"topic":["a","b c"]`, "invalid-request", `topic name "b c"`},
		{"/v1/ws", `"topic":"a","overflow":"newest"`, "invalid-request", "none of resume, drop, disconnect, latest-by-key"},
		{"/v1/ws", `"topic":["a","b*"],"from":"` + domain.CursorOf("orders", domain.NewVector(1)).String() + `"`, "invalid-cursor", "none of the 2 topics"},
		{"/v1/ws", `"topic":"a","to":"never"`, "invalid-request", "to="},
		{"/v1/topics/orders/ws", `"topic":["orders","b"]`, "invalid-request", `this URL is that of topic "orders"`},
		{"/v1/topics/orders/ws", `"topic":"*"`, "invalid-request", `this URL is that of topic "orders"`},
		{"/v1/ws", `"topic":["a","b"],"queue":"q"`, "invalid-request", "a queue is one of a single topic, and topic names 2"},
		{"/v1/ws", `"topic":"b.*","queue":"q"`, "invalid-request", `a queue is one of a single topic, and topic is the pattern "b.*"`},
		{"/v1/ws", `"queue":"q"`, "invalid-request", "topic is missing"},
		{"/v1/topics/orders/queues/q/ws", `"topic":"b"`, "invalid-request", `this URL is that of topic "orders"`},
		{"/v1/topics/orders/queues/q/ws", `"overflow":"drop"`, "invalid-request", `"overflow" is unknown here`},
		{"/v1/topics/orders/queues/q/ws", `"to":"latest"`, "invalid-request", `"to" is unknown here`},
	} {
		client := dialGorilla(t, h.url(c.path), protocolJSON)
		say(t, client, `{"op":"sub","id":"1","sub":"a",`+c.fields+`}`)
		var got struct{ Op, ID, Sub, Code, Detail string }
		_, p, err := client.read()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(p, &got); err != nil || got.Op != "err" || got.ID != "1" || got.Sub != "a" || got.Code != c.code || !strings.Contains(got.Detail, c.says) {
			t.Errorf("%s on %s: %s, want %s that says %q", c.fields, c.path, p, c.code, c.says)
		}
		// A list of one is one.
		say(t, client, `{"op":"sub","sub":"a","topic":["orders"],"queue":"q"}`)
		expectPrefix(t, client, `{"op":"ready","sub":"a",`)
	}
}

func TestWhereASubEnds(t *testing.T) {
	b, streams, views := viewing()
	c := dialGorilla(t, serve(t, b).url("/v1/topics/orders/ws"), protocolJSON)
	cursor := domain.CursorOf("orders", domain.NewVector(1, domain.Place{Next: 7}))
	end := cursor
	end.End = true
	say(t, c, `{"op":"sub","sub":"a","to":"@1767366245000","from":"earliest","lastEventId":"`+cursor.String()+`"}`)
	v, s := await(t, views, "a view"), await(t, streams, "a stream")
	if v.To == nil || v.To.Time.UnixMilli() != 1767366245000 || v.Resume == nil || !v.From.Earliest() {
		t.Errorf("asked for %+v", v)
	}
	expectPrefix(t, c, `{"op":"ready"`)
	s.feed <- &domain.Bye{Reason: domain.ByeEnd}
	expectPrefix(t, c, `{"op":"bye","sub":"a","reason":"end","reconnect":false,"cursor":"`)
	for _, fields := range []string{
		`"to":"latest","from":"` + end.String() + `"`,
		`"to":"@0","from":"earliest","lastEventId":"` + end.String() + `"`,
		`"to":"` + cursor.String() + `","lastEventId":"` + end.String() + `"`,
	} {
		say(t, c, `{"op":"sub","id":"1","sub":"a",`+fields+`}`)
		expect(t, c, `{"op":"bye","sub":"a","reason":"end","reconnect":false,"cursor":"`+end.String()+`"}`)
	}
	say(t, c, `{"op":"sub","sub":"a","lastEventId":"`+end.String()+`"}`)
	expectPrefix(t, c, `{"op":"ready"`)
	if v := await(t, views, "a view"); v.Resume == nil || v.Resume.End || v.To != nil {
		t.Errorf("asked for %+v", v)
	}
}

func TestWhereARawViewBeginsAndEnds(t *testing.T) {
	b, streams, views := viewing()
	h := serve(t, b)
	at := func(next int64, end bool) string {
		c := domain.CursorOf("orders", domain.NewVector(1, domain.Place{Next: next}))
		c.End = end
		return c.String()
	}
	for _, mode := range []string{"view", "both"} {
		url := h.url("/v1/topics/orders/ws?mode=" + mode)
		c := dialGorilla(t, url+"&to=latest&from=earliest&lastEventId="+at(4, false))
		v := await(t, views, "a view")
		if v.To == nil || !v.To.Latest || v.Resume == nil || v.Resume.Vector("orders").Next(0) != 4 || v.Client != "127.0.0.1" {
			t.Errorf("asked for %+v", v)
		}
		await(t, streams, "a stream").feed <- &domain.Bye{Reason: domain.ByeEnd}
		expectClose(t, c, 1000, "end: the stream has reached what it was asked for")

		expectClose(t, dialGorilla(t, url+"&to=latest&lastEventId="+at(4, true)), 1000, "end: the stream has reached what it was asked for")
		expectClose(t, dialCoder(t, url+"&to=@0&from="+at(4, true)), 1000, "end: ")
		expectClose(t, dialGorilla(t, url+"&to=never"), 4501, "invalid-request: to=")
		if len(views) > 0 {
			t.Errorf("what has ended was opened: %+v", <-views)
		}

		// A client that can set the header may.
		d := websocket.Dialer{HandshakeTimeout: patience}
		conn, _, err := d.Dial(url+"&from=earliest&lastEventId="+at(4, false), http.Header{"Last-Event-ID": {at(6, false)}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if v := await(t, views, "a view"); v.Resume == nil || v.Resume.Vector("orders").Next(0) != 6 {
			t.Errorf("asked for %+v", v)
		}
		await(t, streams, "a stream")
	}
}

// What a raw viewer asked to have left out is no hole that must end its socket; any other is.
func TestARawViewOfTheLatest(t *testing.T) {
	b, streams, views := viewing()
	c := dialGorilla(t, serve(t, b).url("/v1/topics/orders/ws?mode=view&overflow=latest-by-key"))
	if v := await(t, views, "a view"); v.Overflow != ports.OverflowLatest {
		t.Errorf("asked for %+v", v)
	}
	s := await(t, streams, "a stream")
	s.feed <- batchOf(gapRun(domain.Gap{Reason: domain.GapOverflow, Lost: 9}), runOf(14, payloads("newest")...))
	expect(t, c, "newest")
	s.feed <- batchOf(gapRun(domain.Gap{Reason: domain.GapOverflow, Lost: 3}))
	s.feed <- batchOf(runOf(20, payloads("newer")...), gapRun(domain.Gap{Reason: domain.GapEpoch, Lost: domain.LostUnknown}))
	expect(t, c, "newer")
	expectClose(t, c, 4002, "gap: epoch, ")
}

// Most events of a stream with long cursors have none: they have no field for it either.
func TestMessagesWithoutACursor(t *testing.T) {
	b, streams, _ := viewing()
	c := dialGorilla(t, serve(t, b).url("/v1/topics/orders/ws"), protocolJSON)
	say(t, c, `{"op":"sub","sub":"a"}`)
	expectPrefix(t, c, `{"op":"ready"`)
	r := runOf(0, payloads(strings.Split(strings.Repeat("x ", 59)+"x", " ")...)...)
	for i := range int32(100) {
		r.Base, r.After = r.Base.With(domain.Place{Partition: i + 1, Next: 5}), r.After.With(domain.Place{Partition: i + 1, Next: 5})
	}
	await(t, streams, "a stream").feed <- batchOf(r)
	for i := range 60 {
		got := expectPrefix(t, c, fmt.Sprintf(`{"op":"msg","sub":"a","topic":"orders","partition":0,"offset":%d,`, i))
		if has, wanted := strings.Contains(got, `"cursor"`), i == 49 || i == 59; has != wanted {
			t.Errorf("message %d: %s", i, got)
		}
	}
}
