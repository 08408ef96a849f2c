// Package flood holds clients of a bridge that cost next to nothing, so that it is the bridge that is measured: what they send is made once and numbered anew, and what comes is parsed by hand, where it lies.
//
// They check all that they are told: who says that a message was confirmed, delivered or settled has counted it.
package flood

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"time"
)

// patience is how long a client waits for the next bytes.
const patience = 30 * time.Second

// socket is one WebSocket, of which one goroutine may read and another write.
type socket struct {
	conn net.Conn
	in   *bufio.Reader
}

const (
	opText  = 1
	opClose = 8
	opPing  = 9
)

// dial opens a WebSocket. target is path and query, protocol the subprotocol.
func dial(addr, target, protocol string) (*socket, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn, in: bufio.NewReaderSize(patient{conn}, 256<<10)}
	if err := s.shake(addr, target, protocol); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

func (s *socket) shake(addr, target, protocol string) error {
	_, err := fmt.Fprintf(s.conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", target, addr, protocol)
	if err != nil {
		return err
	}
	answer, err := http.ReadResponse(s.in, nil)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the handshake was answered %s", answer.Status)
	}
	return nil
}

// patient is a connection of which a read ends when nothing came for long.
type patient struct{ net.Conn }

// Read implements io.Reader.
func (p patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

// next gives the next message, which is valid until the one after it. None is larger than the buffer.
func (s *socket) next() ([]byte, error) {
	for {
		head, err := s.in.Peek(2)
		if err != nil {
			return nil, err
		}
		op, size, skip := head[0]&15, int(head[1]), 2
		switch size {
		case 126:
			skip = 4
		case 127:
			skip = 10
		}
		if head, err = s.in.Peek(skip); err != nil {
			return nil, err
		}
		switch skip {
		case 4:
			size = int(binary.BigEndian.Uint16(head[2:]))
		case 10:
			size = int(binary.BigEndian.Uint64(head[2:]))
		}
		frame, err := s.in.Peek(skip + size)
		if err != nil {
			return nil, err
		}
		if _, err := s.in.Discard(len(frame)); err != nil {
			return nil, err
		}
		switch op {
		case opClose:
			return nil, fmt.Errorf("closed: %q", frame[skip:])
		case opPing:
			continue // a benchmark is over before anyone misses the pong
		}
		return frame[skip:], nil
	}
}

// appendFrame appends a text frame as clients send them, with a mask of zeros, which leaves the payload as it is.
func appendFrame(dst, payload []byte) []byte {
	const final, masked = 0x80, 0x80
	dst = append(dst, final|opText)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, masked|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, masked|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, masked|127), uint64(n))
	}
	dst = append(dst, 0, 0, 0, 0)
	return append(dst, payload...)
}
