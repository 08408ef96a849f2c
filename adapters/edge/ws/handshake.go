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

// serve answers a handshake; the socket is served when it has returned. What refuses the socket is told in its close, since browsers hide
// the status of a refused handshake; only what is no handshake at all gets a status.
func (e *Edge) serve(w http.ResponseWriter, r *http.Request, names []string) error {
	if err := checkHandshake(w.Header(), r); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(edge.Staying(r.Context()))
	s := newSocket(ctx, e, cancel)
	mine := true
	defer func() {
		if mine {
			s.end()
		}
	}()
	spoken, stay := e.prepare(ctx, s, r, names)
	if !stay {
		return nil
	}
	w.Header().Del("Sec-Websocket-Protocol")
	if spoken != "" {
		w.Header().Set("Sec-Websocket-Protocol", spoken)
	}
	conn, buffers, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	mine = false
	edge.Taken(r.Context())
	// It ends with the connection. The handler does not wait for it, so that nothing is kept of what net/http needs for a request.
	go s.serve(&hijacked{w.Header(), conn, buffers}, r)
	return nil
}

// prepare opens what the socket is for, unless it has to be refused, which s knows then; and gives the subprotocol to answer with. It does not stay where the client went away meanwhile.
func (e *Edge) prepare(ctx context.Context, s *socket, r *http.Request, names []string) (spoken string, stay bool) {
	stop := context.AfterFunc(r.Context(), func() { s.cancel(context.Cause(r.Context())) })
	agreed, err := negotiate(r, spokenAt(names)...)
	if err == nil {
		protocol := edge.ProtocolWSRaw
		if agreed.spoken == protocolJSON {
			protocol = edge.ProtocolWSJSON
		}
		var conn *edge.Connection
		if conn, err = edge.Connect(r, protocol); err == nil {
			s.conn = conn
			err = e.open(ctx, s, r, names, agreed.spoken)
		}
	}
	s.refusal = err
	return agreed.answered, stop()
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
	if r.ProtoMajor > 1 {
		// Upgrade is a field of HTTP/1 (RFC 9113 §8.2.2).
		return domain.Errorf(domain.UpgradeRequired, "this URL is a WebSocket, which is spoken here over HTTP/1.1 (RFC 6455): open it on a connection of its own")
	}
	if !websocket.IsWebSocketUpgrade(r) {
		askForUpgrade(h)
		return domain.Errorf(domain.UpgradeRequired, "this URL is a WebSocket: a request needs Connection: Upgrade and Upgrade: websocket")
	}
	if version := strings.TrimSpace(r.Header.Get("Sec-WebSocket-Version")); version != "13" {
		askForUpgrade(h)
		h.Set("Sec-WebSocket-Version", "13")
		return domain.Errorf(domain.UpgradeRequired, "Sec-WebSocket-Version must be 13")
	}
	if key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key")); err != nil || len(key) != 16 {
		return domain.Errorf(domain.InvalidRequest, "Sec-WebSocket-Key must be 16 bytes in base64")
	}
	return nil
}

// askForUpgrade names what an answer with 426 has to name (RFC 9110 §15.5.22).
func askForUpgrade(h http.Header) {
	h.Set("Upgrade", "websocket")
	h.Set("Connection", "Upgrade")
}

// serve answers the handshake, and serves the socket until it has ended.
func (s *socket) serve(conn *hijacked, r *http.Request) {
	defer s.end()
	defer s.recovered(s.life)
	conn.Conn = s.attach(conn.Conn)
	_ = s.edge.melody.HandleRequest(conn, r) // the connection has ended either way
}

// hijacked is a connection that was taken from net/http, as gorilla takes it: a response that is only there to be hijacked.
type hijacked struct {
	header http.Header
	net.Conn
	buffers *bufio.ReadWriter
}

// Header implements http.ResponseWriter.
func (h *hijacked) Header() http.Header { return h.header }

// WriteHeader implements http.ResponseWriter. Nobody calls it.
func (h *hijacked) WriteHeader(int) {}

// Hijack implements http.Hijacker.
func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.Conn, h.buffers, nil }
