package edge

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
	"unique"

	"culvert/domain"
	"culvert/ports"
)

// Connection is a stream or a socket that is open: what operators see of it, and what they end. What it costs those who write to it is one addition for each batch. The zero Connection is shown
// to nobody.
type Connection struct {
	room   *room // whose place it has; nil where it did not come through a Server
	client string
	agent  unique.Handle[string] // a few programs are most clients, and idle ones shall take little memory
	began  int64                 // in nanoseconds since 1970, and no other's
	fresh  atomic.Uint64         // what has passed since the last look, as Pass adds it

	protocol Protocol
	http     httpVersion

	// What follows is guarded by the mu of the Connections.

	rotated      bool    // it is to end
	rate         float32 // messages a second
	bytes        int64
	holder       Holder // nil before Hold
	newer, older *Connection
}

// Protocol is what is spoken on a Connection.
type Protocol uint8

// The protocols.
const (
	ProtocolSSE Protocol = iota
	ProtocolNDJSON
	ProtocolWSJSON
	ProtocolWSRaw
	ProtocolPostNDJSON
)

// String is the name that operators read.
func (p Protocol) String() string {
	return [...]string{"sse", "ndjson", "ws-json", "ws-raw", "post-ndjson"}[p]
}

type httpVersion uint8

func (v httpVersion) String() string { return [...]string{"1.0", "1.1", "2"}[v] }

func httpVersionOf(r *http.Request) httpVersion {
	switch {
	case r.ProtoMajor > 1:
		return 2
	case r.ProtoMinor > 0:
		return 1
	}
	return 0
}

// Holder is who serves a Connection. Its methods are called from any goroutine, and do not block.
type Holder interface {
	// Uses are what the client has opened.
	Uses() []Use
	// Rotate ends the connection, with Rotation. What is being written is still written.
	Rotate()
}

// Use is one thing that a client does on its connection.
type Use struct {
	Topic domain.Pattern
	Queue domain.Queue // empty: none
	Mode  string
	// Place is how far a view has come; nil where there is no telling.
	Place *domain.Vector
}

// The modes of a Use, beside ModeJoin and ModePeek.
const (
	ModeView   = "view"
	ModeInject = "inject"
)

// UsesOf are those of a view, which is one into queue where that is not empty.
func UsesOf(stream ports.Stream, queue domain.Queue) (uses []Use) {
	mode := ModeView
	if queue != "" {
		mode = ModePeek
	}
	for _, at := range stream.Cursor().Topics {
		uses = append(uses, Use{at.Topic, queue, mode, at.Vector})
	}
	return uses
}

// maxAgent is how much of what a client says of itself is kept.
const maxAgent = 256

// Connect takes a place for what r asks for, as Admit does, and shows it to operators. Hold follows once it is open, and Leave in the end.
func Connect(r *http.Request, protocol Protocol) (*Connection, error) {
	ctx := r.Context()
	c := &Connection{
		room:     roomOf(ctx),
		client:   Client(ctx),
		agent:    unique.Make(cut(r.UserAgent(), maxAgent)),
		protocol: protocol,
		http:     httpVersionOf(r),
	}
	if c.room == nil {
		return c, nil
	}
	if err := c.room.counted(c.room.enter(seatOf(ctx))); err != nil {
		return nil, err
	}
	c.room.connections.enter(c, time.Now())
	return c, nil
}

// Hold says who serves c from now on. Where c is to end already, that is told at once.
func (c *Connection) Hold(h Holder) {
	if c.room != nil && c.room.connections.hold(c, h) {
		h.Rotate()
	}
}

// Leave gives the place back. It is called once.
func (c *Connection) Leave() {
	if c.room != nil {
		c.room.connections.leave(c)
		c.room.leave()
	}
}

// passedBytes is how many bits of what has passed since a look are the bytes; the rest are messages. Neither comes near to its bound in the second between two looks.
const passedBytes = 38

// Pass counts messages that have passed in either direction, and bytes that were written. It neither blocks nor allocates.
func (c *Connection) Pass(messages, bytes int) {
	c.fresh.Add(uint64(messages)<<passedBytes | uint64(bytes))
}

// take gives what has passed since it was called last.
func (c *Connection) take() (messages, bytes int64) {
	if c.fresh.Load() == 0 { // as nearly always; reading leaves the memory to who writes
		return 0, 0
	}
	passed := c.fresh.Swap(0)
	return int64(passed >> passedBytes), int64(passed & (1<<passedBytes - 1))
}

// idBase is the base of the number in an ID.
const idBase = 36

func (c *Connection) id() string { return "c_" + strconv.FormatInt(c.began, idBase) }

// Rotation is what a client is told whose connection is to be another one.
func Rotation() *domain.Bye { return &domain.Bye{Reason: domain.ByeRotate, Reconnect: true} }

// GoingAway is what a client is told whose node shuts down.
func GoingAway() *domain.Bye { return &domain.Bye{Reason: domain.ByeShutdown, Reconnect: true} }

// MessagesOf is how many messages a batch has.
func MessagesOf(batch ports.Batch) (n int) {
	for _, span := range batch.Spans {
		if span.Run.Gap == nil {
			n += span.To - span.From
		}
	}
	return n
}
