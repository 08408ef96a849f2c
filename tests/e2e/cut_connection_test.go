package e2e

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// shown is one event that a client has received in full.
type shown struct {
	kind  string // ready, gap, mark or bye; of a message, what it was shown as
	text  string // what the client was shown
	place string // to go on from behind it; empty where it carried none
}

// message reports whether the event is one.
func (s shown) message() bool {
	switch s.kind {
	case "ready", "gap", "mark", "bye":
		return false
	}
	return true
}

// reader makes events of the bytes of a stream. An event of which the last byte has not arrived is none.
type reader interface {
	// read takes the next byte, and gives the event that it completes.
	read(b byte) (s shown, complete bool, err error)
}

// cuttable is a stream on a TCP connection that is read byte by byte, so that it can break off at any.
type cuttable struct {
	conn   net.Conn
	body   io.ByteReader // the stream's bytes as they arrive
	reader reader
	bytes  int // how many of them were read

	events   []shown
	messages int    // how many of events are such
	place    string // what the client comes back with: the last place that an event carried
	behind   int    // how many of events are before that place
}

// take reads the next n bytes.
func (c *cuttable) take(n int) error {
	for range n {
		if err := c.step(); err != nil {
			return err
		}
	}
	return nil
}

// until reads up to the byte that completes what is wanted.
func (c *cuttable) until(have func(*cuttable) bool) error {
	for !have(c) {
		if err := c.step(); err != nil {
			return err
		}
	}
	return nil
}

func (c *cuttable) step() error {
	b, err := c.body.ReadByte()
	if err != nil {
		return fmt.Errorf("after %d bytes: %w", c.bytes, err)
	}
	c.bytes++
	s, complete, err := c.reader.read(b)
	if err != nil || !complete {
		return err
	}
	c.events = append(c.events, s)
	if s.message() {
		c.messages++
	}
	if s.place != "" {
		c.place, c.behind = s.place, len(c.events)
	}
	return nil
}

// cut breaks the connection off, as a network does that is gone.
func (c *cuttable) cut() {
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.conn.Close()
}

// question is what a stream is asked for at first.
type question struct {
	topic, from, key string
}

func (q question) parameters() url.Values {
	v := url.Values{"from": {q.from}}
	if q.key != "" {
		v.Set("key", q.key)
	}
	return v
}

// dialect is one way to be shown a topic.
type dialect struct {
	name string
	// envelopes says that messages come in them.
	envelopes bool
	// open asks a bridge, and from the second time on says where the stream broke. ctx is the lifetime of the stream.
	open func(ctx context.Context, base string, q question, place string) (*cuttable, error)
}

func dialects() []dialect {
	return []dialect{
		{"sse", false, func(ctx context.Context, base string, q question, place string) (*cuttable, error) {
			v := q.parameters()
			v.Set("event", "kind")
			return openEvents(ctx, base, q.topic, v, "text/event-stream", place, &eventReader{})
		}},
		{"sse envelopes", true, func(ctx context.Context, base string, q question, place string) (*cuttable, error) {
			v := q.parameters()
			v.Set("envelope", "1")
			return openEvents(ctx, base, q.topic, v, "text/event-stream", place, &eventReader{})
		}},
		{"ndjson", true, func(ctx context.Context, base string, q question, place string) (*cuttable, error) {
			return openEvents(ctx, base, q.topic, q.parameters(), "application/x-ndjson", place, &lineReader{})
		}},
		{"websocket", true, openSocket},
	}
}

// openEvents asks for a stream over HTTP.
func openEvents(ctx context.Context, base, topic string, query url.Values, accept, place string, r reader) (*cuttable, error) {
	head := []string{"GET /v1/topics/" + topic + "/events?" + query.Encode() + " HTTP/1.1", "Accept: " + accept}
	if place != "" {
		head = append(head, "Last-Event-ID: "+place)
	}
	conn, arriving, answer, err := ask(ctx, base, head)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(answer, "HTTP/1.1 200 ") || !strings.Contains(answer, "\nTransfer-Encoding: chunked\r\n") {
		conn.Close()
		return nil, fmt.Errorf("%s\nwas answered with\n%s", strings.Join(head, "\n"), answer)
	}
	return &cuttable{conn: conn, body: &chunked{arriving: arriving}, reader: r}, nil
}

// openSocket asks for a stream over a WebSocket.
func openSocket(ctx context.Context, base string, q question, place string) (*cuttable, error) {
	head := []string{
		"GET /v1/ws HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: culvert.v1.json",
	}
	conn, arriving, answer, err := ask(ctx, base, head)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(answer, "HTTP/1.1 101 ") {
		conn.Close()
		return nil, fmt.Errorf("the handshake was answered with\n%s", answer)
	}
	sub := map[string]any{"op": "sub", "sub": "s", "topic": q.topic, "from": q.from}
	if place != "" {
		sub["from"] = place
	}
	if q.key != "" {
		sub["key"] = []string{q.key}
	}
	text, err := json.Marshal(sub)
	if err == nil {
		_, err = conn.Write(clientFrame(text))
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &cuttable{conn: conn, body: arriving, reader: &frameReader{}}, nil
}

// clientFrame is a text frame as clients send it: masked, if with a mask of zeros (RFC 6455 §5.2).
func clientFrame(text []byte) []byte {
	frame := []byte{0x81, 0x80 | 126}
	frame = binary.BigEndian.AppendUint16(frame, uint16(len(text)))
	frame = append(frame, 0, 0, 0, 0)
	return append(frame, text...)
}

// ask connects, sends the head of a request, and reads that of the answer.
func ask(ctx context.Context, base string, head []string) (conn net.Conn, arriving *bufio.Reader, answer string, err error) {
	host := strings.TrimPrefix(base, "http://")
	if conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", host); err != nil {
		return nil, nil, "", err
	}
	arriving = bufio.NewReader(conn)
	if answer, err = exchange(ctx, conn, arriving, strings.Join(head, "\r\n")+"\r\nHost: "+host+"\r\n\r\n"); err != nil {
		conn.Close()
		return nil, nil, "", err
	}
	return conn, arriving, answer, nil
}

func exchange(ctx context.Context, conn net.Conn, arriving *bufio.Reader, request string) (answer string, err error) {
	if end, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(end); err != nil {
			return "", err
		}
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return "", err
	}
	for !strings.HasSuffix(answer, "\r\n\r\n") {
		line, err := arriving.ReadString('\n')
		if err != nil {
			return "", err
		}
		answer += line
	}
	return answer, nil
}

// chunked is the body of an answer whose length is not known beforehand (RFC 9112 §7.1). What has arrived of a chunk is given before the rest of it has.
type chunked struct {
	arriving *bufio.Reader
	left     int  // of the chunk
	begun    bool // there is a line end before the next chunk
}

func (c *chunked) ReadByte() (byte, error) {
	if c.left == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	c.left--
	return c.arriving.ReadByte()
}

func (c *chunked) next() error {
	if c.begun {
		if _, err := c.arriving.Discard(len("\r\n")); err != nil {
			return err
		}
	}
	line, err := c.arriving.ReadString('\n')
	if err != nil {
		return err
	}
	size, err := strconv.ParseUint(strings.TrimSuffix(line, "\r\n"), 16, 31)
	if err != nil {
		return fmt.Errorf("the size of a chunk is %q", line)
	}
	if size == 0 {
		return io.EOF
	}
	c.left, c.begun = int(size), true
	return nil
}
