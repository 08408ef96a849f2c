package amqp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// sieve is a connection to a server from which the driver can read whatever strangers have published. The driver gives up a connection over headers that are nested deeper, or are
// more, than it likes, and over frames longer than was agreed, which the server sends where headers of its own come to those of a large message. All that is read on the connection
// would end with such a message, and end again when it is sent once more. So the headers that it cannot read are taken out here (AMQP 0-9-1 §2.3.5 and §4.2).
type sieve struct {
	net.Conn
	in      *bufio.Reader
	longest atomic.Int64 // the longest frame that was agreed; 0 until then, and where there is no bound
	met     atomic.Bool  // whether a frame has come
	found   func()       // called once, when something was taken out

	// The reading goroutine alone uses these.
	ready []byte // of a frame, to be read first
	pass  int64  // how much comes after that and is read as it is
	frame []byte // the memory of ready
}

const (
	frameHead   = 1 + 2 + 4 // type, channel, length of the payload
	frameEnd    = 1
	frameTop    = 8 // the highest type of a frame
	frameHeader = 2 // the type of those with a message's headers
	// mostPayload is how long a frame with headers may be that is looked into: far more than servers allow.
	mostPayload = 64 << 20
)

func newSieve(conn net.Conn, found func()) *sieve {
	return &sieve{Conn: conn, in: bufio.NewReaderSize(conn, 32<<10), found: sync.OnceFunc(found)}
}

// Read implements net.Conn.
func (s *sieve) Read(p []byte) (int, error) {
	if len(s.ready) == 0 && s.pass == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	if len(s.ready) > 0 {
		n := copy(p, s.ready)
		s.ready = s.ready[n:]
		return n, nil
	}
	n, err := s.in.Read(p[:min(int64(len(p)), s.pass)])
	s.pass -= int64(n)
	return n, err
}

// next begins with the next frame.
func (s *sieve) next() error {
	head, err := s.in.Peek(frameHead)
	if err != nil {
		if err == io.EOF && len(head) > 0 { // the driver shall see what there was
			s.pass = int64(len(head))
			return nil
		}
		return err
	}
	size := int64(binary.BigEndian.Uint32(head[3:]))
	if head[0] > frameTop { // this does not speak AMQP, as the driver will say
		s.pass = 1
		return nil
	}
	s.met.Store(true)
	if head[0] != frameHeader || size > mostPayload {
		s.pass = frameHead + size + frameEnd
		return nil
	}
	whole := int(frameHead + size + frameEnd)
	if cap(s.frame) < whole {
		s.frame = make([]byte, whole)
	}
	s.frame = s.frame[:whole]
	if _, err := io.ReadFull(s.in, s.frame); err != nil {
		return err
	}
	s.ready = s.frame
	payload := s.frame[frameHead : whole-frameEnd]
	room := int(s.longest.Load()) - frameHead - frameEnd
	if repaired := repair(payload, room); repaired != nil {
		s.found()
		s.ready = binary.BigEndian.AppendUint32(bytes.Clone(s.frame[:3]), uint32(len(repaired)))
		s.ready = append(append(s.ready, repaired...), s.frame[whole-frameEnd])
	}
	if cap(s.frame) > 1<<20 { // no connection keeps what one message needed
		s.frame = nil
	}
	return nil
}

// What the driver reads at most.
const (
	mostHeaders = 8192 // elements of a table or an array; also what we write of headers
	mostDepth   = 32   // tables and arrays within each other
)

// Of a content header's payload: class, weight, body size and flags; and what the flags say of it.
const (
	beforeProperties    = 2 + 2 + 8 + 2
	flagContentType     = 0x8000
	flagContentEncoding = 0x4000
	flagHeaders         = 0x2000
)

// repair gives the payload of a frame with headers without what the driver cannot read of them, in at most room bytes where that is more than 0. Nil says that it can read
// all, or that nothing here can help.
func repair(payload []byte, room int) []byte {
	from, ok := tableAt(payload)
	if !ok {
		return nil
	}
	length := binary.BigEndian.Uint32(payload[from:])
	table := payload[from+4:]
	if uint64(length) > uint64(len(table)) {
		return nil
	}
	table, rest := table[:length], table[length:]
	if room <= 0 {
		room = len(payload)
	}
	room -= from + 4 + len(rest)
	if len(table) <= room && isReadable(cutEntry, table, 0) {
		return nil
	}
	repaired := bytes.Clone(payload[:from+4])
	repaired = appendReadable(repaired, table, room)
	binary.BigEndian.PutUint32(repaired[from:], uint32(len(repaired)-from-4))
	return append(repaired, rest...)
}

// tableAt is where the table of headers begins in the payload of a frame with headers; false where there is none.
func tableAt(payload []byte) (int, bool) {
	if len(payload) < beforeProperties {
		return 0, false
	}
	flags := binary.BigEndian.Uint16(payload[beforeProperties-2:])
	at := beforeProperties
	for _, flag := range []uint16{flagContentType, flagContentEncoding} { // short strings, which come first
		if flags&flag != 0 {
			if at >= len(payload) {
				return 0, false
			}
			at += 1 + int(payload[at])
		}
	}
	return at, flags&flagHeaders != 0 && at+4 <= len(payload)
}

// appendReadable appends those entries of a table that the driver can read, as many as there is room for: where the server says the message lies first of all.
func appendReadable(to, table []byte, room int) []byte {
	var first []byte
	for all := table; len(all) > 0; {
		n, readable := cutEntry(all, 0)
		if n == 0 {
			break
		}
		if readable && string(all[1:1+all[0]]) == headerOffset {
			first = all[:n]
			break
		}
		all = all[n:]
	}
	to = append(to, first...)
	room -= len(first)
	for kept := 1; len(table) > 0 && kept < mostHeaders; {
		n, readable := cutEntry(table, 0)
		if n == 0 {
			break
		}
		if readable && n <= room && string(table[1:1+table[0]]) != headerOffset {
			to = append(to, table[:n]...)
			room -= n
			kept++
		}
		table = table[n:]
	}
	return to
}

// cutEntry is how long the entry is that a table begins with, 0 where that cannot be told, and whether the driver can read it.
func cutEntry(table []byte, depth int) (n int, readable bool) {
	name := 1 + int(table[0])
	if name >= len(table) {
		return 0, false
	}
	n, readable = cutField(table[name:], depth)
	if n == 0 {
		return 0, false
	}
	return name + n, readable
}

// cutField is cutEntry for a value, with its type.
func cutField(b []byte, depth int) (n int, readable bool) {
	kind, b := b[0], b[1:]
	readable = true
	switch kind {
	case 'V':
	case 't', 'b', 'B':
		n = 1
	case 's', 'u':
		n = 2
	case 'I', 'i', 'f':
		n = 4
	case 'D':
		n = 5
	case 'l', 'd', 'T':
		n = 8
	case 'S', 'x', 'A', 'F':
		if len(b) < 4 {
			return 0, false
		}
		size := binary.BigEndian.Uint32(b)
		if uint64(size) > uint64(len(b)) { // which an int need not hold
			return 0, false
		}
		n = 4 + int(size)
	default:
		return 0, false
	}
	if n > len(b) {
		return 0, false
	}
	switch kind {
	case 'A':
		readable = depth < mostDepth && isReadable(cutField, b[4:n], depth+1)
	case 'F':
		readable = depth < mostDepth && isReadable(cutEntry, b[4:n], depth+1)
	}
	return 1 + n, readable
}

// isReadable reports whether the driver can read what is in an array (of fields) or a table (of entries), so deep within others.
func isReadable(cut func([]byte, int) (int, bool), b []byte, depth int) bool {
	for n := 0; len(b) > 0; n++ {
		element, readable := cut(b, depth)
		if !readable || n == mostHeaders {
			return false
		}
		b = b[element:]
	}
	return true
}
