package ws

import (
	"context"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// raw is the dialect culvert.v1.raw: each message of the client is one payload for a topic, and each message to it one of a view or
// a queue.
type raw struct {
	inlet
	socket    *socket
	frames    *domain.Format // of what is viewed
	topic     domain.Topic
	queue     domain.Queue // that is joined or peeked into; empty: none
	key       []byte       // of all that the client injects; nil: none
	writes    bool         // it may inject
	tells     bool         // confirmations are told, too
	conflated bool         // the view wants no more than the newest message of each key
	stream    ports.Stream // nil where nothing is viewed
	way       *way         // the stream's
	member    ports.Member // nil where no queue is joined
}

// openRaw makes the dialect of s, and opens the view or the membership that params, those of its URL, ask for. h is the head of the handshake.
func openRaw(ctx context.Context, s *socket, at place, h http.Header, params *edge.Params) (dialect, error) {
	d := &raw{socket: s, frames: s.edge.frames, topic: at.topic, queue: at.queue, key: at.fixed.Key}
	if at.queue != "" {
		return d, d.openQueue(ctx, at, h, params)
	}
	return d, d.openTopic(ctx, h, params)
}

func (d *raw) openTopic(ctx context.Context, h http.Header, params *edge.Params) error {
	mode := params.Choice("mode", "inject", "view", "both")
	if d.writes = mode != "view"; d.writes {
		d.tells = params.Flag("confirm", false)
	}
	if mode == "inject" {
		d.takeKey(params)
		return params.Err()
	}
	return d.openView(ctx, h, params)
}

// openView opens the view of the topic, or into the queue that params say to peek into.
func (d *raw) openView(ctx context.Context, h http.Header, params *edge.Params) error {
	view, ended := params.View([]domain.Pattern{domain.Pattern(d.topic)}, params.LastEventID(h), d.socket.edge.limits, time.Now(), ports.OverflowLatest)
	if d.writes && len(view.Keys) > 1 {
		params.Fail(domain.Errorf(domain.InvalidRequest, "in mode=both one key is possible: it is that of all that is injected and of all that is viewed"))
	} else if d.writes && len(view.Keys) == 1 {
		d.key = view.Keys[0]
	}
	if err := params.Err(); err != nil {
		return err
	}
	if ended {
		return &domain.Bye{Reason: domain.ByeEnd}
	}
	view.Client, d.conflated = edge.Client(ctx), view.Overflow == ports.OverflowLatest
	d.way = d.socket.newWay(0, d.render, d.shown)
	view.Waker = &d.way.viewing
	var err error
	d.stream, err = view.Open(ctx, d.socket.edge.viewer, d.socket.edge.queues)
	return err
}

func (d *raw) openQueue(ctx context.Context, at place, h http.Header, params *edge.Params) error {
	const both = "both"
	mode := params.Mode(at.queue, both)
	if mode == edge.ModePeek {
		return d.openView(ctx, h, params)
	}
	if d.writes = mode == both; d.writes {
		d.tells = params.Flag("confirm", false)
		d.takeKey(params)
	}
	join, ack := params.Join(at.topic, at.queue, d.socket.edge.limits, time.Now())
	if ack != edge.AckAuto {
		params.Fail(domain.Errorf(domain.InvalidRequest, "ack=manual needs culvert.v1.json: bare payloads have no receipts"))
	}
	if err := params.Err(); err != nil {
		return err
	}
	var err error
	d.member, err = d.socket.edge.queues.Join(ctx, join)
	return err
}

// takeKey takes the key of all that is injected, unless one is fixed.
func (d *raw) takeKey(params *edge.Params) {
	if d.key != nil {
		return
	}
	key, ok := params.One("key")
	if !ok {
		return
	}
	d.key = []byte(key)
	if most := d.socket.edge.limits.KeyBytes; len(key) > most {
		params.Fail(domain.Errorf(domain.InvalidRequest, "the key has %d bytes; keys have at most %d (limits.key_bytes)", len(key), most))
	}
}

// start implements dialect.
func (d *raw) start(ctx context.Context) {
	switch {
	case d.stream != nil:
		d.way.begin(d.stream)
	case d.member != nil:
		d.socket.task(ctx, func() { d.belong(ctx) }) // ends with the membership, or with the socket
	}
}

// farewell implements dialect: raw clients are told by the close alone. It is that of the view or the membership where there is one, whose service may say bye at
// the same time.
func (d *raw) farewell(b *domain.Bye) (code int, reason string, last []byte) {
	if d.stream == nil && d.member == nil {
		code, reason = closeForAll(b)
	} else {
		code, reason = closeForBye(b)
	}
	return code, reason, nil
}

// hear implements dialect.
func (d *raw) hear(ctx context.Context, text bool, message []byte) {
	switch {
	case !d.writes:
		d.refuse(ctx, domain.Errorf(domain.InvalidRequest, "this socket only reads; mode=both writes, too"))
	case text && !utf8.Valid(message):
		// RFC 6455 §8.1 asks for this code.
		d.socket.part(ctx, closeInvalidText, "invalid-request: a text message must be UTF-8; send other bytes as a binary one", nil)
	case len(message) > d.socket.edge.limits.MessageBytes:
		d.refuse(ctx, errMessageTooLarge(d.socket.edge.limits))
	default:
		// Never nil, which would be a tombstone: gorilla's messages are read by io.ReadAll.
		if _, err := d.window(d.socket, d).Put(ctx, d.topic, &domain.Message{Key: d.key, Payload: fitted(message)}, ""); err != nil && ctx.Err() == nil {
			d.refuse(ctx, err) // it was not taken, and the numbers of those after it would be wrong
		}
	}
}

// fitted is p in no more memory than about its own length. gorilla's messages have room for 512 bytes at least, and the log of a topic in this process keeps them for long.
func fitted(p []byte) []byte {
	if cap(p)-len(p) <= len(p)/4 {
		return p
	}
	return append(make([]byte, 0, len(p)), p...)
}

// answers tells what became of injected messages. It blocks while the client does not read; the window fills meanwhile.
func (d *raw) answers(ctx context.Context, outcomes []ports.Outcome) {
	d.socket.conn.Pass(len(outcomes), 0)
	d.socket.reportFirst(ctx, outcomes)
	held := d.socket.edge.buffers.Get().(*[]byte)
	frames := *held
	var room [64]byte // for a text without an error
	for _, o := range outcomes {
		text := room[:0]
		switch {
		case o.Err != nil:
			e := domain.AsError(o.Err)
			text = strconv.AppendUint(append(text, '-'), o.N, 10)
			text = append(append(text, ' '), e.Code...)
			text = append(append(text, ' '), edge.DetailOf(e)...)
		case d.tells:
			text = strconv.AppendUint(append(text, '+'), o.N, 10)
		default:
			continue
		}
		frames = appendFrame(frames, opText, text)
	}
	if len(frames) > 0 {
		_ = d.socket.wire.Send(ctx, nil, frames) // where it fails the socket ends, and nobody is left to be told
	}
	if cap(frames) <= 2*enough {
		*held = frames[:0]
		d.socket.edge.buffers.Put(held)
	}
}

// refuse closes the socket for err. The caller is hear.
func (d *raw) refuse(ctx context.Context, err error) {
	code, reason := closeFor(err)
	d.socket.part(ctx, code, reason, nil)
}
