package client

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/coder/websocket"

	"culvert/tests/described"
)

// Frame is one JSON frame of culvert.v1.json, of which a client here needs these fields.
type Frame struct {
	Op        string          `json:"op"`
	ID        string          `json:"id,omitempty"`
	Sub       string          `json:"sub,omitempty"`
	Topic     string          `json:"topic,omitempty"`
	Queue     string          `json:"queue,omitempty"`
	Key       string          `json:"key,omitempty"`
	Headers   [][]string      `json:"headers,omitempty"`
	Text      *string         `json:"text,omitempty"`
	Payload   json.RawMessage `json:"payload,omitempty"`
	From      string          `json:"from,omitempty"`
	Ack       string          `json:"ack,omitempty"`
	Max       int             `json:"max_in_flight,omitempty"`
	Receipt   string          `json:"receipt,omitempty"`
	Receipts  []string        `json:"receipts,omitempty"`
	Attempt   int             `json:"attempt,omitempty"`
	Cursor    string          `json:"cursor,omitempty"`
	Code      string          `json:"code,omitempty"`
	Detail    string          `json:"detail,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	Lost      *int64          `json:"lost,omitempty"`
	Partition *int32          `json:"partition,omitempty"`
	Offset    *int64          `json:"offset,omitempty"`
	Settled   int             `json:"settled,omitempty"`
	Unknown   []string        `json:"unknown,omitempty"`
	Retryable bool            `json:"retryable,omitempty"`
}

// WS is an open WebSocket.
type WS struct {
	Conn    *websocket.Conn
	judge   *described.Socket
	pending []string
}

// OpenWS opens a WebSocket at an http URL with a subprotocol. ctx is for the opening only.
func OpenWS(ctx context.Context, url, subprotocol string) (*WS, error) {
	conn, response, err := websocket.Dial(ctx, strings.Replace(url, "http", "ws", 1), &websocket.DialOptions{
		Subprotocols: []string{subprotocol},
		HTTPClient:   over(ctx, streams),
	})
	if response != nil && response.Body != nil {
		response.Body.Close()
	}
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(8 << 20)
	judge, err := described.NewSocket(url, conn.Subprotocol())
	if err != nil {
		conn.CloseNow()
		return nil, err
	}
	return &WS{Conn: conn, judge: judge}, nil
}

// Send writes a frame.
func (w *WS) Send(ctx context.Context, f Frame) error { return w.SendJSON(ctx, f) }

// SendJSON writes a frame of any shape.
func (w *WS) SendJSON(ctx context.Context, frame any) error {
	text, err := json.Marshal(frame)
	if err != nil {
		return err
	}
	w.judge.Sends(text)
	return w.Conn.Write(ctx, websocket.MessageText, text)
}

// Text reads the next frame as it came; several in one WebSocket message are given one by one.
func (w *WS) Text(ctx context.Context) (string, error) {
	if len(w.pending) == 0 {
		kind, message, err := w.Conn.Read(ctx)
		if err == nil && kind == websocket.MessageText {
			err = w.judge.Says(message)
		}
		if err != nil {
			return "", err
		}
		w.pending = strings.Split(string(message), "\n")
	}
	text := w.pending[0]
	w.pending = w.pending[1:]
	return text, nil
}

// Next reads the next frame.
func (w *WS) Next(ctx context.Context) (Frame, error) {
	text, err := w.Text(ctx)
	if err != nil {
		return Frame{}, err
	}
	var f Frame
	return f, json.Unmarshal([]byte(text), &f)
}

// Until reads up to the first frame of an op.
func (w *WS) Until(ctx context.Context, op string) (Frame, error) {
	for {
		f, err := w.Next(ctx)
		if err != nil || f.Op == op {
			return f, err
		}
	}
}

// Close ends the connection without waiting for the other side.
func (w *WS) Close() { w.Conn.CloseNow() }
