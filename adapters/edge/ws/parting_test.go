package ws

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// rest is what a client still reads, the close last.
func rest(read <-chan string) []string {
	var all []string
	for text := range read {
		all = append(all, text)
	}
	return all
}

// withoutRetry is a bye without its retry_ms, which is random.
func withoutRetry(frame string) string {
	before, after, ok := strings.Cut(frame, `,"retry_ms":`)
	if !ok {
		return frame
	}
	return before + strings.TrimLeft(after, "0123456789")
}

func cursorAt(next int64) string {
	return domain.CursorOf("orders", domain.NewVector(1, domain.Place{Next: next})).String()
}

// The socket's bye raced with those of its subs: a client was told to come back and not, or not always, where to go on. A sub that waited for credit never said
// bye.
func TestEachSubSaysByeBeforeItsSocketDoes(t *testing.T) {
	for _, services := range []string{"the services say bye", "the services say nothing"} {
		t.Run(services, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, streams, _ := viewing()
				joins, members := joining()
				b.join = joins.join
				h := newBubble(t, b)
				defer h.server.Close()
				c, read := h.dialReading(t, "/v1/topics/orders/ws", true)
				say(t, c, `{"op":"sub","sub":"idle"}`)
				idle := <-streams
				say(t, c, `{"op":"sub","sub":"waits","credit":2}`)
				waits := <-streams
				waits.feed <- batchOf(runOf(20, payloads("20")...), runOf(30, payloads("30", "31", "32")...))
				say(t, c, `{"op":"sub","sub":"joined","queue":"q"}`)
				joined := <-members
				synctest.Wait()
				for len(read) > 0 {
					<-read
				}
				if services == "the services say bye" {
					bye := &domain.Bye{Reason: domain.ByeShutdown, Reconnect: true}
					idle.feed <- bye
					waits.feed <- bye
					joined.feed <- bye
				}
				if err := h.edge.Drain(t.Context()); err != nil {
					t.Error(err)
				}
				var got []string
				for _, text := range rest(read) {
					got = append(got, withoutRetry(text))
				}
				if len(got) == 5 {
					slices.Sort(got[:3])
				}
				want := []string{
					`{"op":"bye","sub":"idle","reason":"shutdown","reconnect":true,"cursor":"` + cursorAt(7) + `"}`,
					`{"op":"bye","sub":"joined","reason":"shutdown","reconnect":true}`,
					`{"op":"bye","sub":"waits","reason":"shutdown","reconnect":true,"cursor":"` + cursorAt(31) + `"}`,
					`{"op":"bye","reason":"shutdown","reconnect":true}`,
					"4001 unavailable: this node is shutting down; come back, another one may answer",
				}
				if !slices.Equal(got, want) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			})
		})
	}
}

// A raw view was closed with shutdown or with unavailable, by who was first: its service or the edge.
func TestARawSocketIsClosedForTheSameReasonAlways(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{"/v1/topics/orders/ws?mode=view", "4001 shutdown: this node is going away"},
		{"/v1/topics/orders/ws?mode=both", "4001 shutdown: this node is going away"},
		{"/v1/topics/orders/queues/q/ws", "4001 shutdown: this node is going away"},
		{"/v1/topics/orders/queues/q/ws?mode=peek", "4001 shutdown: this node is going away"},
		{"/v1/topics/orders/ws", "4001 unavailable: this node is shutting down; come back, another one may answer"},
	} {
		for _, bye := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				b, streams, _, _ := peeking()
				joins, members := joining()
				b.join = joins.join
				h := newBubble(t, b)
				defer h.server.Close()
				_, read := h.dialRaw(t, c.path)
				synctest.Wait()
				if bye {
					shutdown := &domain.Bye{Reason: domain.ByeShutdown, Reconnect: true}
					for len(streams) > 0 {
						(<-streams).feed <- shutdown
					}
					for len(members) > 0 {
						(<-members).feed <- shutdown
					}
				}
				if err := h.edge.Drain(t.Context()); err != nil {
					t.Error(err)
				}
				if got := rest(read); !slices.Equal(got, []string{c.want}) {
					t.Errorf("%s, with a bye of its own: %v: got %q, want %q", c.path, bye, got, c.want)
				}
			})
		}
	}
}

// A socket that had been opened, and was not heard yet when the node began to go away, was closed as one that is refused: without bye, and a view for another reason.
func TestTheDrainComesWhileTheHandshakeIsAnswered(t *testing.T) {
	b, _, _ := viewing()
	e, _ := newHandler(t, b, DefaultConfig(), domain.DefaultLimits())
	for name, c := range map[string]struct {
		open         func(ctx context.Context, s *socket) (dialect, error)
		first, close string
	}{
		"json": {func(_ context.Context, s *socket) (dialect, error) {
			return openConversation(s, place{}, edge.QueryParams("", e.limits))
		}, `{"op":"bye","reason":"shutdown","reconnect":true,"retry_ms":`, "unavailable: this node is shutting down"},
		"raw": {func(ctx context.Context, s *socket) (dialect, error) {
			return openRaw(ctx, s, place{topic: "orders"}, nil, edge.QueryParams("mode=view", e.limits))
		}, "", "shutdown: this node is going away"},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		conn := &recorder{}
		s := newSocket(ctx, e, cancel)
		s.attach(conn)
		var err error
		if s.dialect, err = c.open(ctx, s); err != nil {
			t.Fatal(err)
		}
		s.cancel(errGoingAway()) // as drain does before the handshake is answered
		s.connected(ctx)
		s.end()
		said := conn.got
		if c.first != "" {
			size := frameSize(said)
			if got := string(said[2:size]); !strings.HasPrefix(got, c.first) {
				t.Errorf("%s: got %s", name, got)
			}
			said = said[size:]
		}
		if len(said) < 4 || said[0] != final|opClose || !strings.HasPrefix(string(said[4:]), c.close) {
			t.Errorf("%s: closed with %q", name, said)
		}
	}
}

// A sub whose view took long to open held its answer back until the socket had said bye, and then said internal.
func TestASubThatIsStillOpeningIsRefusedByTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{view: func(ctx context.Context, _ ports.View) (*stream, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		h := newBubble(t, b)
		defer h.server.Close()
		c, read := h.dialReading(t, "/v1/topics/orders/ws", true)
		say(t, c, `{"op":"sub","id":"1","sub":"a"}`)
		synctest.Wait()
		if err := h.edge.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		got := rest(read)
		if len(got) != 3 || got[0] != `{"op":"err","id":"1","code":"unavailable","detail":"this node is shutting down; come back, another one may answer","retryable":true,"sub":"a"}` {
			t.Errorf("got %q", got)
		}
	})
}

// A full window keeps the rest of a message from being heard until the drain has begun: what it asks for then is refused, and answered before the close all the same.
func TestASubThatIsHeardDuringTheDrainIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, streams, _ := viewing()
		b.window, b.gate = 1, make(chan struct{})
		h := newBubble(t, b)
		defer h.server.Close()
		c, read := h.dialReading(t, "/v1/topics/orders/ws", true)
		say(t, c, `{"op":"pub","text":"x"}`, `{"op":"pub","id":"1","text":"x"}`, `{"op":"sub","id":"2","sub":"a"}`)
		synctest.Wait()
		drained := make(chan error, 1)
		go func() { drained <- h.edge.Drain(t.Context()) }()
		synctest.Wait()
		close(b.gate)
		got := rest(read)
		if len(got) != 4 || len(streams) != 0 {
			t.Fatalf("got %q, and %d views", got, len(streams))
		}
		slices.Sort(got[:2]) // they come from two goroutines
		for i, want := range []string{
			`{"op":"ack","id":"1"`,
			`{"op":"err","id":"2","code":"unavailable","detail":"this node is shutting down; come back, another one may answer","retryable":true,"sub":"a"}`,
			`{"op":"bye","reason":"shutdown"`,
			"4001 unavailable: ",
		} {
			if !strings.HasPrefix(got[i], want) {
				t.Errorf("got %s, want %s…", got[i], want)
			}
		}
		if err := <-drained; err != nil {
			t.Error(err)
		}
	})
}

// The end of the socket is the end of its subs, which took it for a defect: a bye with internal came before the close, of those subs that were quicker than the
// close was.
func TestTheSubsOfASocketThatEndsSayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, _ := viewing()
		joins, _ := joining()
		b.join = joins.join
		e, _ := newHandler(t, b, DefaultConfig(), domain.DefaultLimits())
		ctx, cancel := context.WithCancelCause(t.Context())
		conn := &recorder{}
		s := newSocket(ctx, e, cancel)
		s.attach(conn)
		s.opened()
		var err error
		if s.dialect, err = openConversation(s, place{topic: "orders"}, edge.QueryParams("", e.limits)); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			s.hear(ctx, true, fmt.Appendf(nil, `{"op":"sub","sub":"v%d"}`, i))
			s.hear(ctx, true, fmt.Appendf(nil, `{"op":"sub","sub":"q%d","queue":"q"}`, i))
		}
		synctest.Wait()
		before := len(conn.got)
		s.cancel(errClosed) // as close does, which is slow to write its frame then
		synctest.Wait()
		if got := conn.got[before:]; len(got) > 0 {
			t.Errorf("after the end came %q", got)
		}
		s.end()
	})
}

// An unsub is answered by its subscription, which the close did not wait for: the end that was due was lost.
func TestUnsubsAreAnsweredBeforeTheClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, streams, _ := viewing()
		joins, members := joining()
		b.join = joins.join
		h := newBubble(t, b)
		defer h.end(t)
		c, read := h.dialReading(t, "/v1/topics/orders/ws", true)
		var unsubs []string
		want := map[string]bool{}
		for i := range 10 {
			say(t, c, fmt.Sprintf(`{"op":"sub","sub":"v%d"}`, i), fmt.Sprintf(`{"op":"sub","sub":"q%d","queue":"q"}`, i))
			<-streams
			<-members
			for _, name := range []string{fmt.Sprintf("v%d", i), fmt.Sprintf("q%d", i)} {
				unsubs = append(unsubs, `{"op":"unsub","id":"`+name+`","sub":"`+name+`"}`)
				want[`{"op":"end","id":"`+name+`","sub":"`+name+`"}`] = true
			}
		}
		synctest.Wait()
		for len(read) > 0 {
			<-read
		}
		say(t, c, append(unsubs, `garbage`)...)
		got := rest(read)
		for _, text := range got[:len(got)-1] {
			if !want[text] {
				t.Errorf("got %s", text)
			}
			delete(want, text)
		}
		if last := got[len(got)-1]; len(want) != 0 || !strings.HasPrefix(last, "4501 invalid-request: ") {
			t.Errorf("%d unsubs were not answered before %s", len(want), last)
		}
	})
}

// So was the ready of a sub before the garbage. It is waited for as long as for all that is due, and not longer.
func TestSubsAreAnsweredBeforeTheClose(t *testing.T) {
	for _, c := range []struct {
		name  string
		opens time.Duration
		want  string
	}{
		{"in time", DefaultConfig().CloseTimeout - time.Second, `{"op":"ready","id":"1","sub":"a"`},
		{"late", DefaultConfig().CloseTimeout + time.Second, "4501 invalid-request: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &broker{view: func(context.Context, ports.View) (*stream, error) {
					time.Sleep(c.opens)
					return newStream(), nil
				}}
				h := newBubble(t, b)
				defer h.end(t)
				client, read := h.dialReading(t, "/v1/topics/orders/ws", true)
				say(t, client, `{"op":"sub","id":"1","sub":"a"}`, `garbage`)
				got := rest(read)
				if !strings.HasPrefix(got[0], c.want) || !strings.HasPrefix(got[len(got)-1], "4501 invalid-request: ") {
					t.Errorf("got %q", got)
				}
			})
		})
	}
}
