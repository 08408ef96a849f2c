package swap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/coder/websocket"

	"culvert/tests/described"
)

// socket is a WebSocket.
type socket struct {
	got    lanes
	conn   *websocket.Conn
	judge  *described.Socket
	frames bool // whether culvert.v1.json is spoken
	stop   context.CancelFunc
	ended  chan struct{} // closed when the reader has ended
}

// openSocket makes the handshake, and gives what comes then.
func openSocket(ctx context.Context, url string, header http.Header, subprotocols []string) (*socket, error) {
	ctx, stop := context.WithCancel(ctx)
	s := &socket{stop: stop, ended: make(chan struct{})}
	options := &websocket.DialOptions{HTTPClient: clients, HTTPHeader: header, Subprotocols: subprotocols, Host: header.Get("Host")}
	header.Del("Host")
	conn, response, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(url, "http"), options)
	if err != nil {
		defer stop()
		defer close(s.ended)
		if response == nil || response.StatusCode == http.StatusSwitchingProtocols {
			return nil, err
		}
		text, err := answered(response)
		s.got.put("", text)
		return s, err
	}
	conn.SetReadLimit(8 << 20)
	s.conn = conn
	if s.judge, err = described.NewSocket(url, conn.Subprotocol()); err != nil {
		defer stop()
		defer close(s.ended)
		return nil, err
	}
	s.frames = conn.Subprotocol() == "culvert.v1.json" || conn.Subprotocol() == "" && strings.Contains(url, "/v1/ws")
	s.got.put("", strings.TrimSpace("open "+conn.Subprotocol()))
	go func() { // ends with the connection, which stop cuts
		defer close(s.ended)
		s.read(ctx)
	}()
	return s, nil
}

func (s *socket) read(ctx context.Context) {
	for {
		kind, message, err := s.conn.Read(ctx)
		if err == nil && kind == websocket.MessageText {
			err = s.judge.Says(message)
		}
		var closed websocket.CloseError
		switch {
		case ctx.Err() != nil: // the client left
			return
		case errors.As(err, &closed):
			s.got.put("", strings.TrimSpace(fmt.Sprintf("close %d %s", closed.Code, closed.Reason)))
			return
		case err != nil:
			s.got.put("", "broken off by "+err.Error())
			return
		case kind == websocket.MessageBinary:
			s.got.put("", "binary "+strconv.QuoteToASCII(string(message)))
		case !s.frames:
			s.got.put("", "text "+strconv.QuoteToASCII(string(message)))
		default:
			s.frame(message)
		}
	}
}

// frame puts a frame where it belongs: to its sub, else to its id.
func (s *socket) frame(message []byte) {
	var f struct{ Op, ID, Sub string }
	if err := json.Unmarshal(message, &f); err != nil {
		s.got.put("", "unreadable "+string(message))
		return
	}
	switch {
	case f.Op == "assign":
		return
	case f.Op == "mark":
		f.Sub += "." + markLane
	case f.Sub == "":
		f.Sub = f.ID
	}
	s.got.put(f.Sub, string(message))
}

func (s *socket) given() *lanes { return &s.got }

func (s *socket) send(ctx context.Context, kind, data string) error {
	if s.conn == nil {
		return errors.New("this socket did not open")
	}
	if kind == "binary" {
		return s.conn.Write(ctx, websocket.MessageBinary, []byte(data))
	}
	s.judge.Sends([]byte(data))
	return s.conn.Write(ctx, websocket.MessageText, []byte(data))
}

// close cuts the connection, as a page does that is closed.
func (s *socket) close() {
	s.stop()
	<-s.ended
	if s.conn != nil {
		s.conn.CloseNow() // the end of a context cuts it only while it is read from
	}
}

func (s *socket) finish() { s.close() }
