package ws

import (
	"bufio"
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"

	"culvert/adapters/edge"
	"culvert/domain"
)

// handler serves a route whose path has the parameters names.
func (e *Edge) handler(names ...string) edge.Handler {
	return func(w http.ResponseWriter, r *http.Request) error { return e.serve(w, r, names) }
}

// serve answers a handshake and serves the socket until it has ended. What refuses the socket is told in its close, since browsers hide
// the status of a refused handshake; only what is no handshake at all gets a status.
func (e *Edge) serve(w http.ResponseWriter, r *http.Request, names []string) error {
	if err := checkHandshake(w.Header(), r); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	s := newSocket(e, cancel)
	defer s.end()

	agreed, err := negotiate(r, spokenAt(names)...)
	if err == nil {
		var free func()
		if free, err = edge.Admit(ctx); err == nil {
			defer free()
			err = e.open(ctx, s, r, names, agreed.spoken)
		}
	}
	if r.Context().Err() != nil {
		return nil // the client went away while its view was opened
	}
	s.refusal = err
	w.Header().Del("Sec-Websocket-Protocol")
	if agreed.answered != "" {
		w.Header().Set("Sec-Websocket-Protocol", agreed.answered)
	}
	err = e.melody.HandleRequestWithKeys(&hijacker{w, s}, r.WithContext(ctx), map[string]any{socketKey: s})
	if s.wire == nil {
		return err
	}
	return nil // the connection is no longer net/http's, so nothing can be answered; it has ended
}

// open enters the socket among the live, and opens what it is for, so that the handshake is answered once that stands.
func (e *Edge) open(ctx context.Context, s *socket, r *http.Request, names []string, spoken string) error {
	if err := e.enter(s); err != nil {
		return err
	}
	s.entered = true
	at, err := placeOf(r, names)
	if err != nil {
		return err
	}
	params := edge.RequestParams(r, e.limits)
	if spoken == protocolJSON {
		s.dialect, err = openConversation(s, at, params)
	} else {
		s.dialect, err = openRaw(ctx, s, at, r.Header, params)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause // the reason of the end says more than what the end broke off
	}
	return err
}

// spokenAt are the subprotocols of a route whose path has the parameters names, the default first.
func spokenAt(names []string) []string {
	if len(names) == 0 {
		return []string{protocolJSON}
	}
	return []string{protocolRaw, protocolJSON}
}

// checkHandshake refuses what is no handshake of RFC 6455 §4.2.1.
func checkHandshake(h http.Header, r *http.Request) error {
	if !websocket.IsWebSocketUpgrade(r) {
		h.Set("Upgrade", "websocket")
		h.Set("Connection", "Upgrade")
		return domain.Errorf(domain.UpgradeRequired, "this URL is a WebSocket: a request needs Connection: Upgrade and Upgrade: websocket")
	}
	if version := strings.TrimSpace(r.Header.Get("Sec-WebSocket-Version")); version != "13" {
		h.Set("Sec-WebSocket-Version", "13")
		h.Set("Upgrade", "websocket")
		h.Set("Connection", "Upgrade")
		return domain.Errorf(domain.UpgradeRequired, "Sec-WebSocket-Version must be 13")
	}
	if key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key")); err != nil || len(key) != 16 {
		return domain.Errorf(domain.InvalidRequest, "Sec-WebSocket-Key must be 16 bytes in base64")
	}
	return nil
}

// hijacker gives gorilla the socket's wire for a connection.
type hijacker struct {
	http.ResponseWriter
	socket *socket
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return h.socket.attach(conn), buffers, nil
}
