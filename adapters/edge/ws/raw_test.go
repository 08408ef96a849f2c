package ws

import (
	"io"
	"strings"
	"testing"

	"culvert/domain"
	"culvert/ports"
)

func TestRawInject(t *testing.T) {
	eachClient(t, func(t *testing.T, d dial) {
		b := &broker{reject: func(m *domain.Message) error {
			if string(m.Payload) == "bad" {
				return domain.Errorf(domain.Timeout, "not confirmed in 10s")
			}
			return nil
		}}
		h := serve(t, b)
		c := d(t, h.url("/v1/topics/orders/ws?key=k&confirm=1"), protocolRaw)
		whole := strings.Repeat("x", domain.DefaultLimits().MessageBytes)
		for _, p := range []string{"one", "bad", "", whole} {
			c.send(t, true, []byte(p))
		}
		c.send(t, false, []byte{0xff})
		expect(t, c, "+1", "-2 timeout not confirmed in 10s", "+3", "+4", "+5")
		got := b.taken()
		if m := got[2]; m.Tombstone() || string(m.Key) != "k" || len(m.Payload) != 0 {
			t.Errorf("an empty frame became %+v", m)
		}
		if string(got[3].Payload) != whole || string(got[4].Payload) != "\xff" {
			t.Error("a payload has changed")
		}
		c.send(t, true, []byte(whole+"x"))
		expectClose(t, c, 1009, "too-large: ")

		c = d(t, h.url("/v1/topics/orders/ws"))
		c.send(t, true, []byte("one"))
		c.send(t, true, []byte("bad"))
		expect(t, c, "-2 timeout not confirmed in 10s")
		if b.taken()[6].Key != nil {
			t.Error("a message has a key that nobody gave it")
		}
	})
	c := dialGorilla(t, serve(t, &broker{}).url("/v1/topics/orders/ws"))
	c.send(t, true, []byte("\xff"))
	expectClose(t, c, 1007, "invalid-request: ")
}

func TestRawView(t *testing.T) {
	eachClient(t, func(t *testing.T, d dial) {
		b, streams, views := viewing()
		h := serve(t, b)
		c := d(t, h.url("/v1/topics/orders/ws?mode=view&key=a&key=b&from=earliest"))
		// The handshake is answered once the view stands, so it is there now.
		s, v := await(t, streams, "a view"), await(t, views, "a view")
		if !v.From.Earliest() || len(v.Keys) != 2 || v.Heartbeat != 0 {
			t.Errorf("asked for %+v", v)
		}
		whole := strings.Repeat("x", 1_000_000)
		s.feed <- batchOf(runOf(0, payloads("one", "", whole, strings.Repeat("y", 200))...), runOf(4, &domain.Message{Key: []byte("gone")}, &domain.Message{Payload: []byte{0xff, 0}}))
		s.feed <- ports.Batch{}
		expect(t, c, "one", "", whole, strings.Repeat("y", 200))
		if text, p, err := c.read(); err != nil || text || string(p) != "\xff\x00" {
			t.Errorf("a payload that is not UTF-8 came as text=%v %q, %v", text, p, err)
		}
		s.feed <- batchOf(runOf(6, payloads("last")...), gapRun(domain.Gap{Reason: domain.GapOverflow, Partition: 2, Lost: 9}), runOf(7, payloads("never")...))
		before := expectClose(t, c, 4002, "gap: overflow, 9 messages of partition 2 are lost")
		if len(before) != 1 || before[0] != "last" {
			t.Errorf("before the close came %q", before)
		}
		c = d(t, h.url("/v1/topics/orders/ws?mode=view"))
		await(t, streams, "a view").feed <- batchOf(gapRun(domain.Gap{Reason: domain.GapBroker, Partition: domain.NoPartition, Lost: domain.LostUnknown}))
		expectClose(t, c, 4002, "gap: broker, an unknown number of messages are lost")

		for bye, want := range map[*domain.Bye]int{
			{Reason: domain.ByeEnd}:         1000,
			{Reason: domain.ByeSlow}:        4002,
			{Reason: domain.ByeUnavailable}: 4001,
			{Reason: domain.ByeInternal}:    1011,
		} {
			c := d(t, h.url("/v1/topics/orders/ws?mode=view"))
			await(t, streams, "a view").feed <- bye
			expectClose(t, c, want, string(bye.Reason)+": ")
		}
		c = d(t, h.url("/v1/topics/orders/ws?mode=view"))
		c.send(t, true, []byte("x"))
		expectClose(t, c, 4501, "invalid-request: this socket only reads")
	})
}

func TestRawBoth(t *testing.T) {
	b, streams, views := viewing()
	c := dialCoder(t, serve(t, b).url("/v1/topics/orders/ws?mode=both&key=room&confirm=1"))
	s, v := await(t, streams, "a view"), await(t, views, "a view")
	if len(v.Keys) != 1 || string(v.Keys[0]) != "room" {
		t.Errorf("asked for %+v", v)
	}
	c.send(t, true, []byte("hello"))
	expect(t, c, "+1")
	if string(b.taken()[0].Key) != "room" {
		t.Errorf("injected %+v", b.taken()[0])
	}
	s.feed <- batchOf(runOf(0, payloads("hello")...))
	expect(t, c, "hello")
}

func TestRawJoin(t *testing.T) {
	eachClient(t, func(t *testing.T, d dial) {
		b, members := joining()
		c := d(t, serve(t, b).url("/v1/topics/orders/queues/billing/ws?mode=both"))
		m := await(t, members, "a member")
		assigned := 1
		tombstone := leased("r2", "", 1)
		tombstone.Message.Payload = nil
		m.feed <- []domain.Event{leased("r1", "one", 1), tombstone, {Assigned: &assigned}, leased("r3", "\xff", 1)}
		expect(t, c, "one", "\xff")
		wantCall(t, m, "done r1 r2 r3")
		c.send(t, true, []byte("back"))
		m.feed <- []domain.Event{leased("r4", "four", 1), {Gap: &domain.Gap{Reason: domain.GapRetention, Lost: domain.LostUnknown}}, leased("r5", "five", 1)}
		before := expectClose(t, c, 4002, "gap: retention, an unknown number of messages")
		if len(before) != 1 || before[0] != "four" {
			t.Errorf("before the close came %q", before)
		}
		wantCall(t, m, "done r4")
		if len(m.calls) != 0 {
			t.Errorf("what was not sent was settled: %s", <-m.calls)
		}
	})
}

// What a client sends at once, with the end of its socket behind it, gathers, and nothing more is waited for.
func TestWhatComesWithTheEndIsSent(t *testing.T) {
	for name, end := range map[string]string{
		"a close":                "\x88\x80\x00\x00\x00\x00",
		"what is no frame":       "\xff\x80\x00\x00\x00\x00",
		"the end of the network": "",
	} {
		t.Run(name, func(t *testing.T) {
			b := &broker{}
			h := serve(t, b)
			conn, _ := h.bareHandshake(t, "/v1/topics/orders/ws?mode=inject")
			if _, err := io.WriteString(conn, "\x82\x81\x00\x00\x00\x00a\x82\x81\x00\x00\x00\x00b"+end); err != nil {
				t.Fatal(err)
			}
			if end != "" {
				_, _ = io.Copy(io.Discard, conn)
			}
			conn.Close()
			h.wantGone(t)
			b.mu.Lock()
			defer b.mu.Unlock()
			if len(b.put) != 2 || b.sent != 2 {
				t.Errorf("%d messages were put and %d sent, want 2", len(b.put), b.sent)
			}
		})
	}
}
