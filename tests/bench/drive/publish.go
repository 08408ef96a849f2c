package drive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"sync"
)

// Bare publishes to a limit: each message as the very bytes that its viewers are to be shown, behind their length.
type Bare struct {
	conn  net.Conn
	frame func(to, payload []byte) []byte
	out   []byte
}

// NewBare connects to a limit's door for publishers. frame appends what viewers are shown for a payload.
func NewBare(host string, frame func(to, payload []byte) []byte) (*Bare, error) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte("PUB\r\n\r\n")); err != nil {
		conn.Close()
		return nil, err
	}
	return &Bare{conn: conn, frame: frame}, nil
}

// Publish writes all messages at once.
func (b *Bare) Publish(messages []Message) error {
	b.out = b.out[:0]
	for _, m := range messages {
		at := len(b.out)
		b.out = b.frame(append(b.out, 0, 0, 0, 0), m.Payload)
		binary.BigEndian.PutUint32(b.out[at:], uint32(len(b.out)-at-4))
	}
	_, err := b.conn.Write(b.out)
	return err
}

// Close ends the connection.
func (b *Bare) Close() { b.conn.Close() }

// Event gives frames of an event stream with so many bytes more than their payload and what belongs to it.
func Event(padding int) func(to, payload []byte) []byte {
	id := append(bytes.Repeat([]byte("i"), padding), '\n')
	return func(to, payload []byte) []byte {
		to = append(append(to, "id: "...), id...)
		to = append(append(to, "data: "...), payload...)
		return append(to, "\n\n"...)
	}
}

// EventOverhead is what a frame of Event(0) is longer than its payload.
const EventOverhead = len("id: \ndata: \n\n")

// Text gives unmasked text frames of a WebSocket with so many bytes before the payload.
func Text(padding int) func(to, payload []byte) []byte {
	before := bytes.Repeat([]byte("e"), padding)
	return func(to, payload []byte) []byte {
		to = append(to, wsFinal|opText)
		if n := len(before) + len(payload); n < 126 {
			to = append(to, byte(n))
		} else {
			to = binary.BigEndian.AppendUint16(append(to, 126), uint16(n))
		}
		return append(append(to, before...), payload...)
	}
}

// TextOverhead is what a frame of so many bytes in all is longer than what is in it.
func TextOverhead(size int) int {
	if size < 2+126 {
		return 2
	}
	return 4
}

// Socket publishes over a WebSocket.
type Socket struct {
	encode func(to []byte, m Message) []byte

	mu   sync.Mutex // guards what follows: pongs are written between messages
	conn net.Conn
	out  []byte
	err  error // what the server said or did that ends the publishing
}

// NewSocket opens a WebSocket at path of host. encode appends the payload of a frame for a message; nil for the message's own, as culvert.v1.raw has it.
func NewSocket(host, path, subprotocol string, encode func(to []byte, m Message) []byte) (*Socket, error) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(handshake(host, path, subprotocol)); err != nil {
		conn.Close()
		return nil, err
	}
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, nil)
	if err == nil && answer.StatusCode != http.StatusSwitchingProtocols {
		err = fmt.Errorf("publishing at %s: %s", path, answer.Status)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	s := &Socket{conn: conn, encode: encode}
	go s.listen(in) // ends with the connection
	return s, nil
}

// Publish writes all messages at once, a frame each.
func (s *Socket) Publish(messages []Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.out = s.out[:0]
	var body []byte
	for _, m := range messages {
		if s.encode == nil {
			s.out = appendFrame(s.out, m.Payload)
			continue
		}
		body = s.encode(body[:0], m)
		s.out = appendFrame(s.out, body)
	}
	_, err := s.conn.Write(s.out)
	return err
}

// listen answers pings. Anything else that the server says is why publishing fails: what it takes it does not confirm here.
func (s *Socket) listen(in *bufio.Reader) {
	var rest []byte
	buf := make([]byte, 4096)
	for {
		n, err := in.Read(buf)
		rest = append(rest, buf[:n]...)
		for err == nil {
			op, payload, size, broken := parseFrame(rest)
			if size == 0 && broken == nil {
				break
			}
			if err = broken; err == nil {
				err = s.told(op, payload)
			}
			rest = rest[size:]
		}
		if err != nil {
			s.mu.Lock()
			s.err = err
			s.mu.Unlock()
			return
		}
	}
}

func (s *Socket) told(op byte, payload []byte) error {
	if op != opPing {
		return fmt.Errorf("the publisher was told %q", payload)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.conn.Write(appendClient(nil, opPong, payload))
	return err
}

// Close ends the connection.
func (s *Socket) Close() { s.conn.Close() }
