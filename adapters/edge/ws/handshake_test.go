package ws

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"culvert/domain"
	"culvert/ports"
)

func TestWhatIsNoHandshakeGetsAStatus(t *testing.T) {
	h := serve(t, &broker{})
	for _, c := range []struct {
		name   string
		change func(r *http.Request)
		status int
		code   string
	}{
		{"no upgrade", func(r *http.Request) { r.Header.Del("Upgrade") }, 426, "upgrade-required"},
		{"another version", func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") }, 426, "upgrade-required"},
		{"no key", func(r *http.Request) { r.Header.Set("Sec-WebSocket-Key", "short") }, 400, "invalid-request"},
		{"foreign origin", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403, "not-allowed"},
		{"foreign host", func(r *http.Request) { r.Host = "evil.example" }, 421, "misdirected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodGet, h.http.URL+"/v1/ws", nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
				r.Header.Set(name, value)
			}
			c.change(r)
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body := make([]byte, 1000)
			n, _ := resp.Body.Read(body)
			if resp.StatusCode != c.status || !strings.Contains(string(body[:n]), `"code":"`+c.code+`"`) {
				t.Errorf("answered with %d %s", resp.StatusCode, body[:n])
			}
			if c.status == 426 && resp.Header.Get("Upgrade") != "websocket" {
				t.Error("a 426 names no protocol to upgrade to (RFC 9110 §15.5.22)")
			}
		})
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestSubprotocols(t *testing.T) {
	h := serve(t, &broker{})
	for _, c := range []struct {
		path, asked, answered string
		refused               string
	}{
		{path: "/v1/ws"},
		{path: "/v1/ws", asked: "culvert.v1.json", answered: "culvert.v1.json"},
		{path: "/v1/ws", asked: "culvert.v1.raw, culvert.v1.json", answered: "culvert.v1.json"},
		{path: "/v1/ws", asked: "bearer.secret, culvert.v1.json", answered: "culvert.v1.json"},
		{path: "/v1/topics/a/ws"},
		{path: "/v1/topics/a/ws", asked: "culvert.v1.json, culvert.v1.raw", answered: "culvert.v1.json"},
		{path: "/v1/topics/a/ws", asked: "culvert.v1.raw,bearer.secret", answered: "culvert.v1.raw"},
		{path: "/v1/ws", asked: "culvert.v1.raw", answered: "culvert.v1.raw", refused: "needs the URL of a topic"},
		{path: "/v1/ws", asked: "mqtt, v12.stomp", refused: "none of the subprotocols"},
		{path: "/v1/topics/a/ws", asked: "bearer.secret", refused: "a token goes beside"},
	} {
		t.Run(c.path+" "+c.asked, func(t *testing.T) {
			var header []string
			if c.asked != "" {
				header = []string{"Sec-WebSocket-Protocol: " + c.asked}
			}
			conn, answer := h.bareHandshake(t, c.path, header...)
			if !strings.HasPrefix(answer, "HTTP/1.1 101 ") || strings.Contains(answer, "secret") {
				t.Fatalf("answered with %s", answer)
			}
			got := ""
			for line := range strings.SplitSeq(answer, "\r\n") {
				if value, ok := strings.CutPrefix(line, "Sec-WebSocket-Protocol: "); ok {
					got = value
				}
			}
			if got != c.answered {
				t.Errorf("answered with subprotocol %q, want %q", got, c.answered)
			}
			if c.refused == "" {
				return
			}
			frame := make([]byte, 200)
			n, err := conn.Read(frame)
			if err != nil || n < 4 || frame[0] != final|opClose || int(frame[2])<<8|int(frame[3]) != 4506 || !strings.Contains(string(frame[4:n]), c.refused) {
				t.Errorf("got %q, %v; want a close with 4506 and %q", frame[:n], err, c.refused)
			}
		})
	}
}

func TestARefusedHandshakeIsUpgradedAndClosed(t *testing.T) {
	b := &broker{
		view: func(context.Context, ports.View) (*stream, error) {
			return nil, domain.Errorf(domain.UnknownTopic, "no orders here")
		},
		join: func(ports.Join) (*member, error) {
			return nil, domain.Errorf(domain.Unavailable, "the broker cannot be reached")
		},
		peek: func(_ context.Context, _ domain.Topic, queue domain.Queue) (domain.Start, error) {
			switch queue {
			case "away":
				return domain.Start{}, domain.Errorf(domain.Unavailable, "the broker cannot be reached")
			case "none":
				return domain.Start{}, domain.Errorf(domain.UnknownQueue, "no such queue")
			}
			return domain.Start{}, domain.Errorf(domain.Unsupported, "the broker cannot show it")
		},
	}
	limits := domain.DefaultLimits()
	limits.Connections = 3
	h := serveWith(t, b, quickConfig(), limits)
	eachClient(t, func(t *testing.T, d dial) {
		for _, c := range []struct {
			path, subprotocol string
			code              int
			reason            string
		}{
			{"/v1/topics/.../ws?mode=view", protocolRaw, 4504, "unknown-topic: no orders here"},
			{"/v1/topics/../ws", protocolRaw, 4501, "invalid-request: topic name"},
			{"/v1/topics/a%2Fb/ws", protocolRaw, 4501, "invalid-request: topic name"},
			{"/v1/topics/a/ws?mode=look", protocolRaw, 4501, "invalid-request: mode="},
			{"/v1/topics/a/ws?from=latest", protocolRaw, 4501, `invalid-request: the parameter "from" is unknown`},
			{"/v1/topics/a/ws?mode=view", protocolJSON, 4501, `invalid-request: the parameter "mode" is unknown`},
			{"/v1/topics/a/ws?mode=both&key=a&key=b", protocolRaw, 4501, "invalid-request: in mode=both"},
			{"/v1/topics/a/queues/q/ws", protocolRaw, 4001, "unavailable: the broker"},
			{"/v1/topics/a/queues/q/ws?mode=peek", protocolRaw, 4506, "unsupported: the broker cannot"},
			{"/v1/topics/a/queues/none/ws?mode=peek", protocolRaw, 4504, "unknown-queue: no such queue"},
			{"/v1/topics/a/queues/away/ws?mode=peek", protocolRaw, 4001, "unavailable: the broker"},
			{"/v1/topics/a/queues/q/ws?mode=view", protocolRaw, 4501, `invalid-request: mode="view" is none of join, peek, both`},
			{"/v1/topics/a/queues/q/ws?mode=peek&from=latest", protocolRaw, 4501, `invalid-request: the parameter "from" is unknown here; known are header, key, lastEventId, limit, mode, overflow, to`},
			{"/v1/topics/a/queues/q/ws?mode=peek&ack=auto", protocolRaw, 4501, `invalid-request: the parameter "ack" is unknown here; known are header, `},
			{"/v1/topics/a/queues/q/ws?mode=peek&confirm=1", protocolRaw, 4501, `invalid-request: the parameter "confirm" is unknown here; known are header, `},
			{"/v1/topics/a/queues/q/ws?limit=1", protocolRaw, 4501, `invalid-request: the parameter "limit" is unknown here; known are ack, from, max_in_flight, mode`},
			{"/v1/topics/a/queues/q/ws?ack=manual", protocolRaw, 4501, "invalid-request: ack=manual"},
		} {
			h.wantGone(t) // each takes room until its connection has ended
			expectClose(t, d(t, h.url(c.path), c.subprotocol), c.code, c.reason)
		}
		h.wantGone(t)
		for range limits.Connections {
			c := d(t, h.url("/v1/ws"))
			say(t, c, `{"op":"nonsense"}`)
			expectPrefix(t, c, `{"op":"err"`)
			defer c.cut()
		}
		expectClose(t, d(t, h.url("/v1/ws")), 4005, "too-many-requests: ")
	})
}
