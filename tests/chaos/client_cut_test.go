package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"culvert/tests/oracle"
)

// cutter is a client whose connection breaks in the midst of what it says or hears.
type cutter struct {
	*trial
	rand   *rand.Rand
	number int // of the publisher that it is; nobody else has it
	sent   []oracle.Note
}

// clientsCut breaks connections in the midst of frames and bodies, of which nothing may be published but what was whole.
func clientsCut(x *trial) {
	const together = 4
	ways := []func(*cutter, *bare) error{
		(*cutter).frames, (*cutter).fragments, (*cutter).payloads, (*cutter).body, (*cutter).chunks, (*cutter).lines, (*cutter).view, (*cutter).viewSocket, (*cutter).join, (*cutter).joinSocket,
	}
	var cutting sync.WaitGroup
	for range together {
		chance := rand.New(rand.NewPCG(x.rand.Uint64(), x.rand.Uint64()))
		cutting.Go(func() {
			for range few(6, 100) {
				for _, way := range ways {
					c := &cutter{trial: x, rand: chance, number: x.stranger()}
					c.cut(way)
				}
			}
		})
	}
	cutting.Wait()
}

// cut lets a client go a way, and breaks its connection: mostly without a farewell, sometimes by closing it as if all had been said.
func (c *cutter) cut(way func(*cutter, *bare) error) {
	ctx, cancel := context.WithTimeout(context.Background(), recovery)
	defer cancel()
	conn, err := dial(ctx, c.url())
	if err != nil {
		c.Errorf("a client found no bridge: %v", err)
		return
	}
	defer conn.reset()
	defer context.AfterFunc(ctx, conn.reset)()
	if err := way(c, conn); err != nil {
		c.Errorf("a client that was to be cut off: %v", err)
	}
	for _, n := range c.sent {
		c.oracle.Unknown(n)
	}
	if c.rand.IntN(4) == 0 {
		_ = conn.CloseWrite() // of one that has ended already
		_, _ = conn.in.ReadByte()
	}
}

// whole is a message that is sent with all that belongs to it.
func (c *cutter) whole() oracle.Note {
	n := c.partial()
	c.oracle.Sent(n)
	c.sent = append(c.sent, n)
	return n
}

// partial is a message that breaks off: if it is seen all the same, nobody has sent it.
func (c *cutter) partial() oracle.Note {
	return oracle.Note{Publisher: c.number, Key: c.load.key(c.number % c.load.keys), N: len(c.sent)}
}

func (c *cutter) path(rest string) string { return "/v1/topics/" + c.name + rest }

// most is text without its end, which may be any but empty.
func (c *cutter) most(text string) string { return text[:len(text)-1-c.rand.IntN(len(text)-1)] }

func pub(n oracle.Note) string {
	return fmt.Sprintf(`{"op":"pub","key":%q,"text":%q}`, n.Key, n)
}

// some are several messages in the words of pub, and one that is not whole.
func (c *cutter) some(word func(oracle.Note) string) (whole []string, rest string) {
	for range c.rand.IntN(4) {
		whole = append(whole, word(c.whole()))
	}
	return whole, word(c.partial())
}

// frames breaks off in a frame, of which all but the last bytes are there.
func (c *cutter) frames(conn *bare) error {
	if err := conn.upgrade(c.path("/ws"), "culvert.v1.json"); err != nil {
		return err
	}
	whole, rest := c.some(func(n oracle.Note) string { return frame(wsFinal|wsText, pub(n)) })
	return conn.say(strings.Join(whole, "") + c.most(rest))
}

// fragments breaks off before the last fragment of a message, which is a whole one by itself.
func (c *cutter) fragments(conn *bare) error {
	if err := conn.upgrade(c.path("/ws"), "culvert.v1.json"); err != nil {
		return err
	}
	whole, _ := c.some(func(n oracle.Note) string { return frame(wsFinal|wsText, pub(n)) })
	return conn.say(strings.Join(whole, "") + frame(wsText, pub(c.partial())))
}

// payloads breaks off in a raw payload, which would be another one without its end.
func (c *cutter) payloads(conn *bare) error {
	if err := conn.upgrade(c.path("/ws?key="+c.partial().Key), "culvert.v1.raw"); err != nil {
		return err
	}
	whole, rest := c.some(func(n oracle.Note) string { return frame(wsFinal|wsText, n.String()) })
	return conn.say(strings.Join(whole, "") + c.most(rest))
}

// body breaks off in the body of a POST, which is one payload, or a batch that is whole but for its last bytes.
func (c *cutter) body(conn *bare) error {
	kind, text := "text/plain", c.partial().String()
	if c.rand.IntN(2) == 0 {
		kind, text = "application/vnd.culvert.batch+json", `{"messages":[`+pub(c.partial())+`]}  `
	}
	if err := conn.ask(http.MethodPost, c.path("/messages"), "Content-Type: "+kind, "Culvert-Key: "+c.partial().Key, "Content-Length: "+strconv.Itoa(len(text))); err != nil {
		return err
	}
	return conn.say(c.most(text))
}

// chunks breaks off before the last chunk of a body, which is a whole payload without it.
func (c *cutter) chunks(conn *bare) error {
	if err := conn.ask(http.MethodPost, c.path("/messages"), "Culvert-Key: "+c.partial().Key, "Transfer-Encoding: chunked"); err != nil {
		return err
	}
	return conn.say(chunk(c.partial().String()))
}

func chunk(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

// lines breaks off in a line of NDJSON, at times in one that lacks no more than its end.
func (c *cutter) lines(conn *bare) error {
	if err := conn.ask(http.MethodPost, c.path("/messages"), "Content-Type: application/x-ndjson", "Transfer-Encoding: chunked"); err != nil {
		return err
	}
	if err := conn.hear(http.StatusOK); err != nil {
		return err
	}
	whole, rest := c.some(pub)
	if c.rand.IntN(2) == 0 {
		rest = c.most(rest)
	}
	return conn.say(chunk(strings.Join(append(whole, rest), "\n")))
}

// view breaks off while it is written to.
func (c *cutter) view(conn *bare) error {
	accept := []string{"text/event-stream", "application/x-ndjson"}[c.rand.IntN(2)]
	if err := conn.stream(c.path("/events?from=earliest"), accept); err != nil {
		return err
	}
	return c.listen(conn)
}

func (c *cutter) viewSocket(conn *bare) error {
	if err := conn.upgrade(c.path("/ws?mode=view&from=earliest"), "culvert.v1.raw"); err != nil {
		return err
	}
	return c.listen(conn)
}

// join breaks off with leases that it has not settled, and may be in the midst of being given more.
func (c *cutter) join(conn *bare) error {
	if err := conn.stream(c.path("/queues/"+queue+"/events?ack=manual&max_in_flight=100"), "text/event-stream"); err != nil {
		return err
	}
	return c.listen(conn)
}

func (c *cutter) joinSocket(conn *bare) error {
	if err := conn.upgrade(c.path("/queues/"+queue+"/ws"), "culvert.v1.json"); err != nil {
		return err
	}
	if err := conn.say(frame(wsFinal|wsText, `{"op":"sub","sub":"s","ack":"manual","max_in_flight":100}`)); err != nil {
		return err
	}
	return c.listen(conn)
}

// listen takes some bytes, at most for a moment.
func (c *cutter) listen(conn *bare) error {
	if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		return err
	}
	_, _ = conn.in.Discard(1 + c.rand.IntN(2000)) // there may be no more of them
	return nil
}
