package ws

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/ports"
)

func TestASilentClientLivesAsLongAsItAnswersPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBubble(t, &broker{})
		defer h.end(t)
		c, _ := h.dialReading(t, "/v1/ws", true)
		time.Sleep(time.Hour)
		if h.live() != 1 {
			t.Fatal("the socket is gone")
		}
		c.conn.Close()
		synctest.Wait()
		if h.live() != 0 {
			t.Error("the socket is still there")
		}
	})
}

func TestAClientWithoutPongsIsGoneAfterPongWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBubble(t, &broker{})
		defer h.end(t)
		h.dialReading(t, "/v1/ws", false)
		time.Sleep(DefaultConfig().PongWait - time.Second)
		if h.live() != 1 {
			t.Fatal("the socket was gone before")
		}
		time.Sleep(2 * time.Second)
		if h.live() != 0 {
			t.Error("the socket is still there")
		}
	})
}

// A window that stays full for longer than pong_wait used to be the end of a Melody session: its pongs lie unread behind the client's
// messages.
func TestAFullWindowIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{window: 1, gate: make(chan struct{})}
		h := newBubble(t, b)
		defer h.end(t)
		c, read := h.dialReading(t, "/v1/ws", false)
		say(t, c, `{"op":"pub","id":"1","topic":"t","text":"x"}`, `{"op":"pub","id":"2","topic":"t","text":"x"}`)
		go say(t, c, `{"op":"pub","id":"3","topic":"t","text":"x"}`)
		time.Sleep(10 * DefaultConfig().PongWait)
		if n := len(b.taken()); n > 2 {
			t.Errorf("%d messages were taken with a window of 1", n)
		}
		close(b.gate)
		for _, id := range []string{"1", "2", "3"} {
			if got := <-read; !strings.HasPrefix(got, `{"op":"ack","id":"`+id+`"`) {
				t.Errorf("got %s", got)
			}
		}
	})
}

func TestAClientThatNeverReadsLosesItsSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, streams, _ := viewing()
		h := newBubble(t, b)
		defer h.end(t)
		c := h.dial(t, "/v1/topics/orders/ws")
		say(t, c, `{"op":"sub","sub":"a"}`)
		s := <-streams
		s.feed <- batchOf(runOf(0, payloads("one", "two")...))
		cfg := DefaultConfig()
		time.Sleep(cfg.WriteTimeout + cfg.CloseTimeout + time.Second)
		if h.live() != 0 {
			t.Error("the socket is still there")
		}
		c.conn.Close()
	})
}

func TestAClientThatOnlyStalledReadsWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, streams, _ := viewing()
		h := newBubble(t, b)
		defer h.end(t)
		c := h.dial(t, "/v1/topics/orders/ws?batch=0")
		say(t, c, `{"op":"sub","sub":"a"}`)
		s := <-streams
		expectPrefix(t, c, `{"op":"ready"`)
		s.feed <- batchOf(runOf(0, payloads("one", strings.Repeat("x", 10_000), "three")...))
		expectPrefix(t, c, `{"op":"msg"`) // and with it a part of the next frame, by the client's buffer
		time.Sleep(2*DefaultConfig().WriteTimeout + time.Second)
		before := expectClose(t, c, 4002, "slow: ")
		if len(before) != 1 || len(before[0]) < 10_000 {
			t.Errorf("%d whole frames came before the close, want the one that was begun", len(before))
		}
	})
}

func TestASlowClientIsNoDeadOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, streams, _ := viewing()
		h := newBubble(t, b)
		defer h.end(t)
		c := h.dial(t, "/v1/topics/orders/ws")
		say(t, c, `{"op":"sub","sub":"a"}`)
		s := <-streams
		expectPrefix(t, c, `{"op":"ready"`)
		s.feed <- batchOf(runOf(0, payloads(strings.Repeat("x", 20_000))...))
		conn := c.conn.NetConn()
		_ = conn.SetReadDeadline(time.Time{})
		total := 0
		for p := make([]byte, 1000); total < 20_000; total += len(p) {
			time.Sleep(DefaultConfig().WriteTimeout - time.Second)
			if n, err := conn.Read(p); err != nil || n == 0 {
				t.Fatalf("after %d bytes: %v", total, err)
			}
		}
		conn.Close()
	})
}

func TestAClientThatDoesNotAnswerACloseIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBubble(t, &broker{})
		defer h.end(t)
		c := h.dial(t, "/v1/ws")
		c.conn.SetCloseHandler(func(int, string) error { return nil })
		say(t, c, `hello`)
		expectClose(t, c, 4501, "invalid-request: ")
		cfg := DefaultConfig()
		time.Sleep(cfg.CloseTimeout - time.Second)
		if h.live() != 1 {
			t.Error("the client was given no time to close")
		}
		time.Sleep(2 * time.Second)
		if h.live() != 0 {
			t.Error("the socket is still there")
		}
		c.conn.Close()
	})
}

func TestSilenceIsMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, streams, _ := viewing()
		h := newBubble(t, b)
		defer h.end(t)
		c, read := h.dialReading(t, "/v1/topics/orders/ws", true)
		say(t, c, `{"op":"sub","sub":"a"}`)
		<-read
		began := time.Now()
		s := <-streams
		s.feed <- ports.Batch{Mark: "abc"} // the place moved over what did not match
		for _, want := range []string{`{"op":"mark","sub":"a","cursor":"abc"}`, `{"op":"mark","sub":"a"}`} {
			if got := <-read; got != want || time.Since(began) != DefaultConfig().Heartbeat {
				t.Errorf("%s came after %s", got, time.Since(began))
			}
			began = time.Now()
		}
		say(t, c, `{"op":"unsub","sub":"a"}`)
	})
}

func TestAMemberThatWaitsForCreditIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := joining()
		h := newBubble(t, b)
		defer h.end(t)
		c, read := h.dialReading(t, "/v1/topics/orders/queues/billing/ws", true)
		say(t, c, `{"op":"sub","sub":"a","credit":0}`)
		<-read
		for range 3 {
			if got := <-read; got != `{"op":"mark","sub":"a"}` {
				t.Errorf("got %s", got)
			}
		}
	})
}
