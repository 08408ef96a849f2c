package ws

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/ports"
)

func TestDrainAnswersWhatWasInjectedAndSaysBye(t *testing.T) {
	eachClient(t, func(t *testing.T, d dial) {
		b, streams, _ := viewing()
		b.gate = make(chan struct{})
		h := serve(t, b)
		c := d(t, h.url("/v1/topics/orders/ws"), protocolJSON)
		say(t, c, `{"op":"sub","sub":"a"}`, `{"op":"pub","id":"1","text":"x"}`, `{"op":"pub","id":"2","text":"x"}`, `{"op":"hello","id":"3"}`)
		await(t, streams, "a view")
		raw := d(t, h.url("/v1/topics/orders/ws?mode=view"))
		seen := map[string]bool{}
		for range 2 { // the ready and the err, in either order: then both pubs have been taken
			_, p, err := c.read()
			if err != nil {
				t.Fatal(err)
			}
			seen[string(p[:11])] = true
		}
		if !seen[`{"op":"ready"`[:11]] || !seen[`{"op":"err","`[:11]] {
			t.Fatalf("got %v", seen)
		}
		drained := make(chan error, 1)
		go func() { drained <- h.edge.Drain(t.Context()) }()
		expectClose(t, raw, 4001, "shutdown: this node is going away")
		expectPrefix(t, c, `{"op":"bye","sub":"a","reason":"shutdown","reconnect":true,"retry_ms":`)
		close(b.gate)
		before := expectClose(t, c, 4001, "unavailable: this node is shutting down")
		if len(before) != 3 || !strings.HasPrefix(before[0], `{"op":"ack","id":"1"`) || !strings.HasPrefix(before[1], `{"op":"ack","id":"2"`) || !strings.HasPrefix(before[2], `{"op":"bye","reason":"shutdown","reconnect":true,"retry_ms":`) {
			t.Errorf("before the close came %v", before)
		}
		if err := await(t, drained, "the end of Drain"); err != nil {
			t.Error(err)
		}
		expectClose(t, d(t, h.url("/v1/ws")), 4001, "unavailable: ")
	})
}

func TestDrainCutsWhatDoesNotEndInTime(t *testing.T) {
	b := &broker{gate: make(chan struct{})}
	h := serve(t, b)
	c := dialGorilla(t, h.url("/v1/ws"), protocolJSON)
	say(t, c, `{"op":"pub","id":"1","topic":"t","text":"x"}`, `{"op":"hello"}`)
	expectPrefix(t, c, `{"op":"err"`)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := h.edge.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain gave %v", err)
	}
	h.wantGone(t)
}

func TestDrainEndsAHandshakeThatWaitsForItsView(t *testing.T) {
	began := make(chan struct{})
	h := serve(t, &broker{view: func(ctx context.Context, _ ports.View) (*stream, error) {
		close(began)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	go func() {
		<-began
		_ = h.edge.Drain(context.Background())
	}()
	expectClose(t, dialCoder(t, h.url("/v1/topics/orders/ws?mode=view")), 4001, "unavailable: this node is shutting down")
}

func TestAClientThatGoesAwayWhileItsViewIsOpened(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	h := serve(t, &broker{view: func(ctx context.Context, _ ports.View) (*stream, error) {
		close(began)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}})
	conn, err := net.Dial("tcp", h.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write([]byte("GET /v1/topics/a/ws?mode=view HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
	await(t, began, "the view")
	conn.Close()
	await(t, ended, "the end of the view")
	h.wantGone(t)
}

func TestAConnectionThatBreaksInAFrame(t *testing.T) {
	b, streams, _ := viewing()
	h := serve(t, b)
	for _, bytes := range []string{"", "\x81", "\x81\xfe\x10", "\x81\xff\x00\x00\x00\x00\x00\x0f\x00\x00mask{\"op\":", "\x88\x80mas"} {
		conn, _ := h.bareHandshake(t, "/v1/topics/orders/ws?mode=both")
		await(t, streams, "a view")
		if _, err := conn.Write([]byte(bytes)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		h.wantGone(t)
	}
}

func TestFramesThatBreakTheProtocolAreToldSo(t *testing.T) {
	h := serve(t, &broker{})
	for name, frame := range map[string]string{
		"no mask":         "\x81\x02hi",
		"reserved bit":    "\xc1\x80mask",
		"unknown opcode":  "\x83\x80mask",
		"long control":    "\x89\xfe\x00\x80mask" + strings.Repeat("x", 128),
		"no continuation": "\x80\x80mask",
	} {
		conn, _ := h.bareHandshake(t, "/v1/ws")
		if _, err := conn.Write([]byte(frame)); err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 4)
		if _, err := bufio.NewReader(conn).Read(head); err != nil || head[0] != final|opClose || int(head[2])<<8|int(head[3]) != 1002 {
			t.Errorf("%s: got %x, %v; want a close with 1002", name, head, err)
		}
		conn.Close()
	}
}

// Gorilla writes the close for what it cannot read at once, and for a length over 63 bits none at all: pubs that were under way were never answered.
func TestPubsAreAnsweredBeforeTheCloseForAnUnreadableFrame(t *testing.T) {
	for name, c := range map[string]struct {
		frame string
		code  int
	}{
		"reserved bit":   {"\xc1\x80mask", 1002},
		"over the limit": {"\x81\xff\x00\x00\x01\x00\x00\x00\x00\x00mask", 1009},
		"over 63 bits":   {"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00mask", 1009},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &broker{gate: make(chan struct{})}
			h := newBubble(t, b)
			defer h.end(t)
			client, read := h.dialReading(t, "/v1/ws", true)
			for id := range 3 {
				say(t, client, fmt.Sprintf(`{"op":"pub","id":"%d","topic":"t","text":"x"}`, id))
			}
			if _, err := client.conn.NetConn().Write([]byte(c.frame)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if len(read) != 0 {
				t.Errorf("%s: got %s before the broker said a word", name, <-read)
			}
			close(b.gate)
			for id := range 3 {
				if got := <-read; !strings.HasPrefix(got, fmt.Sprintf(`{"op":"ack","id":"%d"`, id)) {
					t.Errorf("%s: got %s", name, got)
				}
			}
			if got := <-read; !strings.HasPrefix(got, fmt.Sprint(c.code)) {
				t.Errorf("%s: got %s, want %d", name, got, c.code)
			}
		})
	}
}

func TestAClientsCloseIsAnswered(t *testing.T) {
	h := serve(t, &broker{})
	for sent, want := range map[string]string{
		"\x88\x82\x00\x00\x00\x00\x03\xe8":   "\x88\x02\x03\xe8",
		"\x88\x84\x00\x00\x00\x00\x0f\xa0hi": "\x88\x02\x0f\xa0",
		"\x88\x80\x00\x00\x00\x00":           "\x88\x00",
	} {
		conn, _ := h.bareHandshake(t, "/v1/ws")
		if _, err := conn.Write([]byte(sent)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 100)
		n, _ := conn.Read(got)
		if string(got[:n]) != want {
			t.Errorf("%q was answered with %q, want %q", sent, got[:n], want)
		}
		if n, err := conn.Read(got); err == nil {
			t.Errorf("after its close came %q", got[:n])
		}
	}
}

func TestConfigNamesWhatCannotBe(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	for key, change := range map[string]func(c *Config){
		"ws.ping_interval": func(c *Config) { c.PingInterval = 0 },
		"ws.pong_wait":     func(c *Config) { c.PongWait = c.PingInterval },
		"ws.write_timeout": func(c *Config) { c.WriteTimeout = 15 },
		"ws.close_timeout": func(c *Config) { c.CloseTimeout = -1 },
		"ws.heartbeat":     func(c *Config) { c.Heartbeat = 0 },
		"ws.retry":         func(c *Config) { c.Retry = 0 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		b := &broker{}
		if _, err := New(b, b, b, nil, cfg, domain.DefaultLimits(), nil); err == nil || !strings.HasPrefix(err.Error(), key) {
			t.Errorf("%s: New gave %v", key, err)
		}
	}
}
