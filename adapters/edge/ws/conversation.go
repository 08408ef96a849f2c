package ws

import (
	"context"
	"maps"
	"slices"
	"sync"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// conversation is the dialect culvert.v1.json: frames of JSON in both directions.
type conversation struct {
	inlet
	socket *socket
	edge   *Edge
	at     place
	lines  bool // several frames may go in one message

	object edge.Object // the frame that is being heard

	mu   sync.Mutex // guards what follows
	subs map[string]*subscription
	over *domain.Bye // why no sub begins any more; nil while any may
}

// openConversation makes the dialect of s. params are those of its URL.
func openConversation(s *socket, at place, params *edge.Params) (dialect, error) {
	c := &conversation{socket: s, edge: s.edge, at: at, lines: params.Flag("batch", false), subs: map[string]*subscription{}}
	return c, params.Err()
}

// start implements dialect.
func (c *conversation) start(context.Context) {}

// farewell implements dialect: each sub says bye, and then the socket does.
func (c *conversation) farewell(b *domain.Bye) (code int, reason string, last []byte) {
	c.mu.Lock()
	c.over = b
	live := slices.Collect(maps.Values(c.subs))
	for _, s := range live {
		s.leaving = true
	}
	c.mu.Unlock()
	for _, s := range live {
		s.cancel(b)
	}
	code, reason = closeForAll(b)
	return code, reason, appendFrame(nil, opText, edge.AppendByeBody([]byte(`{"op":"bye",`), b, edge.RetryOf(b, c.edge.cfg.Retry, c.edge.cfg.Drain), ""))
}

// flush implements dialect: the answers to subs and unsubs come from the subscriptions.
func (c *conversation) flush(ctx context.Context) {
	c.inlet.flush(ctx)
	for _, said := range c.due() {
		select {
		case <-said:
		case <-ctx.Done():
			return
		}
	}
}

// due are closed when each subscription has said what its client waits for: how it began, or, where it is to end, its last.
func (c *conversation) due() []<-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	due := make([]<-chan struct{}, 0, len(c.subs))
	for _, s := range c.subs {
		if s.leaving {
			due = append(due, s.gone)
		} else {
			due = append(due, s.answered)
		}
	}
	return due
}

// hear implements dialect.
func (c *conversation) hear(ctx context.Context, text bool, message []byte) {
	if !text {
		c.refuse(ctx, domain.Errorf(domain.InvalidRequest, "culvert.v1.json is text; a binary payload goes as base64 in a pub"), nil)
		return
	}
	frames, err := split(message, c.edge.limits.FramesPerMessage)
	if err != nil {
		c.refuse(ctx, err, nil)
		return
	}
	for _, frame := range frames {
		if ctx.Err() != nil {
			return
		}
		c.frame(ctx, frame)
	}
}

// frame hears one frame.
func (c *conversation) frame(ctx context.Context, text []byte) {
	o := &c.object
	if err := o.Parse(text); err != nil {
		c.send()
		if !isObject(text) {
			c.refuse(ctx, err, nil)
			return
		}
		id, _ := edge.DecodeID(o) // it is told where it was read before the trouble
		c.fail(ctx, id, err)
		return
	}
	op, err := o.Text("op")
	if err == nil && op == "pub" {
		c.pub(ctx, o)
		return
	}
	c.send() // what follows may wait for the client
	id, idErr := edge.DecodeID(o)
	if err == nil {
		err = idErr
	}
	if err == nil {
		err = c.steer(ctx, op, id, o)
	}
	if err != nil {
		c.fail(ctx, id, err)
	}
}

// steer hears a frame that is about subscriptions.
func (c *conversation) steer(ctx context.Context, op, id string, o *edge.Object) error {
	switch op {
	case "sub":
		return c.subscribe(ctx, id, o)
	case "unsub":
		return c.unsubscribe(id, o)
	case "credit":
		return c.credit(o)
	case "done", "nack", "touch":
		return c.settle(ctx, op, id, o)
	case "auth":
		return domain.Errorf(domain.Unsupported, "the frame auth is reserved and means nothing yet")
	}
	return domain.Errorf(domain.InvalidRequest, "op must be one of pub, sub, unsub, credit, done, nack and touch")
}

// pub hears a message to inject. It blocks while the window is full.
func (c *conversation) pub(ctx context.Context, o *edge.Object) {
	p, err := edge.DecodePub(o, c.at.fixed)
	if err == nil {
		p.Topic, err = c.at.topicOf(p.Topic)
	}
	switch {
	case err != nil:
		_, err = c.window(c.socket, c).Reject(ctx, p.ID, err)
	case len(p.Message.Payload) > c.edge.limits.MessageBytes:
		err = errMessageTooLarge(c.edge.limits)
		c.refuse(ctx, err, appendFrame(nil, opText, edge.AppendErr(nil, p.ID, err)))
		return
	default:
		_, err = c.window(c.socket, c).Put(ctx, p.Topic, p.Message, p.ID)
	}
	if err != nil && ctx.Err() == nil {
		c.fail(ctx, p.ID, err) // it was not taken, so the window does not answer it
	}
}

// answers tells what became of injected messages. It blocks while the client does not read; the window fills meanwhile.
func (c *conversation) answers(ctx context.Context, outcomes []ports.Outcome) {
	c.socket.conn.Pass(len(outcomes), 0)
	c.socket.reportFirst(ctx, outcomes)
	p := newParcel(c.lines, &c.edge.buffers)
	defer p.release()
	var frame []byte
	for _, o := range outcomes {
		if o.Err == nil && o.ID == "" {
			continue
		}
		frame = edge.AppendOutcome(frame[:0], o)
		p.add(frame, nil)
		if p.full() {
			if c.socket.wire.Send(ctx, nil, p.frames()) != nil {
				return // the socket ends, and nobody is left to be told
			}
			p.release()
		}
	}
	if !p.empty() {
		_ = c.socket.wire.Send(ctx, nil, p.frames()) // as above
	}
}

// fail answers the frame that is being heard with err.
func (c *conversation) fail(ctx context.Context, id string, err error) {
	c.socket.report(ctx, "frame refused", err)
	c.say(ctx, refusal(id, beginning(&c.object), err))
}

// refusal is an err, with the sub that could not begin where it is about one.
func refusal(id, sub string, err error) []byte {
	frame := edge.AppendErr(nil, id, err)
	if sub == "" {
		return frame
	}
	frame = append(frame[:len(frame)-1], `,"sub":`...)
	return append(edge.AppendString(frame, sub), '}')
}

// say writes one frame. Where that fails the socket ends, which the caller sees by its context.
func (c *conversation) say(ctx context.Context, frame []byte) {
	_ = c.socket.wire.Send(ctx, nil, appendFrame(nil, opText, frame))
}

// refuse closes the socket for what cannot be read or is too large, after last.
func (c *conversation) refuse(ctx context.Context, err error, last []byte) {
	code, reason := closeFor(err)
	c.socket.part(ctx, code, reason, last)
}
