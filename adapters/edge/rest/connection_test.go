package rest

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
)

// hangingUp is a body at whose end the request's context ends, as net/http does it where the client has closed its side for sending.
type hangingUp struct {
	io.ReadCloser
	hangUp func()
}

func (b hangingUp) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.hangUp()
	}
	return n, err
}

// Who closed the sending side after the body was told that the message was not taken, and might send it again; it was in the broker.
func TestWhoHasSaidAllIsToldWhatBecameOfIt(t *testing.T) {
	s := &services{}
	e, err := New(s, s, queues{s}, admin{s}, DefaultConfig(), domain.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	server, err := edge.New(edge.DefaultConfig(), domain.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(e)
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		r.Body = hangingUp{r.Body, cancel}
		server.Handler().ServeHTTP(w, r.WithContext(ctx))
	}))
	defer listener.Close()
	for contentType, body := range map[string]string{"text/plain": "hello", typeBatch: `{"messages":[{"text":"a"},{"text":"b"}]}`, typeLines: `{"text":"a"}`} {
		if status, got := do(t, "POST", listener.URL+target, body, "Content-Type", contentType); status != 200 || !strings.Contains(got, `"offset":1`) {
			t.Errorf("%s: %d %s", contentType, status, got)
		}
	}
}

// After a stream of NDJSON whose body had paused for too long, what came of the body then was taken for requests: whoever shares a connection with others,
// as a proxy's clients do, could ask in their name.
func TestWhatComesLateOfABodyIsNoRequest(t *testing.T) {
	cfg := DefaultConfig()
	cfg.IdleTimeout = 50 * time.Millisecond
	for name, body := range map[string]string{"a pause": "", "chunks that are none": "zzz\r\n"} {
		t.Run(name, func(t *testing.T) {
			address := strings.TrimPrefix(serve(t, &services{}, cfg, domain.DefaultLimits()), "http://")
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.WriteString(conn, "POST "+target+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: "+typeLines+"\r\nTransfer-Encoding: chunked\r\n\r\n"+body); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(conn)
			answer, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if told, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(told), "invalid-request") {
				t.Errorf("told %q, %v", told, err)
			}
			// What is written now may find nobody, which is the point.
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
			if more, _ := io.ReadAll(r); len(more) > 0 || !answer.Close {
				t.Errorf("the connection went on (it closes: %t), and said %q", answer.Close, more)
			}
		})
	}
}

// A stream without a line to read held up the end of the server for nearly all of its time, and was cut off without a word; so did one that went on sending.
func TestAStreamIsToldThatTheServerEnds(t *testing.T) {
	for name, last := range map[string]string{"between lines": "", "within a line": "5\r\n{\"tex\r\n"} {
		t.Run(name, func(t *testing.T) {
			url, e := serveEdge(t, &services{}, DefaultConfig(), domain.DefaultLimits())
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.WriteString(conn, "POST "+target+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: "+typeLines+"\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n{\"text\":\"x\"}\n\r\n"+last); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(conn)
			answer, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(answer.Body)
			if ack, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(ack, `{"op":"ack"`) {
				t.Fatalf("%q, %v", ack, err)
			}
			if err := e.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			if bye, err := io.ReadAll(lines); err != nil || !strings.HasPrefix(string(bye), `{"op":"bye","reason":"shutdown","reconnect":true,"retry_ms":`) {
				t.Errorf("%q, %v", bye, err)
			}
			if more, err := io.ReadAll(r); err != nil || len(more) > 0 {
				t.Errorf("the connection stays: %q, %v", more, err)
			}
		})
	}
}

// stuck is a connection of which only its deadlines are asked.
type stuck struct{ http.ResponseWriter }

func (stuck) SetReadDeadline(time.Time) error { return nil }

// Whoever announced a long body had its memory at once, without sending a byte of it.
func TestMemoryIsForWhatHasCome(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), "POST", target, strings.NewReader("hello"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const announced = 64 << 20
	if text, err := newBody(t.Context(), stuck{}, r, time.Minute).whole(announced, announced, "the test"); err != nil || string(text) != "hello" {
		t.Fatalf("%q, %v", text, err)
	}
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 1<<20 {
		t.Errorf("%d bytes of memory for 5", after.TotalAlloc-before.TotalAlloc)
	}
}
