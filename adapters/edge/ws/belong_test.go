package ws

import (
	"strings"
	"testing"
	"testing/synctest"

	"culvert/domain"
	"culvert/ports"
)

// joining is a broker whose members are handed to the test.
func joining() (*broker, chan *member) {
	members := make(chan *member, 10)
	return &broker{join: func(ports.Join) (*member, error) {
		m := newMember()
		members <- m
		return m, nil
	}}, members
}

func wantCall(t *testing.T, m *member, want string) {
	t.Helper()
	if got := await(t, m.calls, want); got != want {
		t.Errorf("the member was told %q, want %q", got, want)
	}
}

func TestAManualMember(t *testing.T) {
	eachClient(t, func(t *testing.T, d dial) {
		b, members := joining()
		c := d(t, serve(t, b).url("/v1/ws"), protocolJSON)
		say(t, c, `{"op":"sub","id":"9","sub":"b","topic":"orders","queue":"billing","ack":"manual","max_in_flight":7}`)
		expect(t, c, `{"op":"ready","id":"9","sub":"b","stream":"s_2","mode":"join","topics":["orders"],"queue":"billing","ack":"manual","order":"key","max_in_flight":7,"lease_ms":30000,"max_attempts":5,"assigned":3,"heartbeat_ms":15000}`)
		m := await(t, members, "a member")
		assigned := 2
		m.feed <- []domain.Event{leased("r1", "one", 1), leased("r2", "two", 3), {Topic: "orders", Assigned: &assigned}, {Topic: "orders", Gap: &domain.Gap{Reason: domain.GapRetention, Lost: 4}}}
		expect(t, c,
			`{"op":"msg","sub":"b","topic":"orders","partition":0,"offset":0,"key":null,"headers":[],"text":"one","receipt":"r1"}`,
			`{"op":"msg","sub":"b","topic":"orders","partition":0,"offset":0,"key":null,"headers":[],"text":"two","receipt":"r2","attempt":3}`,
			`{"op":"assign","sub":"b","assigned":2}`,
			`{"op":"gap","sub":"b","reason":"retention","topic":"orders","partition":0,"lost":4}`)
		m.gone["r9"] = true
		say(t, c,
			`{"op":"touch","id":"1","sub":"b","receipts":["r1","r2"]}`,
			`{"op":"nack","id":"2","sub":"b","receipts":["r2"],"delay_ms":1500}`,
			`{"op":"done","sub":"b","receipts":["r5"]}`,
			`{"op":"done","id":"3","sub":"b","receipts":["r1","r9"]}`,
			`{"op":"done","id":"4","sub":"b","upto":"r3"}`,
			`{"op":"done","id":"5","sub":"b","upto":"r3","receipts":[]}`,
			`{"op":"nack","id":"6","sub":"b","upto":"r3"}`,
			`{"op":"done","id":"7","sub":"b","receipts":["r1"],"delay_ms":1}`)
		for _, call := range []string{"touch r1 r2", "nack 1.5s r2", "done r5", "done r1 r9", "upto r3"} {
			wantCall(t, m, call)
		}
		expect(t, c,
			`{"op":"ok","id":"1","settled":2,"unknown":[]}`,
			`{"op":"ok","id":"2","settled":1,"unknown":[]}`,
			`{"op":"ok","id":"3","settled":1,"unknown":["r9"]}`,
			`{"op":"ok","id":"4","settled":1,"unknown":[]}`)
		for _, id := range []string{"5", "6", "7"} {
			expectPrefix(t, c, `{"op":"err","id":"`+id+`","code":"invalid-request"`)
		}
		m.feed <- &domain.Bye{Reason: domain.ByeShutdown, Reconnect: true, Retry: 1}
		expectPrefix(t, c, `{"op":"bye","sub":"b","reason":"shutdown","reconnect":true`)
		say(t, c, `{"op":"done","id":"8","sub":"b","receipts":["r1"]}`)
		expectPrefix(t, c, `{"op":"err","id":"8","code":"unknown-stream"`)
	})
}

func TestAnAutoMemberSettlesWhatWasWritten(t *testing.T) {
	b, members := joining()
	c := dialGorilla(t, serve(t, b).url("/v1/topics/orders/queues/billing/ws"), protocolJSON)
	say(t, c, `{"op":"sub","sub":"b"}`)
	expectPrefix(t, c, `{"op":"ready"`)
	m := await(t, members, "a member")
	m.feed <- []domain.Event{leased("r1", "one", 1), leased("r2", "two", 1)}
	expectPrefix(t, c, `{"op":"msg"`)
	expectPrefix(t, c, `{"op":"msg"`)
	wantCall(t, m, "done r1 r2")
	m.feed <- []domain.Event{leased("r3", "three", 1)}
	wantCall(t, m, "done r3")
}

func TestAnAutoMemberDoesNotSettleWhatWasNotWritten(t *testing.T) {
	b, members := joining()
	h := serve(t, b)
	c := dialGorilla(t, h.url("/v1/topics/orders/queues/billing/ws"), protocolJSON)
	say(t, c, `{"op":"sub","sub":"b"}`)
	expectPrefix(t, c, `{"op":"ready"`)
	m := await(t, members, "a member")
	c.cut()
	h.wantGone(t)
	m.feed <- []domain.Event{leased("r1", "one", 1)}
	if len(m.calls) != 0 {
		t.Errorf("the member was told %q", <-m.calls)
	}
}

// A member with some credit used to take all that its max_in_flight allowed: what the credit did not cover was kept from other members until its
// lease ended, and that counted as a try.
func TestAMemberTakesNoMoreThanItsCredit(t *testing.T) {
	b, members := joining()
	c := dialGorilla(t, serve(t, b).url("/v1/topics/orders/queues/billing/ws"), protocolJSON)
	say(t, c, `{"op":"sub","sub":"b","ack":"manual","credit":2}`)
	expectPrefix(t, c, `{"op":"ready"`)
	m := await(t, members, "a member")
	m.feed <- []domain.Event{leased("r1", "one", 1), leased("r2", "two", 1), leased("r3", "three", 1), leased("r4", "four", 1)}
	expectPrefix(t, c, `{"op":"msg","sub":"b","topic":"orders","partition":0,"offset":0,"key":null,"headers":[],"text":"one"`)
	expectPrefix(t, c, `{"op":"msg","sub":"b","topic":"orders","partition":0,"offset":0,"key":null,"headers":[],"text":"two"`)
	say(t, c, `{"op":"hello","id":"x"}`)
	expectPrefix(t, c, `{"op":"err","id":"x"`)
	if n := len(m.called); n != 1 {
		t.Errorf("the member was asked %d times for messages, with credit for one answer", n)
	}
	say(t, c, `{"op":"credit","sub":"b","n":1}`)
	expectPrefix(t, c, `{"op":"msg","sub":"b","topic":"orders","partition":0,"offset":0,"key":null,"headers":[],"text":"three"`)
	say(t, c, `{"op":"credit","sub":"b","n":1}`)
	expectPrefix(t, c, `{"op":"msg","sub":"b","topic":"orders","partition":0,"offset":0,"key":null,"headers":[],"text":"four"`)
}

// A member without credit was told nothing at all before there was some, not even that its membership was over.
func TestAMemberWithoutCreditHearsAllButMessages(t *testing.T) {
	b, members := joining()
	c := dialGorilla(t, serve(t, b).url("/v1/topics/orders/queues/billing/ws"), protocolJSON)
	say(t, c, `{"op":"sub","sub":"b","ack":"manual","credit":0}`)
	expectPrefix(t, c, `{"op":"ready"`)
	m := await(t, members, "a member")
	assigned := 2
	m.feed <- []domain.Event{{Topic: "orders", Assigned: &assigned}}
	expect(t, c, `{"op":"assign","sub":"b","assigned":2}`)
	m.feed <- []domain.Event{}
	expect(t, c, `{"op":"mark","sub":"b"}`)
	m.feed <- &domain.Bye{Reason: domain.ByeUnavailable, Reconnect: true, Retry: 1}
	expectPrefix(t, c, `{"op":"bye","sub":"b","reason":"unavailable","reconnect":true`)
	if n := len(m.called); n != 0 {
		t.Errorf("the member was asked %d times for messages", n)
	}
}

// What a broker does not tell is null; messages are still told apart, by their receipts.
func TestMessagesWithoutAPosition(t *testing.T) {
	b, members := joining()
	c := dialGorilla(t, serve(t, b).url("/v1/topics/orders/queues/billing/ws"), protocolJSON)
	say(t, c, `{"op":"sub","sub":"b","ack":"manual"}`)
	expectPrefix(t, c, `{"op":"ready"`)
	m := await(t, members, "a member")
	events := []domain.Event{leased("r1", "one", 1), leased("r2", "two", 2)}
	for _, e := range events {
		e.Message.Position = domain.Position{Partition: domain.NoPartition, Offset: 7}
	}
	m.feed <- events
	expect(t, c,
		`{"op":"msg","sub":"b","topic":"orders","partition":null,"offset":null,"key":null,"headers":[],"text":"one","receipt":"r1"}`,
		`{"op":"msg","sub":"b","topic":"orders","partition":null,"offset":null,"key":null,"headers":[],"text":"two","receipt":"r2","attempt":2}`)
	say(t, c, `{"op":"done","id":"1","sub":"b","receipts":["r2"]}`)
	wantCall(t, m, "done r2")
	expect(t, c, `{"op":"ok","id":"1","settled":1,"unknown":[]}`)
}

// A raw member's batch was settled only when all of it was written: to a client that read slowly, messages that it had were given to others when their leases ended, and after some
// tries they were dead letters.
func TestASlowMemberSettlesWhatItHas(t *testing.T) {
	whole := strings.Repeat("x", enough)
	for name, c := range map[string]struct{ subprotocol, sub string }{
		"raw":  {protocolRaw, ""},
		"json": {protocolJSON, `{"op":"sub","sub":"m"}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, members := joining()
				h := newBubble(t, b)
				defer h.end(t)
				client := h.dialAs(t, "/v1/topics/orders/queues/billing/ws", c.subprotocol)
				defer client.cut()
				if c.sub != "" {
					say(t, client, c.sub)
					expectPrefix(t, client, `{"op":"ready"`)
				}
				m := await(t, members, "a member")
				m.feed <- []domain.Event{leased("r1", "small", 1), leased("r2", whole, 1), leased("r3", whole, 1), leased("r4", "last", 1)}
				for _, step := range []struct {
					reads int
					want  string
				}{{0, ""}, {2, "done r1 r2"}, {1, "done r3"}, {1, "done r4"}} {
					for range step.reads {
						if _, _, err := client.read(); err != nil {
							t.Fatal(err)
						}
					}
					synctest.Wait()
					got := ""
					if len(m.calls) > 0 {
						got = <-m.calls
					}
					if got != step.want {
						t.Errorf("the member was told %q, want %q", got, step.want)
					}
				}
			})
		})
	}
}
