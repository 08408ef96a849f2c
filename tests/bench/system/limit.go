package system

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
)

// limit is the least that a server must do for its viewers: write to their sockets.
type limit struct {
	raw     bool // one write for each message and viewer, instead of one for all that a viewer lacks
	tape    *tape
	writers []*writer
	next    chan int // holds the number of the writer that gets the next viewer
}

func newLimit(raw bool) *limit {
	l := &limit{raw: raw, tape: newTape(runtime.GOMAXPROCS(0)), next: make(chan int, 1)}
	l.next <- 0
	for i := range runtime.GOMAXPROCS(0) {
		w := &writer{tape: l.tape, number: i}
		l.writers = append(l.writers, w)
		go w.run() // ends with the process
	}
	return l
}

func (l *limit) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go l.meet(conn) // ends with the connection
	}
}

// meet answers whoever comes: a publisher or a viewer.
func (l *limit) meet(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 1<<10)
	head, err := readHead(in)
	if err != nil {
		return
	}
	if strings.HasPrefix(head, "PUB") {
		if err := l.publish(in); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	answer := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: ready\ndata: {}\n\n"
	if strings.Contains(head, "websocket") {
		answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
	}
	i := <-l.next
	l.next <- (i + 1) % len(l.writers)
	l.writers[i].add(conn)
	if _, err := io.WriteString(conn, answer); err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, in) // until the viewer leaves; its writer notices that
}

func readHead(in *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if head.WriteString(line); line == "\r\n" {
			return head.String(), nil
		}
	}
}

// publish takes frames behind their length until the publisher leaves.
func (l *limit) publish(in io.Reader) error {
	buf, have := make([]byte, 1<<20), 0
	for {
		n, err := in.Read(buf[have:])
		have += n
		switch {
		case err == io.EOF && have == 0:
			return nil
		case err != nil:
			return fmt.Errorf("the publisher left within a frame: %w", err)
		}
		have = copy(buf, l.take(buf[:have]))
	}
}

// take puts all whole frames at the beginning of p on the tape, and gives the rest. It overwrites what it has taken.
func (l *limit) take(p []byte) (rest []byte) {
	whole := 0
	rest = p
	for len(rest) >= 4 && len(rest)-4 >= int(binary.BigEndian.Uint32(rest)) {
		size := int(binary.BigEndian.Uint32(rest))
		frame := rest[4 : 4+size]
		rest = rest[4+size:]
		if l.raw {
			l.tape.append(frame)
			l.tape.flush()
			continue
		}
		whole += copy(p[whole:], frame)
	}
	l.tape.append(p[:whole])
	return rest
}
