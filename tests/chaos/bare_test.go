package chaos

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// bare is a client that is no more than its connection: what it says, when it reads and how it ends is up to the row.
type bare struct {
	*net.TCPConn
	host string
	in   *bufio.Reader // behind the head of an answer: its body
}

func dial(ctx context.Context, url string) (*bare, error) {
	host := strings.TrimPrefix(url, "http://")
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	return &bare{TCPConn: conn.(*net.TCPConn), host: host, in: bufio.NewReaderSize(conn, 1<<10)}, nil
}

// say writes text as it is.
func (b *bare) say(text string) error {
	_, err := b.Write([]byte(text))
	return err
}

// ask writes the head of a request.
func (b *bare) ask(method, path string, header ...string) error {
	return b.say(method + " " + path + " HTTP/1.1\r\nHost: " + b.host + "\r\n" + strings.Join(append(header, "", ""), "\r\n"))
}

// hear reads the head of an answer, which must have this status. What is read of in then is the answer's body.
func (b *bare) hear(status int) error {
	answer, err := http.ReadResponse(b.in, nil)
	if err != nil {
		return err
	}
	if answer.StatusCode != status {
		return fmt.Errorf("%s", answer.Status)
	}
	if status != http.StatusSwitchingProtocols {
		b.in = bufio.NewReaderSize(answer.Body, 1<<10)
	}
	return nil
}

// stream requests a stream, and returns when its head has come.
func (b *bare) stream(path, accept string, header ...string) error {
	if err := b.ask(http.MethodGet, path, append(header, "Accept: "+accept)...); err != nil {
		return err
	}
	return b.hear(http.StatusOK)
}

// upgrade makes the connection a WebSocket.
func (b *bare) upgrade(path, subprotocol string) error {
	if err := b.ask(
		http.MethodGet, path, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: "+subprotocol,
	); err != nil {
		return err
	}
	return b.hear(http.StatusSwitchingProtocols)
}

// What frames of a WebSocket begin with (RFC 6455 §5.2).
const (
	wsText  = 0x1
	wsClose = 0x8
	wsFinal = 0x80
)

// frame is one of a client: its first byte, its length, a mask that changes nothing, and payload.
func frame(first byte, payload string) string {
	head := []byte{first}
	if n := len(payload); n < 126 {
		head = append(head, wsFinal|byte(n))
	} else {
		head = binary.BigEndian.AppendUint16(append(head, wsFinal|126), uint16(n))
	}
	return string(append(head, 0, 0, 0, 0)) + payload
}

// message reads the next text message of a WebSocket into buf. The bridge sends each in one frame.
func (b *bare) message(buf []byte) ([]byte, error) {
	for {
		var head [2]byte
		if _, err := io.ReadFull(b.in, head[:]); err != nil {
			return nil, err
		}
		n, extended := uint64(head[1]), 0
		switch n {
		case 126:
			extended = 2
		case 127:
			extended = 8
		}
		if extended > 0 {
			var size [8]byte
			if _, err := io.ReadFull(b.in, size[8-extended:]); err != nil {
				return nil, err
			}
			n = binary.BigEndian.Uint64(size[:])
		}
		buf = append(buf[:0], make([]byte, n)...)
		if _, err := io.ReadFull(b.in, buf); err != nil {
			return nil, err
		}
		switch head[0] {
		case wsFinal | wsText:
			return buf, nil
		case wsFinal | wsClose:
			return nil, fmt.Errorf("closed: %q", buf)
		}
	}
}

// reset ends the connection as a crash or a broken network does: the bridge is told nothing but that it is over, in the middle of whatever was said.
func (b *bare) reset() {
	_ = b.SetLinger(0) // one that has ended already takes no setting
	b.Close()
}
