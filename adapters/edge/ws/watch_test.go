package ws

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// viewing is a broker whose views are handed to the test.
func viewing() (*broker, chan *stream, chan ports.View) {
	streams, views := make(chan *stream, 100), make(chan ports.View, 100)
	return &broker{view: func(_ context.Context, v ports.View) (*stream, error) {
		s := newStream()
		streams <- s
		views <- v
		return s, nil
	}}, streams, views
}

func TestViewFrames(t *testing.T) {
	eachClient(t, func(t *testing.T, d dial) {
		b, streams, views := viewing()
		c := d(t, serve(t, b).url("/v1/ws"), protocolJSON)
		say(t, c, `{"op":"sub","id":"8","sub":"a","topic":"orders","from":"-5","key":["GOOG","AAPL"],"limit":9}`)
		s, v := await(t, streams, "a view"), await(t, views, "a view")
		if n, _ := v.From.Last(); n != 5 || len(v.Keys) != 2 || v.Limit != 9 || v.Heartbeat != DefaultConfig().Heartbeat {
			t.Errorf("asked for %+v", v)
		}
		cursor := s.Cursor().String()
		expect(t, c, `{"op":"ready","id":"8","sub":"a","stream":"s_1","mode":"view","topics":["orders"],"pending":[],"heartbeat_ms":15000,"cursor":"`+cursor+`"}`)

		r := runOf(3, &domain.Message{Key: []byte("GOOG"), Payload: []byte(`{"p":1}`)}, &domain.Message{Key: []byte("AAPL")})
		at := func(next int64) string {
			return domain.CursorOf("orders", domain.NewVector(1, domain.Place{Next: next})).String()
		}
		s.feed <- batchOf(r)
		expect(t, c,
			`{"op":"msg","sub":"a","topic":"orders","partition":0,"offset":3,"key":"GOOG","headers":[],"payload":{"p":1},"cursor":"`+at(4)+`"}`,
			`{"op":"msg","sub":"a","topic":"orders","partition":0,"offset":4,"key":"AAPL","headers":[],"payload":null,"cursor":"`+at(5)+`"}`)
		s.feed <- batchOf(gapRun(domain.Gap{Reason: domain.GapRetention, Lost: 2}))
		expectPrefix(t, c, `{"op":"gap","sub":"a","reason":"retention","topic":"orders","partition":0,"lost":2,"cursor":"`)
		s.feed <- &domain.Bye{Reason: domain.ByeUnavailable, Reconnect: true, Retry: 1700 * time.Millisecond}
		expect(t, c, `{"op":"bye","sub":"a","reason":"unavailable","reconnect":true,"retry_ms":1700,"cursor":"`+cursor+`"}`)

		// Who has read the bye may use the name again at once, and so may who has read the end.
		for range 50 {
			say(t, c, `{"op":"sub","sub":"a","topic":"orders"}`)
			expectPrefix(t, c, `{"op":"ready","sub":"a",`)
			say(t, c, `{"op":"unsub","id":"10","sub":"a"}`)
			expect(t, c, `{"op":"end","id":"10","sub":"a"}`)
		}
	})
}

func TestSubsThatAreRefused(t *testing.T) {
	b, streams, _ := viewing()
	limits := domain.DefaultLimits()
	limits.Subscriptions = 2
	h := serveWith(t, b, quickConfig(), limits)
	c := dialCoder(t, h.url("/v1/topics/orders/ws"), protocolJSON)
	say(t, c, `{"op":"sub","id":"1","sub":"a"}`)
	expectPrefix(t, c, `{"op":"ready","id":"1","sub":"a"`)
	say(t, c, `{"op":"sub","id":"2","sub":"a"}`, `{"op":"done","id":"3","sub":"a","upto":"x"}`, `{"op":"credit","id":"4","sub":"a","n":1}`)
	if got := expectPrefix(t, c, `{"op":"err","id":"2","code":"conflict"`); !strings.HasSuffix(got, `,"sub":"a"}`) {
		t.Errorf("got %s, without its sub", got)
	}
	expectPrefix(t, c, `{"op":"err","id":"3","code":"invalid-request","detail":"the sub \"a\" is a view`)
	expectPrefix(t, c, `{"op":"err","id":"4","code":"invalid-request","detail":"the sub \"a\" began without credit`)
	say(t, c, `{"op":"sub","id":"5","sub":"b"}`)
	expectPrefix(t, c, `{"op":"ready","id":"5","sub":"b"`)
	say(t, c, `{"op":"sub","id":"6","sub":"c"}`)
	if got := expectPrefix(t, c, `{"op":"err","id":"6","code":"too-many-requests"`); !strings.HasSuffix(got, `,"sub":"c"}`) {
		t.Errorf("got %s, without its sub", got)
	}
	await(t, streams, "a view")

	b = &broker{view: func(context.Context, ports.View) (*stream, error) {
		return nil, domain.Errorf(domain.Unavailable, "no broker")
	}}
	c = dialCoder(t, serve(t, b).url("/v1/topics/orders/ws"), protocolJSON)
	say(t, c, `{"op":"sub","id":"1","sub":"a"}`)
	expect(t, c, `{"op":"err","id":"1","code":"unavailable","detail":"no broker","retryable":true,"sub":"a"}`)
}

// A sub that was refused while its frame was read had an err without sub; one that the service refused had it.
func TestASubThatCannotBeReadIsRefusedByItsName(t *testing.T) {
	b, _, _ := viewing()
	c := dialGorilla(t, serve(t, b).url("/v1/ws"), protocolJSON)
	other := domain.CursorOf("others", domain.NewVector(1)).String()
	for _, sub := range []struct{ frame, head, tail string }{
		{`{"op":"sub","id":"1","sub":"a"}`, `"id":"1","code":"invalid-request","detail":"topic is missing`, `,"sub":"a"}`},
		{`{"op":"sub","id":"1","sub":"a","topic":"a b"}`, `"id":"1","code":"invalid-request","detail":"topic name`, `,"sub":"a"}`},
		{`{"op":"sub","id":"1","sub":"a","topic":"t","from":"` + other + `"}`, `"id":"1","code":"invalid-cursor"`, `,"sub":"a"}`},
		{`{"op":"sub","id":"1","sub":"a","topic":"t","frm":"latest"}`, `"id":"1","code":"invalid-request"`, `,"sub":"a"}`},
		{`{"op":"sub","id":"1","sub":"\"","topic":"t","topic":"u"}`, `"id":"1","code":"invalid-request","detail":"the field \"topic\" is there twice"`, `,"sub":"\""}`},
		{`{"op":"sub","id":5,"sub":"a","topic":"t"}`, `"code":"invalid-request","detail":"id:`, `,"sub":"a"}`},
		{`{"op":"sub","sub":"a","topic":"t","credit":-1}`, `"code":"invalid-request"`, `,"sub":"a"}`},
		// No name to tell, and frames about a sub that might be live.
		{`{"op":"sub","id":"1","sub":7}`, `"id":"1","code":"invalid-request","detail":"sub:`, `"retryable":false}`},
		{`{"op":"sub","id":"1","sub":""}`, `"id":"1","code":"invalid-request","detail":"sub must have`, `"retryable":false}`},
		{`{"id":"1","sub":"a"}`, `"id":"1","code":"invalid-request","detail":"op must be`, `"retryable":false}`},
		{`{"op":"unsub","id":"1","sub":"a"}`, `"id":"1","code":"unknown-stream"`, `"retryable":false}`},
		{`{"op":"pub","id":"1","sub":"a"}`, `"id":"1","code":"invalid-request","detail":"the field \"sub\"`, `"retryable":false}`},
	} {
		say(t, c, sub.frame)
		if got := expectPrefix(t, c, `{"op":"err",`+sub.head); !strings.HasSuffix(got, sub.tail) || !json.Valid([]byte(got)) {
			t.Errorf("%s\ngot  %s\nwant …%s", sub.frame, got, sub.tail)
		}
	}
}

func TestAViewThatReachedItsEnd(t *testing.T) {
	b, _, _ := viewing()
	c := dialGorilla(t, serve(t, b).url("/v1/topics/orders/ws"), protocolJSON)
	cursor := domain.CursorOf("orders", domain.NewVector(1, domain.Place{Next: 7}))
	cursor.End = true
	say(t, c, `{"op":"sub","id":"1","sub":"a","to":"latest","from":"`+cursor.String()+`"}`)
	expect(t, c, `{"op":"bye","sub":"a","reason":"end","reconnect":false,"cursor":"`+cursor.String()+`"}`)
}

func TestCreditIsNeverOverdrawn(t *testing.T) {
	b, streams, _ := viewing()
	c := dialGorilla(t, serve(t, b).url("/v1/topics/orders/ws"), protocolJSON)
	say(t, c, `{"op":"sub","id":"1","sub":"a","credit":2}`)
	expectPrefix(t, c, `{"op":"ready"`)
	s := await(t, streams, "a view")
	// A gap costs nothing, wherever the credit ends.
	s.feed <- batchOf(gapRun(domain.Gap{Reason: domain.GapOverflow, Lost: domain.LostUnknown}), runOf(0, payloads("0", "1", "2", "3", "4")...))
	s.feed <- batchOf(gapRun(domain.Gap{Reason: domain.GapOverflow, Lost: 1}), runOf(5, payloads("5")...))
	expectPrefix(t, c, `{"op":"gap","sub":"a","reason":"overflow","topic":"orders","partition":0,"lost":null`)
	next := 0
	messages := func(n int) {
		t.Helper()
		for range n {
			expectPrefix(t, c, fmt.Sprintf(`{"op":"msg","sub":"a","topic":"orders","partition":0,"offset":%d,`, next))
			next++
		}
	}
	// The answer to another frame shows that nothing lies before it.
	nothing := func() {
		t.Helper()
		say(t, c, `{"op":"hello","id":"x"}`)
		expectPrefix(t, c, `{"op":"err","id":"x"`)
	}
	messages(2)
	nothing()
	say(t, c, `{"op":"credit","sub":"a","n":1}`)
	messages(1)
	nothing()
	say(t, c, `{"op":"credit","sub":"a","n":2}`)
	messages(2)
	expectPrefix(t, c, `{"op":"gap"`)
	nothing()
	say(t, c, `{"op":"credit","sub":"a","n":0,"id":"z"}`)
	expectPrefix(t, c, `{"op":"err","id":"z","code":"invalid-request"`)
	say(t, c, `{"op":"unsub","id":"2","sub":"a"}`)
	expect(t, c, `{"op":"end","id":"2","sub":"a"}`)
}

func TestABatchIsOneMessageWithALineEach(t *testing.T) {
	b, streams, _ := viewing()
	c := dialCoder(t, serve(t, b).url("/v1/topics/orders/ws?batch=1"), protocolJSON)
	say(t, c, `{"op":"sub","sub":"a"}`)
	expectPrefix(t, c, `{"op":"ready"`)
	s := await(t, streams, "a view")
	for _, n := range []int{1, 3, 200} {
		var texts []string
		for range n {
			texts = append(texts, strings.Repeat("x", 100))
		}
		s.feed <- batchOf(runOf(0, payloads(texts...)...))
		_, p, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(p), "\n")
		if len(lines) != n {
			t.Errorf("%d messages came as %d lines", n, len(lines))
		}
		for i, line := range lines {
			if want := fmt.Sprintf(`{"op":"msg","sub":"a","topic":"orders","partition":0,"offset":%d,`, i); !strings.HasPrefix(line, want) || !strings.HasSuffix(line, "}") {
				t.Errorf("line %d is %s", i, clip([]byte(line)))
			}
		}
	}
}

func TestSubsShareTheSocketWithoutMixingFrames(t *testing.T) {
	b, streams, _ := viewing()
	c := dialGorilla(t, serve(t, b).url("/v1/topics/orders/ws"), protocolJSON)
	const subs, runs = 20, 20
	shared := make([]*domain.Run, runs)
	for i := range shared {
		shared[i] = runOf(int64(i*10), payloads(strings.Split(strings.Repeat(strings.Repeat("x", 2000)+",", 9)+"x", ",")...)...)
	}
	for i := range subs {
		say(t, c, fmt.Sprintf(`{"op":"sub","sub":"s%d"}`, i))
		s := await(t, streams, "a view")
		for _, r := range shared {
			s.feed <- batchOf(r)
		}
	}
	next := map[string]int{}
	for range subs * (1 + runs*10) {
		_, p, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		var sub string
		var offset int
		if strings.HasPrefix(string(p), `{"op":"ready"`) {
			continue
		}
		if _, err := fmt.Sscanf(strings.ReplaceAll(string(p[:80]), `"`, " "), "{ op : msg , sub : %s , topic : orders , partition :0, offset :%d,", &sub, &offset); err != nil {
			t.Fatalf("%s: %v", p[:80], err)
		}
		if offset != next[sub] {
			t.Fatalf("%s was sent offset %d after %d", sub, offset, next[sub]-1)
		}
		next[sub]++
	}
}
