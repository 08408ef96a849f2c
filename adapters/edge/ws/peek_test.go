package ws

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"culvert/domain"
	"culvert/ports"
)

// peeking is viewing where each queue is at offset 25; asked is told of each question for that.
func peeking() (b *broker, streams chan *stream, views chan ports.View, asked chan string) {
	b, streams, views = viewing()
	asked = make(chan string, 100)
	b.peek = func(_ context.Context, topic domain.Topic, queue domain.Queue) (domain.Start, error) {
		asked <- fmt.Sprint(topic, "/", queue)
		return domain.StartVector(domain.NewVector(1, domain.Place{Next: 25})), nil
	}
	return b, streams, views, asked
}

func TestPeekFrames(t *testing.T) {
	eachClient(t, func(t *testing.T, d dial) {
		for path, names := range map[string]string{
			"/v1/ws":                               `"topic":"orders","queue":"billing",`,
			"/v1/topics/orders/ws":                 `"queue":"billing",`,
			"/v1/topics/orders/queues/billing/ws":  ``,
			"/v1/topics/orders/queues/billing/ws?": `"topic":["orders"],"queue":"billing",`,
		} {
			b, streams, views, asked := peeking()
			c := d(t, serve(t, b).url(path), protocolJSON)
			say(t, c, `{"op":"sub","id":"9","sub":"p",`+names+`"mode":"peek","key":"a","header":"h:v","limit":9,"to":"@0","overflow":"latest-by-key"}`)
			expect(t, c, `{"op":"ready","id":"9","sub":"p","stream":"s_1","mode":"peek","topics":["orders"],"queue":"billing","pending":[],"heartbeat_ms":15000,"cursor":"`+cursorAt(7)+`"}`)
			if got := await(t, asked, "a question"); got != "orders/billing" {
				t.Errorf("asked for %s", got)
			}
			s, v := await(t, streams, "a view"), await(t, views, "a view")
			if v.From.Vector().Next(0) != 25 || v.Resume != nil || fmt.Sprint(v.Topics) != "[orders]" || v.Limit != 9 || len(v.Keys) != 1 || len(v.Headers) != 1 || v.To == nil || v.Overflow != ports.OverflowLatest || v.Heartbeat != DefaultConfig().Heartbeat || v.Client == "" {
				t.Errorf("asked for %+v", v)
			}
			s.feed <- batchOf(gapRun(domain.Gap{Reason: domain.GapRetention, Lost: 2}), runOf(5, payloads("x")...))
			s.feed <- ports.Batch{Mark: "abc"}
			s.feed <- &domain.Bye{Reason: domain.ByeEnd}
			end := s.Cursor()
			expect(t, c,
				`{"op":"gap","sub":"p","reason":"retention","topic":"orders","partition":0,"lost":2,"cursor":"`+cursorAt(5)+`"}`,
				`{"op":"msg","sub":"p","topic":"orders","partition":0,"offset":5,"key":null,"headers":[],"text":"x","cursor":"`+cursorAt(6)+`"}`,
				`{"op":"mark","sub":"p","cursor":"abc"}`,
				`{"op":"bye","sub":"p","reason":"end","reconnect":false,"cursor":"`+end.String()+`"}`)
		}
	})
}

// A peek is steered as a view is: it has credit, it ends by unsub, and there is nothing to settle.
func TestAPeekIsAView(t *testing.T) {
	b, streams, _, _ := peeking()
	joins, members := joining()
	b.join = joins.join
	c := dialGorilla(t, serve(t, b).url("/v1/topics/orders/queues/billing/ws"), protocolJSON)
	say(t, c, `{"op":"sub","sub":"p","mode":"peek","credit":1}`)
	expectPrefix(t, c, `{"op":"ready","sub":"p","stream":"s_1","mode":"peek"`)
	s := await(t, streams, "a view")
	s.feed <- batchOf(runOf(5, payloads("5", "6")...))
	expectPrefix(t, c, `{"op":"msg","sub":"p","topic":"orders","partition":0,"offset":5,`)
	say(t, c,
		`{"op":"done","id":"1","sub":"p","receipts":["r1"]}`,
		`{"op":"nack","id":"2","sub":"p","receipts":["r1"]}`,
		`{"op":"touch","id":"3","sub":"p","receipts":["r1"]}`)
	for _, id := range []string{"1", "2", "3"} {
		expectPrefix(t, c, `{"op":"err","id":"`+id+`","code":"invalid-request","detail":"the sub \"p\" is a view; only what a queue gave can be settled"`)
	}
	// Beside a member of the same queue, on the same socket.
	say(t, c, `{"op":"sub","sub":"m","mode":"join"}`)
	expectPrefix(t, c, `{"op":"ready","sub":"m","stream":"s_2","mode":"join"`)
	await(t, members, "a member")
	say(t, c, `{"op":"credit","sub":"p","n":1}`)
	expectPrefix(t, c, `{"op":"msg","sub":"p","topic":"orders","partition":0,"offset":6,`)
	say(t, c, `{"op":"unsub","id":"4","sub":"p"}`)
	expect(t, c, `{"op":"end","id":"4","sub":"p"}`)
}

func TestAPeekOfASocketGoesOnFromACursor(t *testing.T) {
	b, _, views, asked := peeking()
	c := dialCoder(t, serve(t, b).url("/v1/topics/orders/queues/billing/ws"), protocolJSON)
	end := domain.CursorOf("orders", domain.NewVector(1, domain.Place{Next: 40}))
	end.End = true
	say(t, c, `{"op":"sub","id":"1","sub":"p","mode":"peek","to":"latest","lastEventId":"`+end.String()+`"}`)
	expect(t, c, `{"op":"bye","sub":"p","reason":"end","reconnect":false,"cursor":"`+end.String()+`"}`)
	if len(asked) != 0 {
		t.Errorf("the broker was asked for %s", <-asked)
	}
	for _, cursor := range []string{cursorAt(40), end.String()} {
		say(t, c, `{"op":"sub","id":"2","sub":"p","mode":"peek","lastEventId":"`+cursor+`"}`)
		expectPrefix(t, c, `{"op":"ready","id":"2","sub":"p"`)
		await(t, asked, "a question")
		if v := await(t, views, "a view"); v.Resume == nil || v.Resume.End || v.Resume.Vector("orders").Next(0) != 40 {
			t.Errorf("asked for %+v", v)
		}
		say(t, c, `{"op":"unsub","id":"3","sub":"p"}`)
		expectPrefix(t, c, `{"op":"end","id":"3"`)
	}
}

func TestPeeksOfASocketThatAreRefused(t *testing.T) {
	for _, refusal := range []struct {
		err  error
		want string
	}{
		{domain.Errorf(domain.UnknownQueue, "no such queue"), `"code":"unknown-queue","detail":"no such queue","retryable":false`},
		{domain.Errorf(domain.Unsupported, "the broker cannot"), `"code":"unsupported","detail":"the broker cannot","retryable":false`},
		{domain.Errorf(domain.NotAllowed, "not yours"), `"code":"not-allowed","detail":"not yours","retryable":false`},
		{domain.Errorf(domain.Unavailable, "no broker"), `"code":"unavailable","detail":"no broker","retryable":true`},
	} {
		b := &broker{peek: func(context.Context, domain.Topic, domain.Queue) (domain.Start, error) {
			return domain.Start{}, refusal.err
		}}
		c := dialGorilla(t, serve(t, b).url("/v1/topics/orders/queues/billing/ws"), protocolJSON)
		for _, resume := range []string{"", `,"lastEventId":"` + cursorAt(40) + `"`} { // a cursor makes no queue
			say(t, c, `{"op":"sub","id":"1","sub":"p","mode":"peek"`+resume+`}`)
			expect(t, c, `{"op":"err","id":"1",`+refusal.want+`,"sub":"p"}`)
		}
	}
	c := dialGorilla(t, serve(t, &broker{}).url("/v1/topics/orders/ws"), protocolJSON)
	const (
		peek = `known are credit, header, id, key, lastEventId, limit, mode, op, overflow, queue, sub, to, topic"`
		join = `known are ack, credit, from, id, max_in_flight, mode, op, queue, sub, topic"`
	)
	for fields, says := range map[string]string{
		`"queue":"q","mode":"peek","from":"latest"`:   `the field \"from\" is unknown here; ` + peek,
		`"queue":"q","mode":"peek","ack":"manual"`:    `the field \"ack\" is unknown here; ` + peek,
		`"queue":"q","mode":"peek","max_in_flight":1`: `the field \"max_in_flight\" is unknown here; ` + peek,
		`"queue":"q","mode":"peek","strict":true`:     `the field \"strict\" is unknown here; ` + peek,
		`"queue":"q","mode":"join","limit":1`:         `the field \"limit\" is unknown here; ` + join,
		`"queue":"q","overflow":"drop"`:               `the field \"overflow\" is unknown here; ` + join,
		`"queue":"q","lastEventId":"x"`:               `the field \"lastEventId\" is unknown here; ` + join,
		`"queue":"q","mode":"both"`:                   `mode=\"both\" is none of join, peek"`,
		`"mode":"peek"`:                               `the field \"mode\" is unknown here; known are credit, from, header,`,
		`"topic":["orders","orders"],"mode":"peek"`:   `the field \"mode\" is unknown here; known are credit, from, header,`,
		`"topic":"others","queue":"q","mode":"peek"`:  `this URL is that of topic \"orders\"`,
		`"queue":"q","mode":"peek","lastEventId":"x"`: `this is not a cursor`,
	} {
		say(t, c, `{"op":"sub","id":"1","sub":"p",`+fields+`}`)
		if got := expectPrefix(t, c, `{"op":"err","id":"1","code":"invalid-`); !strings.Contains(got, says) {
			t.Errorf("%s: %s, want %s", fields, got, says)
		}
	}
	c = dialGorilla(t, serve(t, &broker{}).url("/v1/ws"), protocolJSON)
	say(t, c, `{"op":"sub","id":"1","sub":"p","topic":["a","b"],"queue":"q","mode":"peek"}`)
	expectPrefix(t, c, `{"op":"err","id":"1","code":"invalid-request","detail":"a queue is one of a single topic`)
	say(t, c, `{"op":"sub","id":"1","sub":"p","topic":"a*","queue":"q","mode":"peek"}`)
	expectPrefix(t, c, `{"op":"err","id":"1","code":"invalid-request","detail":"a queue is one of a single topic`)
}

func TestRawPeek(t *testing.T) {
	eachClient(t, func(t *testing.T, d dial) {
		b, streams, views, asked := peeking()
		h := serve(t, b)
		const path = "/v1/topics/orders/queues/billing/ws?mode=peek"
		c := d(t, h.url(path+"&key=a&key=b&limit=9"), protocolRaw)
		// The handshake is answered once the view stands, so it is there now.
		s, v := await(t, streams, "a view"), await(t, views, "a view")
		if got := await(t, asked, "a question"); got != "orders/billing" || v.From.Vector().Next(0) != 25 || len(v.Keys) != 2 || v.Limit != 9 || v.Heartbeat != 0 {
			t.Errorf("asked for %s, %+v", got, v)
		}
		s.feed <- batchOf(runOf(25, payloads("one", "")...), runOf(27, &domain.Message{Key: []byte("gone")}, &domain.Message{Payload: []byte{0xff}}))
		expect(t, c, "one", "", "\xff")
		s.feed <- batchOf(gapRun(domain.Gap{Reason: domain.GapRetention, Lost: 9}))
		expectClose(t, c, 4002, "gap: retention, 9 messages of partition 0 are lost")

		c = d(t, h.url(path+"&overflow=latest-by-key&lastEventId="+cursorAt(40)), protocolRaw)
		s, v = await(t, streams, "a view"), await(t, views, "a view")
		if await(t, asked, "a question"); v.Resume == nil || v.Resume.Vector("orders").Next(0) != 40 {
			t.Errorf("asked for %+v", v)
		}
		s.feed <- batchOf(gapRun(domain.Gap{Reason: domain.GapOverflow, Lost: 9}), runOf(50, payloads("newest")...))
		expect(t, c, "newest")
		c.send(t, true, []byte("x"))
		expectClose(t, c, 4501, "invalid-request: this socket only reads")

		end := domain.CursorOf("orders", domain.NewVector(1, domain.Place{Next: 40}))
		end.End = true
		expectClose(t, d(t, h.url(path+"&to=latest&lastEventId="+end.String()), protocolRaw), 1000, "end: ")
		if len(asked) != 0 {
			t.Errorf("the broker was asked for %s", <-asked)
		}
		for bye, want := range map[*domain.Bye]int{{Reason: domain.ByeEnd}: 1000, {Reason: domain.ByeUnavailable}: 4001} {
			c := d(t, h.url(path), protocolRaw)
			await(t, streams, "a view").feed <- bye
			expectClose(t, c, want, string(bye.Reason)+": ")
		}
	})
}

// The place of the head of the handshake wins over that of its URL, as on a view.
func TestARawPeekGoesOnFromTheHandshake(t *testing.T) {
	b, _, views, _ := peeking()
	h := serve(t, b)
	h.bareHandshake(t, "/v1/topics/orders/queues/billing/ws?mode=peek&lastEventId="+cursorAt(3), "Last-Event-ID: "+cursorAt(40))
	if v := await(t, views, "a view"); v.Resume == nil || v.Resume.Vector("orders").Next(0) != 40 {
		t.Errorf("asked for %+v", v)
	}
}

// A peek ends with its place on the shutdown, and one that waits for the place of its queue is refused.
func TestDrainEndsPeeks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, _, _ := peeking()
		find := b.peek
		b.peek = func(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Start, error) {
			if queue == "slow" {
				<-ctx.Done()
				return domain.Start{}, ctx.Err()
			}
			return find(ctx, topic, queue)
		}
		h := newBubble(t, b)
		defer h.server.Close()
		c, read := h.dialReading(t, "/v1/topics/orders/ws", true)
		say(t, c, `{"op":"sub","sub":"live","queue":"q","mode":"peek"}`)
		synctest.Wait()
		<-read
		say(t, c, `{"op":"sub","id":"1","sub":"waits","queue":"slow","mode":"peek"}`)
		synctest.Wait()
		if err := h.edge.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		var got []string
		for _, text := range rest(read) {
			got = append(got, withoutRetry(text))
		}
		slices.Sort(got[:2])
		want := []string{
			`{"op":"bye","sub":"live","reason":"shutdown","reconnect":true,"cursor":"` + cursorAt(7) + `"}`,
			`{"op":"err","id":"1","code":"unavailable","detail":"this node is shutting down; come back, another one may answer","retryable":true,"sub":"waits"}`,
			`{"op":"bye","reason":"shutdown","reconnect":true}`,
			"4001 unavailable: this node is shutting down; come back, another one may answer",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestDrainEndsAHandshakeThatWaitsForThePlaceOfItsQueue(t *testing.T) {
	began := make(chan struct{})
	h := serve(t, &broker{peek: func(ctx context.Context, _ domain.Topic, _ domain.Queue) (domain.Start, error) {
		close(began)
		<-ctx.Done()
		return domain.Start{}, ctx.Err()
	}})
	go func() {
		<-began
		_ = h.edge.Drain(context.Background())
	}()
	expectClose(t, dialCoder(t, h.url("/v1/topics/orders/queues/billing/ws?mode=peek")), 4001, "unavailable: this node is shutting down")
}
