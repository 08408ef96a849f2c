package ws

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
)

// conflating is a bubble with one sub of latest-by-key whose ready was read, and the batches that it has not taken yet.
func conflating(t *testing.T, fields string) (h *bubble, c *gorillaClient, read <-chan string, s *stream) {
	t.Helper()
	b, streams, _ := viewing()
	h = newBubble(t, b)
	c, read = h.dialReading(t, "/v1/topics/orders/ws", true)
	say(t, c, `{"op":"sub","id":"1","sub":"a","overflow":"latest-by-key",`+fields+`}`)
	wantRead(t, read, `{"op":"ready","id":"1","sub":"a",`)
	return h, c, read, <-streams
}

// wantRead reads frames, which must begin so.
func wantRead(t *testing.T, read <-chan string, prefixes ...string) (last string) {
	t.Helper()
	for _, prefix := range prefixes {
		if last = <-read; !strings.HasPrefix(last, prefix) {
			t.Fatalf("got  %s\nwant %s…", last, prefix)
		}
	}
	return last
}

// wantUntaken holds that so many of the batches that s was fed wait in it, and that nothing is to be read.
func wantUntaken(t *testing.T, s *stream, read <-chan string, n int) {
	t.Helper()
	synctest.Wait()
	if len(s.feed) != n {
		t.Fatalf("%d batches wait in the stream, not %d", len(s.feed), n)
	}
	select {
	case got := <-read:
		t.Fatalf("without credit came %s", got)
	default:
	}
}

// What waits for credit is to be conflated, which the stream cannot do with what was taken from it.
func TestWhatIsConflatedWaitsInTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, read, s := conflating(t, `"credit":0`)
		defer h.end(t)
		s.feed <- batchOf(gapRun(domain.Gap{Reason: domain.GapOverflow, Lost: 3}), runOf(0, payloads("0", "1")...))
		s.feed <- batchOf(runOf(2, payloads("2")...))
		wantUntaken(t, s, read, 2)

		// The silence is broken all the same.
		time.Sleep(DefaultConfig().Heartbeat)
		if got := <-read; got != `{"op":"mark","sub":"a"}` {
			t.Errorf("got %s", got)
		}
		wantUntaken(t, s, read, 2)

		say(t, c, `{"op":"credit","sub":"a","n":1}`)
		wantRead(t, read, `{"op":"gap","sub":"a","reason":"overflow"`, `{"op":"msg","sub":"a","topic":"orders","partition":0,"offset":0,`)
		wantUntaken(t, s, read, 1)
		say(t, c, `{"op":"credit","sub":"a","n":1}`)
		wantRead(t, read, `{"op":"msg","sub":"a","topic":"orders","partition":0,"offset":1,`)
		wantUntaken(t, s, read, 1)
		say(t, c, `{"op":"credit","sub":"a","n":5}`)
		wantRead(t, read, `{"op":"msg","sub":"a","topic":"orders","partition":0,"offset":2,`)
		wantUntaken(t, s, read, 0)
		s.feed <- batchOf(runOf(3, payloads("3", "4", "5", "6")...))
		wantRead(t, read, `{"op":"msg"`, `{"op":"msg"`, `{"op":"msg"`, `{"op":"msg"`)
		s.feed <- &domain.Bye{Reason: domain.ByeUnavailable, Reconnect: true}
		wantUntaken(t, s, read, 1)
		say(t, c, `{"op":"credit","sub":"a","n":1}`)
		wantRead(t, read, `{"op":"bye","sub":"a","reason":"unavailable"`)
	})
}

func TestWithoutALimitOfCreditWhatIsConflatedFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, read, s := conflating(t, `"limit":9`)
		defer h.end(t)
		s.feed <- batchOf(runOf(0, payloads("0", "1")...))
		s.feed <- batchOf(runOf(2, payloads("2")...))
		wantRead(t, read, `{"op":"msg"`, `{"op":"msg"`, `{"op":"msg"`)
		wantUntaken(t, s, read, 0)
	})
}

// A client that gives as much credit as it wants messages is told that these were all.
func TestTheEndOfALimitNeedsNoCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, read, s := conflating(t, `"limit":2,"credit":2`)
		defer h.end(t)
		s.feed <- batchOf(gapRun(domain.Gap{Reason: domain.GapOverflow, Lost: 3}), runOf(0, payloads("0")...))
		s.feed <- batchOf(gapRun(domain.Gap{Reason: domain.GapOverflow, Lost: 3}), runOf(1, payloads("1")...))
		s.feed <- &domain.Bye{Reason: domain.ByeEnd}
		wantRead(t, read, `{"op":"gap"`, `{"op":"msg"`, `{"op":"gap"`, `{"op":"msg"`, `{"op":"bye","sub":"a","reason":"end","reconnect":false`)
	})
}

// Who waits for credit still hears the client leave, and the node go away.
func TestASubThatWaitsForCreditCanEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, read, s := conflating(t, `"credit":1`)
		s.feed <- batchOf(runOf(0, payloads("0")...))
		s.feed <- batchOf(runOf(1, payloads("1")...))
		wantRead(t, read, `{"op":"msg"`)
		wantUntaken(t, s, read, 1)
		say(t, c, `{"op":"unsub","id":"2","sub":"a"}`)
		wantRead(t, read, `{"op":"end","id":"2","sub":"a"}`)
		say(t, c, `{"op":"sub","id":"3","sub":"b","overflow":"latest-by-key","credit":0}`)
		wantRead(t, read, `{"op":"ready","id":"3","sub":"b"`)
		h.end(t)
		bye := wantRead(t, read, `{"op":"bye","sub":"b","reason":"shutdown","reconnect":true`)
		if !strings.Contains(bye, `,"cursor":"`+s.Cursor().String()+`"`) {
			t.Errorf("without its place: %s", bye)
		}
		wantRead(t, read, `{"op":"bye","reason":"shutdown"`, "4001 ")
	})
}

// A gap, and the end, of any other view cost no credit, so they are told without.
func TestWhatCostsNothingIsToldWithoutCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, streams, _ := viewing()
		h := newBubble(t, b)
		defer h.end(t)
		c, read := h.dialReading(t, "/v1/topics/orders/ws", true)
		say(t, c, `{"op":"sub","sub":"a","credit":0,"overflow":"drop","to":"latest"}`)
		s := <-streams
		wantRead(t, read, `{"op":"ready"`)
		s.feed <- batchOf(gapRun(domain.Gap{Reason: domain.GapRetention, Lost: 3}))
		s.feed <- &domain.Bye{Reason: domain.ByeEnd}
		wantRead(t, read, `{"op":"gap","sub":"a","reason":"retention"`, `{"op":"bye","sub":"a","reason":"end"`)
	})
}
