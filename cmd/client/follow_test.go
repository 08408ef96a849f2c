package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// script is a server whose n-th request to a stream is answered by its n-th part; further ones by the last.
type script struct {
	*httptest.Server
	parts []http.HandlerFunc

	mu       sync.Mutex // guards requests
	requests []string   // of streams: the path, the query, and the Last-Event-ID where there is one
}

func newScript(t *testing.T, parts ...http.HandlerFunc) *script {
	s := &script{parts: parts}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		line := r.URL.RequestURI()
		if id := r.Header.Get("Last-Event-ID"); id != "" {
			line += " after " + id
		}
		s.requests = append(s.requests, line)
		part := s.parts[min(len(s.requests), len(s.parts))-1]
		s.mu.Unlock()
		part(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *script) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// frames answers with NDJSON, and cuts the connection behind it.
func frames(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		io.WriteString(w, text)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// refusal answers with a problem.
func refusal(status int, code string, retryable bool, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"code":%q,"title":"t","detail":"why","status":%d,"retryable":%t}`, code, status, retryable)
	}
}

const end = `{"op":"bye","reason":"end","reconnect":false,"cursor":"end"}` + "\n"

func msg(offset int, cursor string) string {
	return fmt.Sprintf(`{"op":"msg","topic":"a","partition":0,"offset":%d,"key":null,"headers":[],"text":"m%d"%s}`+"\n", offset, offset, field("cursor", cursor))
}

func field(name, value string) string {
	if value == "" {
		return ""
	}
	return fmt.Sprintf(`,%q:%q`, name, value)
}

// heard is what an audience was told, a line each.
type heard struct {
	lines []string
	waits []time.Duration
	stop  context.CancelFunc // called at the first trouble, where it is not nil
}

func (h *heard) audience() Audience {
	return Audience{
		Frame: func(f *Frame) error {
			if f.Op == "msg" {
				h.lines = append(h.lines, string(f.Payload()))
			} else {
				h.lines = append(h.lines, f.Op)
			}
			return nil
		},
		Pause: func() error { return nil },
		Trouble: func(err error, wait time.Duration) {
			h.lines = append(h.lines, "trouble: "+err.Error())
			h.waits = append(h.waits, wait)
			if h.stop != nil {
				h.stop()
			}
		},
	}
}

func newAPI(t *testing.T, url string) *API {
	t.Helper()
	a, err := New(Config{URL: url, Token: "secret", Agent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func wantLines(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestAViewGoesOnWhereItWasCut(t *testing.T) {
	s := newScript(t,
		frames(`{"op":"ready","stream":"s","heartbeat_ms":15000,"cursor":"c0"}`+"\n"+msg(0, "c1")+msg(1, "")+msg(2, "")+`{"op":"msg","topic":"a","part`),
		// The cursor is thinned: m1 and m2 come again.
		frames(`{"op":"ready","stream":"t","resumed":true,"cursor":"c1"}`+"\n"+msg(1, "")+msg(2, "")+msg(3, "c4")+`{"op":"mark","cursor":"c5"}`+"\n"),
		frames(`{"op":"ready","stream":"u","resumed":true,"cursor":"c5"}`+"\n"+msg(6, "")+end),
	)
	var h heard
	err := newAPI(t, s.URL).Follow(t.Context(), Following{Topics: []string{"a"}, Limit: 9, Query: url.Values{"from": {"earliest"}}}, h.audience())
	if err != nil {
		t.Fatal(err)
	}
	wantLines(t, "it heard", h.lines, "m0", "m1", "m2", "trouble: the connection broke", "m3", "trouble: the connection broke", "m6")
	wantLines(t, "it asked for", s.asked(),
		"/v1/topics/a/events?from=earliest&limit=9",
		"/v1/topics/a/events?from=earliest&limit=8 after c1",
		"/v1/topics/a/events?from=earliest&limit=5 after c5")
}

// Where the log began anew, offsets that were seen before are of other messages.
func TestAnEpochThatEndedIsForgotten(t *testing.T) {
	s := newScript(t,
		frames(msg(7, "c8")),
		frames(`{"op":"ready","resumed":false,"reason":"epoch","cursor":"d"}`+"\n"+`{"op":"gap","reason":"epoch","topic":"a","partition":0,"lost":null,"cursor":"d"}`+"\n"+msg(0, "d1")),
		frames(msg(1, "d2")+`{"op":"gap","reason":"epoch","topic":"a","partition":0,"lost":3,"cursor":"e"}`+"\n"+msg(0, "e1")+end),
	)
	var h heard
	if err := newAPI(t, s.URL).Follow(t.Context(), Following{Topics: []string{"a"}}, h.audience()); err != nil {
		t.Fatal(err)
	}
	wantLines(t, "it heard", h.lines, "m7", "trouble: the connection broke", "gap", "m0", "trouble: the connection broke", "m1", "gap", "m0")
}

func TestABrokerWithoutPositions(t *testing.T) {
	const line = `{"op":"msg","topic":"a","partition":0,"offset":null,"key":null,"headers":[],"text":"x"}` + "\n"
	s := newScript(t, frames(line+line+end))
	var h heard
	if err := newAPI(t, s.URL).Follow(t.Context(), Following{Topics: []string{"a"}}, h.audience()); err != nil {
		t.Fatal(err)
	}
	wantLines(t, "it heard", h.lines, "x", "x")
}

func TestTheBridgeSaysHowLongToWait(t *testing.T) {
	for name, part := range map[string]struct {
		http.HandlerFunc
		wait time.Duration
		says string
	}{
		"Retry-After":    {refusal(503, "unavailable", true, "7"), 7 * time.Second, "trouble: unavailable: why"},
		"bye":            {frames(`{"op":"bye","reason":"shutdown","reconnect":true,"retry_ms":1700,"cursor":"c"}` + "\n"), 1700 * time.Millisecond, "trouble: the bridge said goodbye: shutdown"},
		"a proxy":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, 0, "trouble: the answer is 502 Bad Gateway, and no bridge's"},
		"a half answer":  {frames(""), 0, "trouble: the connection broke"},
		"too many at it": {refusal(429, "too-many-requests", true, "3"), 3 * time.Second, "trouble: too-many-requests: why"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, part.HandlerFunc)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			h := heard{stop: cancel}
			if err := newAPI(t, s.URL).Follow(ctx, Following{Topics: []string{"a"}}, h.audience()); err != nil {
				t.Errorf("it ended with %v", err)
			}
			wantLines(t, "it heard", h.lines, part.says)
			wait := h.waits[0]
			if part.wait > 0 && wait != part.wait || part.wait == 0 && (wait <= 0 || wait > 300*time.Millisecond) {
				t.Errorf("it waits %s, want %s", wait, part.wait)
			}
		})
	}
}

func TestTroubleThatStaysEndsIt(t *testing.T) {
	for name, c := range map[string]struct {
		part http.HandlerFunc
		want string
	}{
		"a problem":         {refusal(404, "unknown-topic", false, ""), "unknown-topic: why"},
		"not supported":     {refusal(501, "unsupported", false, ""), "unsupported: why"},
		"another server":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, "the answer is 404 Not Found, and no bridge's"},
		"another program":   {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }, "is no bridge: it sends \"text/html; charset=utf-8\" where"},
		"what is no JSON":   {frames("hello\n"), "the bridge sent what cannot be read: invalid character"},
		"a bye for good":    {frames(`{"op":"bye","reason":"revoked","reconnect":false}` + "\n"), "revoked: the bridge has ended the stream"},
		"no problem at all": {refusal(400, "", false, ""), "the answer is 400 Bad Request, and no bridge's"},
	} {
		t.Run(name, func(t *testing.T) {
			var h heard
			err := newAPI(t, newScript(t, c.part).URL).Follow(t.Context(), Following{Topics: []string{"a"}}, h.audience())
			if err == nil || !strings.Contains(err.Error(), c.want) || len(h.lines) > 0 {
				t.Errorf("it heard %q and ended with %v, want %s", h.lines, err, c.want)
			}
		})
	}
}

// A stream that says "end" has 204 for who comes back.
func TestAStreamThatEndedForGood(t *testing.T) {
	s := newScript(t, frames(msg(0, "c")), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	var h heard
	if err := newAPI(t, s.URL).Follow(t.Context(), Following{Topics: []string{"a"}}, h.audience()); err != nil {
		t.Fatal(err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	s := newScript(t, frames(msg(0, "c")))
	s.Close()
	var h heard
	err := newAPI(t, s.URL).Follow(t.Context(), Following{Topics: []string{"a"}}, h.audience())
	if u := (*Unreachable)(nil); !errors.As(err, &u) || u.URL != s.URL || len(h.lines) > 0 {
		t.Errorf("it heard %q and ended with %v", h.lines, err)
	}

	// One that was there may come back.
	s = newScript(t, nil)
	s.parts = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
		s.Listener.Close()
		frames(msg(0, "c"))(w, r)
	}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	audience := h.audience()
	audience.Trouble = func(err error, _ time.Duration) {
		if errors.As(err, new(*Unreachable)) {
			cancel()
		}
	}
	if err := newAPI(t, s.URL).Follow(ctx, Following{Topics: []string{"a"}}, audience); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// A connection that died without a word is noticed by the heartbeats that do not come.
func TestSilenceIsNoticed(t *testing.T) {
	hang := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		io.WriteString(w, `{"op":"ready","stream":"s","heartbeat_ms":10,"cursor":"c0"}`+"\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	s := newScript(t, hang, frames(msg(0, "c1")+end))
	var h heard
	if err := newAPI(t, s.URL).Follow(t.Context(), Following{Topics: []string{"a"}}, h.audience()); err != nil {
		t.Fatal(err)
	}
	if len(h.lines) != 2 || !strings.HasPrefix(h.lines[0], "trouble: the connection broke") || h.lines[1] != "m0" {
		t.Errorf("it heard %q", h.lines)
	}
	wantLines(t, "it asked for", s.asked(), "/v1/topics/a/events", "/v1/topics/a/events after c0")
}

// A member settles what it has shown, after it was shown, and joins anew without the from of its first join, which would be a conflict.
func TestAMemberSettlesWhatItHasShown(t *testing.T) {
	var mu sync.Mutex
	var order []string
	note := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, line)
	}
	streams := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body)
			note(r.URL.Path + " " + string(body))
			io.WriteString(w, `{"settled":1,"unknown":[]}`)
			return
		}
		note(r.URL.RequestURI())
		streams++
		w.Header().Set("Content-Type", "application/x-ndjson")
		fmt.Fprintf(w, `{"op":"ready","stream":"s%d","mode":"join"}`+"\n", streams)
		for i := range 2 {
			fmt.Fprintf(w, `{"op":"msg","topic":"a","partition":0,"offset":%d,"key":null,"headers":[],"text":"m%d","receipt":"r%d-%d"}`+"\n", i, i, streams, i)
		}
		if streams == 2 {
			io.WriteString(w, `{"op":"bye","reason":"end","reconnect":false}`+"\n")
		}
	}))
	defer server.Close()
	following := Following{Topics: []string{"a"}, Queue: "q", Manual: true, Query: url.Values{"from": {"earliest"}, "ack": {"manual"}}}
	err := newAPI(t, server.URL).Follow(t.Context(), following, Audience{
		Frame:   func(f *Frame) error { note("show " + string(f.Payload())); return nil },
		Pause:   func() error { note("pause"); return nil },
		Trouble: func(error, time.Duration) { note("trouble") },
	})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(order, "\n")
	// How much comes at once is the network's, so pauses and settlements in between may differ.
	for _, want := range []string{
		"/v1/topics/a/queues/q/events?ack=manual&from=earliest\n", "show m1\npause\n/v1/streams/s1/done {\"upto\":\"r1-1\"}\n",
		"/v1/topics/a/queues/q/events?ack=manual\n", "pause\n/v1/streams/s2/done {\"upto\":\"r2-1\"}",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it did\n%s\nwithout\n%s", got, want)
		}
	}
}

// A peek is a view: it comes back to where it was, still as a peek, with what is left of its limit, tells nothing twice, and settles nothing.
func TestAPeekGoesOnWhereItWasCut(t *testing.T) {
	s := newScript(t,
		frames(`{"op":"bye","reason":"unavailable","reconnect":true,"retry_ms":1}`+"\n"), // the place could not be had: there is no cursor
		frames(`{"op":"ready","stream":"s","mode":"peek","queue":"q","cursor":"c3"}`+"\n"+msg(3, "c4")+msg(4, "")),
		frames(`{"op":"ready","stream":"t","mode":"peek","queue":"q","resumed":true,"cursor":"c4"}`+"\n"+msg(4, "")+msg(5, "c6")+end),
	)
	var h heard
	following := Following{Topics: []string{"a"}, Queue: "q", Peek: true, Limit: 9, Query: url.Values{"to": {"latest"}}}
	if err := newAPI(t, s.URL).Follow(t.Context(), following, h.audience()); err != nil {
		t.Fatal(err)
	}
	wantLines(t, "it heard", h.lines, "trouble: the bridge said goodbye: unavailable", "m3", "m4", "trouble: the connection broke", "m5")
	wantLines(t, "it asked for", s.asked(),
		"/v1/topics/a/queues/q/events?limit=9&mode=peek&to=latest",
		"/v1/topics/a/queues/q/events?limit=9&mode=peek&to=latest",
		"/v1/topics/a/queues/q/events?limit=8&mode=peek&to=latest after c4")
	if following.Query.Has("mode") {
		t.Error("the query of the caller was changed")
	}
}

// An audience that is gone ends it, in whatever it is called.
func TestAnAudienceThatIsGone(t *testing.T) {
	gone := errors.New("gone")
	for name, spoil := range map[string]func(*Audience){
		"frame": func(a *Audience) { a.Frame = func(*Frame) error { return gone } },
		"pause": func(a *Audience) { a.Pause = func() error { return gone } },
	} {
		t.Run(name, func(t *testing.T) {
			var h heard
			a := h.audience()
			spoil(&a)
			if err := newAPI(t, newScript(t, frames(msg(0, "c"))).URL).Follow(t.Context(), Following{Topics: []string{"a"}}, a); !errors.Is(err, gone) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

func TestSeveralTopicsAreOneStream(t *testing.T) {
	s := newScript(t, frames(end))
	var h heard
	a := newAPI(t, s.URL+"/below/")
	for _, topics := range [][]string{{"a", "b"}, {"a.*"}, {"a"}} {
		if err := a.Follow(t.Context(), Following{Topics: topics}, h.audience()); err != nil {
			t.Fatal(err)
		}
	}
	wantLines(t, "it asked for", s.asked(), "/below/v1/events?topic=a&topic=b", "/below/v1/events?topic=a.%2A", "/below/v1/topics/a/events")
}

func TestWhatEveryRequestCarries(t *testing.T) {
	var got http.Header
	s := newScript(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"topics":[],"complete":true,"more":1}`)
	})
	if _, err := newAPI(t, s.URL).Topics(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got.Get("Authorization") != "Bearer secret" || got.Get("User-Agent") != "test" {
		t.Errorf("it sent %v", got)
	}
}

func TestURLsThatAreNone(t *testing.T) {
	for _, u := range []string{"", "127.0.0.1:8080", "ws://a", "http://", "http://a?b=c", "http://a#b", "http://a\x7f"} {
		if _, err := New(Config{URL: u}); err == nil {
			t.Errorf("%q was taken", u)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"a", "a", true},
		{"a", "ab", false},
		{"a*", "ab", true},
		{"*b", "ab", true},
		{"a*b", "ab", true},
		{"a*b", "axxb", true},
		{"ab*ba", "aba", false},
		{"*", "", true},
		{"*a*b*", "xaxbx", true},
		{"*a*b*", "xbxax", false},
		{"a**b", "ab", true},
		{"a.*", "axb", false},
	} {
		if got := match(c.pattern, c.name); got != c.want {
			t.Errorf("%s of %s is %v", c.pattern, c.name, got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for field, want := range map[string]time.Duration{"2": 2 * time.Second, "": 0, "-1": 0, "soon": 0, "Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0} {
		if got := retryAfter(field, now); got != want {
			t.Errorf("%q is %s, want %s", field, got, want)
		}
	}
}

// A cursor that cannot be honoured may be of offsets that begin anew.
func TestACursorThatIsNotHonoured(t *testing.T) {
	s := newScript(t, frames(msg(7, "c8")), frames(`{"op":"ready","resumed":false,"reason":"epoch","cursor":"d"}`+"\n"+msg(0, "d1")+end))
	var h heard
	if err := newAPI(t, s.URL).Follow(t.Context(), Following{Topics: []string{"a"}}, h.audience()); err != nil {
		t.Fatal(err)
	}
	wantLines(t, "it heard", h.lines, "m7", "trouble: the connection broke", "m0")
}
