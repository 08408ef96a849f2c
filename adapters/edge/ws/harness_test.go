package ws

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/gorilla/websocket"

	"culvert/adapters/edge"
	"culvert/domain"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

func quickConfig() Config {
	cfg := DefaultConfig()
	cfg.CloseTimeout = 2 * time.Second
	return cfg
}

// host is a server with the edge under test.
type host struct {
	edge *Edge
	http *httptest.Server
}

func newHandler(t testing.TB, b *broker, cfg Config, limits domain.Limits) (*Edge, http.Handler) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	e, err := New(b, b, b, edge.NewWriters(log), cfg, limits, log)
	if err != nil {
		t.Fatal(err)
	}
	server, err := edge.New(edge.DefaultConfig(), limits, log)
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(e)
	return e, server.Handler()
}

func serveWith(t testing.TB, b *broker, cfg Config, limits domain.Limits) *host {
	t.Helper()
	e, handler := newHandler(t, b, cfg, limits)
	h := &host{e, httptest.NewUnstartedServer(handler)}
	h.http.Listener.Close()
	var err error
	if h.http.Listener, err = edge.Listen(t.Context(), "127.0.0.1:0", edge.DefaultSending(), edge.Unbounded()); err != nil {
		t.Fatal(err)
	}
	h.http.Config.ConnContext = edge.ConnContext
	h.http.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.edge.Drain(ctx); err != nil {
			t.Errorf("drain: %v", err)
		}
		h.http.Close()
	})
	return h
}

func serve(t testing.TB, b *broker) *host {
	t.Helper()
	return serveWith(t, b, quickConfig(), domain.DefaultLimits())
}

func (h *host) url(path string) string { return "ws" + strings.TrimPrefix(h.http.URL, "http") + path }

// client is one WebSocket client, of either library.
type client interface {
	send(t testing.TB, text bool, p []byte)
	// read gives the next message; a close is an error that closeOf takes apart.
	read() (text bool, p []byte, err error)
	cut()
}

type dial func(t testing.TB, url string, subprotocols ...string) client

var dialers = map[string]dial{"gorilla": dialGorilla, "coder": dialCoder}

func dialGorilla(t testing.TB, url string, subprotocols ...string) client {
	t.Helper()
	d := websocket.Dialer{Subprotocols: subprotocols, HandshakeTimeout: patience}
	conn, resp, err := d.Dial(url, nil)
	if err != nil {
		t.Fatalf("dial %s: %v (%v)", url, err, resp)
	}
	t.Cleanup(func() { conn.Close() })
	if len(subprotocols) > 0 && conn.Subprotocol() != subprotocols[0] {
		t.Fatalf("the server answered with subprotocol %q, not %q", conn.Subprotocol(), subprotocols[0])
	}
	return &gorillaClient{conn}
}

type gorillaClient struct{ conn *websocket.Conn }

func (c *gorillaClient) send(t testing.TB, text bool, p []byte) {
	t.Helper()
	kind := websocket.BinaryMessage
	if text {
		kind = websocket.TextMessage
	}
	if err := c.conn.WriteMessage(kind, p); err != nil {
		t.Errorf("send: %v", err)
	}
}

func (c *gorillaClient) read() (bool, []byte, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	kind, p, err := c.conn.ReadMessage()
	return kind == websocket.TextMessage, p, err
}

func (c *gorillaClient) cut() { c.conn.Close() }

func dialCoder(t testing.TB, url string, subprotocols ...string) client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, _, err := coder.Dial(ctx, url, &coder.DialOptions{Subprotocols: subprotocols})
	if err != nil {
		t.Fatalf("dial %s: %v", url, err)
	}
	conn.SetReadLimit(64 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &coderClient{conn}
}

type coderClient struct{ conn *coder.Conn }

func (c *coderClient) send(t testing.TB, text bool, p []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	kind := coder.MessageBinary
	if text {
		kind = coder.MessageText
	}
	if err := c.conn.Write(ctx, kind, p); err != nil {
		t.Errorf("send: %v", err)
	}
}

func (c *coderClient) read() (bool, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	kind, p, err := c.conn.Read(ctx)
	return kind == coder.MessageText, p, err
}

func (c *coderClient) cut() { _ = c.conn.CloseNow() }

// say sends frames as one text message.
func say(t testing.TB, c client, frames ...string) {
	t.Helper()
	c.send(t, true, []byte(strings.Join(frames, "\n")))
}

// expect reads messages, which must be these.
func expect(t testing.TB, c client, want ...string) {
	t.Helper()
	for _, w := range want {
		_, p, err := c.read()
		if err != nil {
			t.Fatalf("read: %v; want %s", err, w)
		}
		if string(p) != w {
			t.Fatalf("got  %s\nwant %s", clip(p), w)
		}
	}
}

// expectPrefix reads one message that begins so.
func expectPrefix(t testing.TB, c client, prefix string) string {
	t.Helper()
	_, p, err := c.read()
	if err != nil {
		t.Fatalf("read: %v; want %s…", err, prefix)
	}
	if !bytes.HasPrefix(p, []byte(prefix)) {
		t.Fatalf("got  %s\nwant %s…", clip(p), prefix)
	}
	return string(p)
}

func clip(p []byte) []byte { return p[:min(len(p), 400)] }

// expectClose reads until the close, which must be this; what comes before it is given.
func expectClose(t testing.TB, c client, code int, reason string) (before []string) {
	t.Helper()
	for {
		_, p, err := c.read()
		if err != nil {
			got, text := closeOf(err)
			if got != code || !strings.HasPrefix(text, reason) {
				t.Fatalf("closed with %d %q (%v), want %d %q", got, text, err, code, reason)
			}
			return before
		}
		before = append(before, string(p))
	}
}

func closeOf(err error) (int, string) {
	var g *websocket.CloseError
	if errors.As(err, &g) {
		return g.Code, g.Text
	}
	var c coder.CloseError
	if errors.As(err, &c) {
		return int(c.Code), c.Reason
	}
	return 0, ""
}

func eachClient(t *testing.T, test func(t *testing.T, d dial)) {
	for name, d := range dialers {
		t.Run(name, func(t *testing.T) { test(t, d) })
	}
}

func await[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// live is how many sockets the edge counts.
func (h *host) live() int {
	h.edge.mu.Lock()
	defer h.edge.mu.Unlock()
	return len(h.edge.sockets)
}

// wantGone waits until no socket is left.
func (h *host) wantGone(t testing.TB) {
	t.Helper()
	h.edge.mu.Lock()
	var live []<-chan struct{}
	for s := range h.edge.sockets {
		live = append(live, h.edge.awaited(s))
	}
	h.edge.mu.Unlock()
	for _, gone := range live {
		await(t, gone, "the end of a socket")
	}
}

// bareHandshake opens a connection and shakes hands, without a client library.
func (h *host) bareHandshake(t testing.TB, path string, header ...string) (net.Conn, string) {
	t.Helper()
	conn, err := net.Dial("tcp", h.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	lines := append([]string{"GET " + path + " HTTP/1.1", "Host: localhost", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, header...)
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	var answer []byte
	for one := make([]byte, 1); !bytes.HasSuffix(answer, []byte("\r\n\r\n")); {
		if _, err := conn.Read(one); err != nil {
			t.Fatalf("the handshake was not answered: %v", err)
		}
		answer = append(answer, one...)
	}
	return conn, string(answer)
}
