package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// socket is one connection as a server sees it, a pub at a time.
type socket struct {
	t    *testing.T
	conn *websocket.Conn
	rest [][]byte
}

// next gives the next pub; nil when the client is gone.
func (s *socket) next() *Frame {
	for len(s.rest) == 0 {
		_, message, err := s.conn.Read(s.t.Context())
		if err != nil {
			return nil
		}
		s.rest = bytes.Split(message, []byte{'\n'})
	}
	f, err := parse(s.rest[0])
	if err != nil {
		s.t.Error(err)
		return nil
	}
	s.rest = s.rest[1:]
	return f
}

func (s *socket) say(frame string, values ...any) {
	_ = s.conn.Write(s.t.Context(), websocket.MessageText, fmt.Appendf(nil, frame, values...)) // the client may be gone
}

func (s *socket) ack(f *Frame) { s.say(`{"op":"ack","id":%q,"partition":0,"offset":0}`, f.ID) }

func (s *socket) ackAll() {
	for f := s.next(); f != nil; f = s.next() {
		s.ack(f)
	}
}

// sockets is a server whose n-th connection is treated by its n-th part; further ones by the last. A connection ends with its part.
func sockets(t *testing.T, parts ...func(*socket)) string {
	var mu sync.Mutex
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/ws" || r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("the handshake asked for %s with %v", r.URL, r.Header)
		}
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"culvert.v1.json"}})
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.CloseNow()
		conn.SetReadLimit(-1)
		mu.Lock()
		n++
		part := parts[min(n, len(parts))-1]
		mu.Unlock()
		part(&socket{t: t, conn: conn})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// outcome is what a Publisher told.
type outcome struct {
	mu       sync.Mutex // guards what follows
	failed   []string
	troubles []string
}

func (o *outcome) config() Publishing {
	cfg := DefaultPublishing()
	cfg.Failed = func(where string, err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.failed = append(o.failed, where+": "+err.Error())
	}
	cfg.Trouble = func(err error, _ time.Duration) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.troubles = append(o.troubles, err.Error())
	}
	return cfg
}

// texts gives messages with these payloads.
func texts(payloads ...string) func() (Message, error) {
	i := 0
	return func() (Message, error) {
		if i == len(payloads) {
			return Message{}, io.EOF
		}
		i++
		return Message{Where: fmt.Sprint("line ", i), Topic: "a", Payload: []byte(payloads[i-1])}, nil
	}
}

func wantReport(t *testing.T, p *Publisher, want Report) {
	t.Helper()
	if got := p.Report(); got != want {
		t.Errorf("the report is %+v, want %+v", got, want)
	}
}

func TestPublishing(t *testing.T) {
	var got []string
	url := sockets(t, func(s *socket) {
		for f := s.next(); f != nil; f = s.next() {
			got = append(got, string(f.Payload()))
			s.ack(f)
		}
	})
	var o outcome
	p := newAPI(t, url).NewPublisher(o.config())
	if err := p.Run(t.Context(), texts("one", "two", "three")); err != nil {
		t.Fatal(err)
	}
	wantReport(t, p, Report{Confirmed: 3})
	wantLines(t, "there came", got, "one", "two", "three")
}

// What had no outcome when the bridge went away is sent again, in order and before what comes after it. What had one is not.
func TestABridgeThatGoesAwayAndComesBack(t *testing.T) {
	var second []string
	url := sockets(t,
		func(s *socket) {
			first := s.next()
			s.next()
			third := s.next()
			s.ack(third)
			s.ack(first)
			s.say(`{"op":"bye","reason":"shutdown","reconnect":true,"retry_ms":20}`)
			s.conn.Close(4001, "unavailable: this node is going away")
		},
		func(s *socket) {
			for f := s.next(); f != nil; f = s.next() {
				second = append(second, string(f.Payload()))
				s.ack(f)
			}
		})
	var o outcome
	cfg := o.config()
	cfg.Window = 4
	p := newAPI(t, url).NewPublisher(cfg)
	if err := p.Run(t.Context(), texts("1", "2", "3", "4", "5", "6")); err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(second) || second[0] != "2" || slices.Contains(second, "1") || slices.Contains(second, "3") || len(second) != 4 {
		t.Errorf("the second connection got %q", second)
	}
	if r := p.Report(); r.Confirmed != 6 || r.Failed != 0 || r.Resent < 1 || r.Resent > 4 {
		t.Errorf("the report is %+v", r)
	}
	wantLines(t, "it said", o.troubles, "the bridge said goodbye: shutdown")
}

// Whatever the connections do, every message is confirmed, and each connection gets them in order.
func TestNothingIsLostOverBrokenConnections(t *testing.T) {
	const messages = 1500
	var mu sync.Mutex
	confirmed := map[string]int{}
	url := sockets(t, func(s *socket) {
		last, left := -1, rand.IntN(600)
		for f := s.next(); f != nil; f = s.next() {
			n := 0
			if fmt.Sscan(f.ID, &n); n <= last {
				t.Errorf("%d came behind %d", n, last)
			}
			last = n
			if rand.IntN(3) > 0 { // the others have to wait for the next connection
				mu.Lock()
				confirmed[string(f.Payload())]++
				mu.Unlock()
				s.ack(f)
			}
			if left--; left < 0 {
				return
			}
		}
	})
	var payloads []string
	for i := range messages {
		payloads = append(payloads, fmt.Sprint(i))
	}
	var o outcome
	cfg := o.config()
	cfg.Window, cfg.Timeout = 700, 50*time.Millisecond
	p := newAPI(t, url).NewPublisher(cfg)
	if err := p.Run(t.Context(), texts(payloads...)); err != nil {
		t.Fatal(err)
	}
	if r := p.Report(); r.Confirmed != messages || r.Failed != 0 {
		t.Errorf("the report is %+v", r)
	}
	for _, payload := range payloads {
		if confirmed[payload] == 0 {
			t.Fatalf("%s is lost", payload)
		}
	}
}

func TestABridgeThatSendsAwayForGood(t *testing.T) {
	for name, c := range map[string]struct {
		part func(*socket)
		want string
	}{
		"while it publishes":   {func(s *socket) { s.next(); s.conn.Close(4505, "not-allowed: the token may not publish") }, "not-allowed: the token may not publish"},
		"at the handshake":     {func(s *socket) { s.conn.Close(4500, "unauthenticated: no token") }, "unauthenticated: no token"},
		"without a reason":     {func(s *socket) { s.next(); s.conn.Close(4501, "") }, "closed with 4501: the bridge has closed the connection"},
		"what cannot be read":  {func(s *socket) { s.next(); s.say("hello") }, "the bridge sent what cannot be read: invalid character"},
		"an err without an id": {func(s *socket) { s.next(); s.say(`{"op":"err","code":"internal","detail":"x"}`) }, "internal: x"},
	} {
		t.Run(name, func(t *testing.T) {
			var o outcome
			p := newAPI(t, sockets(t, c.part)).NewPublisher(o.config())
			endless := func() (Message, error) { return Message{Where: "line", Topic: "a", Payload: []byte("x")}, nil }
			err := p.Run(t.Context(), endless)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it ended with %v, want %s", err, c.want)
			}
			if r := p.Report(); r.Confirmed != 0 || int(r.Failed) != len(o.failed) || len(o.troubles) > 0 {
				t.Errorf("the report is %+v with %d failures told, and trouble %q", r, len(o.failed), o.troubles)
			}
		})
	}
}

// A handshake may be refused with a status too, by the bridge or by what stands before it.
func TestAHandshakeThatIsRefused(t *testing.T) {
	s := newScript(t, refusal(403, "not-allowed", false, ""))
	var o outcome
	err := newAPI(t, s.URL).NewPublisher(o.config()).Run(t.Context(), texts("x"))
	if p := (*Problem)(nil); !errors.As(err, &p) || p.Error() != "not-allowed: why" {
		t.Errorf("it ended with %v", err)
	}

	s = newScript(t, refusal(503, "unavailable", true, "1"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg := o.config()
	cfg.Grace = 0
	cfg.Trouble = func(_ error, wait time.Duration) {
		if wait != time.Second {
			t.Errorf("it waits %s", wait)
		}
		cancel()
	}
	if err := newAPI(t, s.URL).NewPublisher(cfg).Run(ctx, texts("x")); err != nil {
		t.Errorf("it ended with %v", err)
	}

	s.Close()
	if err := newAPI(t, s.URL).NewPublisher(cfg).Run(t.Context(), texts("x")); !errors.As(err, new(*Unreachable)) {
		t.Errorf("it ended with %v", err)
	}
}

func TestMessagesThatAreRefused(t *testing.T) {
	tries := map[string]int{}
	url := sockets(t, func(s *socket) {
		for f := s.next(); f != nil; f = s.next() {
			payload := string(f.Payload())
			tries[payload]++
			switch {
			case payload == "bad":
				s.say(`{"op":"err","id":%q,"code":"too-large","detail":"the key","retryable":false}`, f.ID)
			case payload == "later" && tries[payload] < 3:
				s.say(`{"op":"err","id":%q,"code":"unavailable","detail":"not now","retryable":true}`, f.ID)
			default:
				s.ack(f)
			}
		}
	})
	var o outcome
	p := newAPI(t, url).NewPublisher(o.config())
	in := texts("good", "bad", "later", "good")
	n := 0
	err := p.Run(t.Context(), func() (Message, error) {
		if n++; n == 1 {
			return Message{Where: "line 0", Err: errors.New("it is no message")}, nil
		}
		return in()
	})
	if err != nil {
		t.Fatal(err)
	}
	wantReport(t, p, Report{Confirmed: 3, Failed: 2, Resent: 2})
	slices.Sort(o.failed)
	wantLines(t, "there failed", o.failed, "line 0: it is no message", "line 2: too-large: the key")
}

func TestARefusalIsRetriedOnlyForSoLong(t *testing.T) {
	url := sockets(t, func(s *socket) {
		for f := s.next(); f != nil; f = s.next() {
			s.say(`{"op":"err","id":%q,"code":"timeout","detail":"the broker","retryable":true}`, f.ID)
		}
	})
	var o outcome
	cfg := o.config()
	cfg.RetryFor = 50 * time.Millisecond
	p := newAPI(t, url).NewPublisher(cfg)
	if err := p.Run(t.Context(), texts("x")); err != nil {
		t.Fatal(err)
	}
	if r := p.Report(); r.Failed != 1 || r.Resent == 0 {
		t.Errorf("the report is %+v", r)
	}
	wantLines(t, "there failed", o.failed, "line 1: timeout: the broker")
}

func TestABridgeThatStaysAway(t *testing.T) {
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"culvert.v1.json"}})
		if err != nil {
			t.Error(err)
			return
		}
		server.Listener.Close()
		conn.Read(r.Context())
		conn.CloseNow()
	}))
	defer server.Close()
	var o outcome
	cfg := o.config()
	cfg.RetryFor = 300 * time.Millisecond
	p := newAPI(t, server.URL).NewPublisher(cfg)
	err := p.Run(t.Context(), texts("x"))
	if !errors.As(err, new(*Unreachable)) || len(o.troubles) == 0 {
		t.Errorf("it ended with %v after %q", err, o.troubles)
	}
	wantReport(t, p, Report{Failed: 1})
}

// A message that is too large to be read is not answered: the socket closes. The others must not suffer for it.
func TestAMessageThatClosesTheSocket(t *testing.T) {
	for name, explained := range map[string]bool{"after an err": true, "without a word": false} {
		t.Run(name, func(t *testing.T) {
			url := sockets(t, func(s *socket) {
				for f := s.next(); f != nil; f = s.next() {
					if len(f.Payload()) < 1000 {
						s.ack(f)
						continue
					}
					if explained {
						s.say(`{"op":"err","id":%q,"code":"too-large","detail":"1000 bytes","retryable":false}`, f.ID)
					}
					s.conn.Close(websocket.StatusMessageTooBig, "too-large: 1000 bytes")
					return
				}
			})
			var o outcome
			p := newAPI(t, url).NewPublisher(o.config())
			huge := strings.Repeat("x", 2000)
			if err := p.Run(t.Context(), texts("one", huge, "three", huge+huge, "five")); err != nil {
				t.Fatal(err)
			}
			if r := p.Report(); r.Confirmed != 3 || r.Failed != 2 {
				t.Errorf("the report is %+v", r)
			}
			slices.Sort(o.failed)
			wantLines(t, "there failed", o.failed, "line 2: too-large: 1000 bytes", "line 4: too-large: 1000 bytes")
			if len(o.troubles) > 0 {
				t.Errorf("it made a fuss: %q", o.troubles)
			}
		})
	}
}

// A bridge that holds the connection but does not answer is taken for dead.
func TestABridgeThatDoesNotAnswer(t *testing.T) {
	hang := func(s *socket) {
		for s.next() != nil {
		}
	}
	var o outcome
	cfg := o.config()
	cfg.Timeout = 20 * time.Millisecond
	p := newAPI(t, sockets(t, hang, (*socket).ackAll)).NewPublisher(cfg)
	if err := p.Run(t.Context(), texts("x", "y")); err != nil {
		t.Fatal(err)
	}
	wantReport(t, p, Report{Confirmed: 2, Resent: 2})
	wantLines(t, "it said", o.troubles, "the connection broke: nothing was answered for 20ms")
}

// However long the input is, no more of it is read than the window holds.
func TestTheWindowBoundsWhatIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		window, bytes, payload, want int
	}{
		"by number":             {10, 1 << 20, 1, 10},
		"by bytes":              {1000, 10_000, 2_000 - 37, 4},
		"one that is too large": {1000, 10, 2_000, 1},
	} {
		t.Run(name, func(t *testing.T) {
			full := make(chan struct{})
			url := sockets(t, func(s *socket) {
				for range c.want {
					s.next()
				}
				close(full)
				if s.next() != nil {
					t.Error("more came than the window holds")
				}
			})
			var o outcome
			cfg := o.config()
			cfg.Window, cfg.WindowBytes, cfg.Grace = c.window, c.bytes, 10*time.Millisecond
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var read int
			go func() {
				<-full
				cancel()
			}()
			p := newAPI(t, url).NewPublisher(cfg)
			message := Message{Where: "line", Topic: "a", Payload: bytes.Repeat([]byte{'x'}, c.payload)}
			if err := p.Run(ctx, func() (Message, error) { read++; return message, nil }); err != nil {
				t.Fatal(err)
			}
			wantReport(t, p, Report{Failed: int64(c.want)})
			if read > c.want+1 {
				t.Errorf("%d were read", read)
			}
		})
	}
}

// ^C: nothing more is read, what is on its way is waited for, and what is not answered then has failed. A source that blocks is no hindrance.
func TestTheEndIsAskedFor(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	url := sockets(t, func(s *socket) {
		first := s.next()
		s.next()
		cancel()
		s.ack(first)
		s.next()
	})
	var o outcome
	cfg := o.config()
	cfg.Grace = 100 * time.Millisecond
	p := newAPI(t, url).NewPublisher(cfg)
	blocked := make(chan struct{})
	defer close(blocked)
	in := texts("1", "2")
	err := p.Run(ctx, func() (Message, error) {
		m, err := in()
		if err != nil {
			<-blocked
		}
		return m, err
	})
	if err != nil {
		t.Fatal(err)
	}
	wantReport(t, p, Report{Confirmed: 1, Failed: 1})
	wantLines(t, "there failed", o.failed, "line 2: "+errUnanswered.Error())
}

func TestASourceThatBreaks(t *testing.T) {
	broken := errors.New("the disk is gone")
	var o outcome
	p := newAPI(t, sockets(t, (*socket).ackAll)).NewPublisher(o.config())
	in := texts("1", "2")
	err := p.Run(t.Context(), func() (Message, error) {
		m, err := in()
		if err != nil {
			err = broken
		}
		return m, err
	})
	if !errors.Is(err, broken) {
		t.Errorf("it ended with %v", err)
	}
	wantReport(t, p, Report{Confirmed: 2})
}

func TestPace(t *testing.T) {
	for rate, want := range map[float64]time.Duration{0: 0, 10: 100 * time.Second, 0.5: 2000 * time.Second, 100_000: 10 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			p := newPace(rate)
			for range 1001 {
				if err := p.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(begun); took < want-grain || took > want {
				t.Errorf("1001 messages at %v a second took %s, want %s", rate, took, want)
			}
			// What was not used is not made up for.
			time.Sleep(time.Hour)
			begun = time.Now()
			for range 1001 {
				if err := p.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(begun); took < want-grain {
				t.Errorf("after a rest they took %s, want %s", took, want)
			}
		})
	}
}

func TestFrames(t *testing.T) {
	parsed := func(object string) Message {
		m, err := ParsePub([]byte(object), "a")
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct {
		m    Message
		want string
	}{
		{Message{Topic: "a", Payload: []byte("<b> & \"\n")}, `{"op":"pub","id":"7","topic":"a","text":"<b> & \"\n"}`},
		{Message{Topic: "a", Payload: []byte{}}, `{"op":"pub","id":"7","topic":"a","text":""}`},
		{Message{Topic: "a", Key: []byte{}, Payload: nil}, `{"op":"pub","id":"7","topic":"a","key":"","payload":null}`},
		{Message{Topic: "a", Key: []byte{0xff}, Payload: []byte{0xfe}}, `{"op":"pub","id":"7","topic":"a","key64":"/w==","base64":"/g=="}`},
		{Message{Topic: "a", Headers: []Header{{"h", []byte("v")}, {"h", []byte{0xff}}}, Payload: []byte("x")}, `{"op":"pub","id":"7","topic":"a","headers":[["h","v"],["h",null,"/w=="]],"text":"x"}`},
		{parsed(`{"payload": {"n": 1.00, "e": 1e400}}`), `{"op":"pub","id":"7","payload":{"n": 1.00, "e": 1e400},"topic":"a"}`},
		{parsed(` {"id":"mine","op":"pub","topic":"b","text":"x","key":null} `), `{"op":"pub","id":"7","topic":"b","text":"x","key":null}`},
		{parsed(`{}`), `{"op":"pub","id":"7","topic":"a"}`},
	} {
		got := c.m.frame(7)
		if string(got) != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		if !json.Valid(got) {
			t.Errorf("%s is no JSON", got)
		}
	}
	for _, wrong := range []string{"", "x", "[]", "1", `"x"`, `{`, `{"a"}`, `{"a":}`, `{"a":1`, `{"a":1}}`, `{} {}`, "{\"a\":\"\xff\"}", `{"a":1,}`} {
		if _, err := ParsePub([]byte(wrong), "a"); err == nil {
			t.Errorf("%s was taken", wrong)
		}
	}
}

func FuzzParsePub(f *testing.F) {
	f.Add([]byte(`{"key":"k","headers":[["a","b"]],"payload":{"a":[1,2]}}`))
	f.Add([]byte(`{"topic":"b","text":"\ud800"}`))
	f.Fuzz(func(t *testing.T, object []byte) {
		m, err := ParsePub(object, "a")
		if err != nil {
			return
		}
		if got := m.frame(1); !json.Valid(got) {
			t.Errorf("%q became %q, which is no JSON", object, got)
		}
	})
}

// With nothing on its way there is nothing to wait for: ^C at a prompt ends at once.
func TestTheEndIsAskedForWithNothingOnItsWay(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var o outcome
	cfg := o.config()
	cfg.Grace = time.Hour
	p := newAPI(t, sockets(t, (*socket).ackAll)).NewPublisher(cfg)
	blocked := make(chan struct{})
	defer close(blocked)
	done := make(chan error, 1)
	go func() {
		done <- p.Run(ctx, func() (Message, error) {
			cancel()
			<-blocked
			return Message{}, io.EOF
		})
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it waits for nothing")
	}
	wantReport(t, p, Report{})
}
