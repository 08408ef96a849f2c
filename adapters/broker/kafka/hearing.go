package kafka

import (
	"encoding/binary"
	"net"
	"sync/atomic"

	"github.com/IBM/sarama"
)

// produce is the kind of request that writes (Kafka's protocol guide, "API keys").
const produce = 0

// hearingConn hears what a leader answers to what is written. It belongs to a client that has one request under way on a connection.
type hearingConn struct {
	net.Conn
	hear   func(at place, answer sarama.KError)
	asked  atomic.Int32 // the version of the produce request that is not answered yet, or noProduce
	answer []byte       // what came of its answer
}

const noProduce = -1

// hearing makes connections that tell hear what leaders answer.
func (d dialer) hearing(hear func(at place, answer sarama.KError)) dialer {
	return func(network, addr string) (net.Conn, error) {
		conn, err := d(network, addr)
		if err != nil {
			return nil, err
		}
		c := &hearingConn{Conn: conn, hear: hear}
		c.asked.Store(noProduce)
		return c, nil
	}
}

// Write implements net.Conn. sarama writes a request at once: its length, its kind, its version, and the rest.
func (c *hearingConn) Write(b []byte) (int, error) {
	if len(b) >= 8 && binary.BigEndian.Uint16(b[4:]) == produce {
		c.asked.Store(int32(binary.BigEndian.Uint16(b[6:])))
	}
	return c.Conn.Write(b)
}

// Read implements net.Conn. What is wrong with an answer is for sarama to say.
func (c *hearingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	version := c.asked.Load()
	if version == noProduce {
		return n, err
	}
	c.answer = append(c.answer, b[:n]...)
	const head = 4
	if len(c.answer) >= head && len(c.answer)-head >= int(binary.BigEndian.Uint32(c.answer)) {
		readProduced(c.answer[head:], version, c.hear)
		c.answer = nil
		c.asked.Store(noProduce) // before sarama has the last of it, and asks again
	}
	return n, err
}

// readProduced reads the answer to a produce request of versions 3 to 10 as far as it can be read (Kafka's protocol guide, "Produce API").
func readProduced(answer []byte, version int32, hear func(at place, answer sarama.KError)) {
	r := &protocolReader{rest: answer, flexible: version >= 9}
	r.skip(4) // the request's number
	r.tags()
	for range r.count() {
		topic := r.text()
		for range r.count() {
			at := place{topic, int32(r.number(4))}
			code := sarama.KError(int16(r.number(2)))
			r.skip(16) // the offset and the time
			if version >= 5 {
				r.skip(8) // the first offset of the log
			}
			if version >= 8 {
				for range r.count() { // what is wrong with single records
					r.skip(4)
					r.text()
					r.tags()
				}
				r.text()
			}
			r.tags()
			if r.short {
				return
			}
			hear(at, code)
		}
		r.tags()
	}
}

// protocolReader reads Kafka's types: those of flexible versions, or those before. Past the end all is zero.
type protocolReader struct {
	rest     []byte
	flexible bool
	short    bool // it ended too early
}

func (r *protocolReader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.rest, r.short = nil, true
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *protocolReader) skip(n uint64) { r.take(n) }

func (r *protocolReader) number(width uint64) uint64 {
	n := uint64(0)
	for _, b := range r.take(width) {
		n = n<<8 | uint64(b)
	}
	return n
}

func (r *protocolReader) varint() uint64 {
	n, width := binary.Uvarint(r.rest)
	if width <= 0 {
		width = len(r.rest) + 1
	}
	r.skip(uint64(width))
	return n
}

// length is that of an array or a text, whose length is told in width bytes where the version is not flexible. Null is as long as what is empty.
func (r *protocolReader) length(width uint64) uint64 {
	if r.flexible { // one more, so that null is 0
		n := r.varint()
		return n - min(n, 1)
	}
	n := r.number(width)
	if null := uint64(1)<<(8*width) - 1; n == null {
		return 0
	}
	return n
}

// count is how many elements an array has. None has more than there are bytes.
func (r *protocolReader) count() uint64 {
	n := r.length(4)
	if n > uint64(len(r.rest)) {
		r.rest, r.short = nil, true
		return 0
	}
	return n
}

func (r *protocolReader) text() string { return string(r.take(r.length(2))) }

// tags skips the tagged fields of flexible versions.
func (r *protocolReader) tags() {
	if !r.flexible {
		return
	}
	for n := r.varint(); n > 0 && !r.short; n-- {
		r.varint()
		r.skip(r.varint())
	}
}
