package flood

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"culvert/tests/bench/numbered"
)

// Publisher sends messages 0 to Messages-1 to a topic over one connection, as fast as they are taken, and returns when each of them was confirmed once.
type Publisher struct {
	Host     string // where the bridge listens
	Topic    string
	Number   int // as which it numbers its messages
	Messages int
	Size     int // of a message, in bytes
}

// chunkMessages is how many messages are given to the system at once.
const chunkMessages = 200

// Raw publishes over culvert.v1.raw with ?confirm=1.
func (p Publisher) Raw() error {
	s, err := dial(p.Host, "/v1/topics/"+p.Topic+"/ws?confirm=1", "culvert.v1.raw")
	if err != nil {
		return err
	}
	defer s.conn.Close()
	confirmed := numbered.NewTally(1, p.Messages)
	return p.exchange(s.conn, p.chunk(func(dst, message []byte) []byte { return appendFrame(dst, message) }), func() error {
		for range p.Messages {
			answer, err := s.next()
			if err != nil {
				return err
			}
			if len(answer) < 2 || answer[0] != '+' {
				return fmt.Errorf("not confirmed: %s", answer)
			}
			if err := confirmed.Add(0, atoi(answer[1:])-1); err != nil {
				return err
			}
		}
		return confirmed.Err()
	})
}

// JSON publishes over culvert.v1.json, a pub with an id in each WebSocket message.
func (p Publisher) JSON() error {
	s, err := dial(p.Host, "/v1/ws", "culvert.v1.json")
	if err != nil {
		return err
	}
	defer s.conn.Close()
	confirmed := numbered.NewTally(1, p.Messages)
	return p.exchange(s.conn, p.chunk(func(dst, message []byte) []byte { return appendFrame(dst, p.pub(message)) }), func() error {
		for range p.Messages {
			answer, err := s.next()
			if err != nil {
				return err
			}
			if err := acked(confirmed, answer); err != nil {
				return err
			}
		}
		return confirmed.Err()
	})
}

// Lines publishes by one POST of NDJSON.
func (p Publisher) Lines() error {
	conn, err := net.DialTimeout("tcp", p.Host, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	body := p.chunk(func(dst, message []byte) []byte { return append(append(dst, p.pub(message)...), '\n') })
	if _, err := fmt.Fprintf(conn, "POST /v1/topics/%s/messages HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n",
		p.Topic, p.Host, len(body.bytes)/chunkMessages*p.Messages); err != nil {
		return err
	}
	return p.exchange(conn, body, func() error {
		in := bufio.NewReaderSize(patient{conn}, 256<<10)
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("the POST was answered %s", answer.Status)
		}
		return p.results(bufio.NewReaderSize(answer.Body, 64<<10))
	})
}

// results reads the results of lines, which come in their order.
func (p Publisher) results(in *bufio.Reader) error {
	confirmed := numbered.NewTally(1, p.Messages)
	for range p.Messages {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if err := acked(confirmed, line); err != nil {
			return err
		}
	}
	if line, err := in.ReadSlice('\n'); !errors.Is(err, io.EOF) {
		return fmt.Errorf("more than all was answered: %s", line)
	}
	return confirmed.Err()
}

// pub is the frame or line for a message. Its id is the message's number, in the message's own digits.
func (p Publisher) pub(message []byte) []byte {
	frame := append([]byte(`{"op":"pub","id":"`), numbered.NumberIn(message)...)
	frame = fmt.Appendf(frame, `","topic":%q,"payload":`, p.Topic)
	return append(append(frame, message...), '}')
}

// acked counts the message that an ack is about.
func acked(confirmed *numbered.Tally, answer []byte) error {
	const head = `{"op":"ack","id":"`
	if !bytes.HasPrefix(answer, []byte(head)) {
		return fmt.Errorf("not confirmed: %s", answer)
	}
	return confirmed.Add(0, atoi(answer[len(head):]))
}

// atoi reads the digits that text begins with.
func atoi(text []byte) (n int) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return n
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// chunk is some messages as they are sent at once.
type chunk struct {
	bytes   []byte
	numbers []int // where numbers stand, by message
	each    int   // how many each message has
}

// chunk makes the first messages, each as wrap says.
func (p Publisher) chunk(wrap func(dst, message []byte) []byte) chunk {
	var c chunk
	message := numbered.Append(nil, p.Number, 98765432, p.Size)
	one, mark := wrap(nil, message), numbered.NumberIn(message)
	var at []int
	for from := 0; ; {
		i := bytes.Index(one[from:], mark)
		if i < 0 {
			break
		}
		at = append(at, from+i)
		from += i + len(mark)
	}
	for n := range chunkMessages {
		for _, i := range at {
			c.numbers = append(c.numbers, n*len(one)+i)
		}
		c.bytes = append(c.bytes, one...)
	}
	c.each = len(at)
	return c
}

// number makes the messages of the chunk those from first on.
func (c *chunk) number(first int) {
	for i, at := range c.numbers {
		numbered.Put(c.bytes[at:at+numbered.Digits], first+i/c.each)
	}
}

// exchange sends all messages while hear hears the answers to all.
func (p Publisher) exchange(out net.Conn, c chunk, hear func() error) error {
	sent := make(chan error, 1)
	go func() { // ends when all was sent, or the connection does
		size := len(c.bytes) / chunkMessages
		for n := 0; n < p.Messages; n += chunkMessages {
			c.number(n)
			if _, err := out.Write(c.bytes[:min(chunkMessages, p.Messages-n)*size]); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	err := hear()
	out.Close()
	if err != nil {
		return err
	}
	return <-sent
}
