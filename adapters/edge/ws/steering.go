package ws

import (
	"context"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// subscribe hears a sub: it starts a subscription, which answers by itself.
func (c *conversation) subscribe(ctx context.Context, id string, o *edge.Object) error {
	name, err := nameOf(o)
	if err != nil {
		return err
	}
	named, err := edge.DecodeTopics(o, c.edge.limits)
	if err != nil {
		return err
	}
	topics, err := c.at.topicsOf(named)
	if err != nil {
		return err
	}
	s := newSubscription(c, id, name)
	if _, given := o.Get("credit"); given {
		n, err := o.Int("credit", 0, maxCredit, 0)
		if err != nil {
			return err
		}
		s.credit = newCredit(n)
	}
	params := edge.FrameParams(o, c.edge.limits, "op", "id", "sub", "topic", "queue", "credit").Fix(c.at.fixed)
	if _, queued := o.Get("queue"); queued || c.at.queue != "" {
		err = s.askQueue(ctx, o, topics, params, queued)
	} else {
		s.askView(ctx, topics, params)
	}
	if err == nil {
		err = params.Err()
	}
	if err != nil {
		return err
	}
	return c.begin(ctx, s)
}

// askQueue takes what o asks of a queue. named says that it names one.
func (s *subscription) askQueue(ctx context.Context, o *edge.Object, topics []domain.Pattern, params *edge.Params, named bool) error {
	c := s.conversation
	topic, err := topicOfQueue(topics)
	if err != nil {
		return err
	}
	name, err := o.Text("queue")
	if err != nil {
		return err
	}
	queue, err := c.at.queueOf(topic, name, named)
	if err != nil {
		return err
	}
	if params.Mode(queue) == edge.ModePeek {
		s.askView(ctx, topics, params)
		return nil
	}
	s.join, s.ack = params.Join(topic, queue, c.edge.limits, time.Now())
	s.join.Heartbeat = c.edge.cfg.Heartbeat
	return nil
}

// askView takes what params ask of a view of topics, or into the queue that they say to peek into.
func (s *subscription) askView(ctx context.Context, topics []domain.Pattern, params *edge.Params) {
	c := s.conversation
	resume, _ := params.One("lastEventId")
	s.view, s.ended = params.View(topics, resume, c.edge.limits, time.Now(), ports.OverflowLatest)
	s.view.Heartbeat, s.view.Client = c.edge.cfg.Heartbeat, edge.Client(ctx)
}

// begin starts s, unless its name is taken, there are too many, or the node has no room.
func (c *conversation) begin(ctx context.Context, s *subscription) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over != nil {
		return errParting(c.over)
	}
	if c.subs[s.name] != nil {
		return domain.Errorf(domain.Conflict, "a sub %q is live already", shown(s.name))
	}
	if most := c.edge.limits.Subscriptions; len(c.subs) >= most {
		return domain.Errorf(domain.TooManyRequests, "a socket may have %d live subs (limits.subscriptions)", most)
	}
	if err := edge.AdmitMore(ctx); err != nil {
		return err
	}
	c.subs[s.name] = s
	life, cancel := context.WithCancelCause(ctx)
	s.cancel = cancel
	// It ends with its stream, by unsub, or with the socket.
	c.socket.task(ctx, func() { s.run(ctx, life) })
	return nil
}

// unsubscribe hears an unsub: the subscription says end as its last.
func (c *conversation) unsubscribe(id string, o *edge.Object) error {
	if err := o.Only("op", "id", "sub"); err != nil {
		return err
	}
	s, err := c.subOf(o)
	if err != nil {
		return err
	}
	c.mu.Lock()
	s.leaving = true
	c.mu.Unlock()
	s.cancel(&unsubscribed{id})
	return nil
}

// credit hears how many messages more a subscription may send.
func (c *conversation) credit(o *edge.Object) error {
	if err := o.Only("op", "id", "sub", "n"); err != nil {
		return err
	}
	s, err := c.subOf(o)
	if err != nil {
		return err
	}
	n, err := o.Int("n", 1, maxCredit, 0)
	switch {
	case err != nil:
		return err
	case n == 0:
		return domain.Errorf(domain.InvalidRequest, "n is missing: how many messages more may be sent")
	case s.credit == nil:
		return domain.Errorf(domain.InvalidRequest, "the sub %q began without credit, so it has no limit", shown(s.name))
	}
	s.credit.add(n)
	return nil
}

// settle hears a done, nack or touch.
func (c *conversation) settle(ctx context.Context, op, id string, o *edge.Object) error {
	if err := o.Only(settleFields(op)...); err != nil {
		return err
	}
	s, err := c.subOf(o)
	if err != nil {
		return err
	}
	if s.join.Queue == "" {
		return domain.Errorf(domain.InvalidRequest, "the sub %q is a view; only what a queue gave can be settled", shown(s.name))
	}
	receipts, err := o.Texts("receipts")
	if err != nil {
		return err
	}
	upto, err := o.Text("upto")
	if err != nil {
		return err
	}
	delay, err := o.Int("delay_ms", 0, edge.MaxDelay.Milliseconds(), 0)
	if err != nil {
		return err
	}
	if (receipts == nil) == (upto == "") {
		return domain.Errorf(domain.InvalidRequest, "a %s names receipts, a list; a done may say upto, one receipt, instead", op)
	}
	result := domain.Settlement{Unknown: receipts}
	if upto != "" {
		result.Unknown = []string{upto}
	}
	if m := s.member.Load(); m != nil {
		result = settle(*m, op, receipts, upto, time.Duration(delay)*time.Millisecond)
	}
	if id != "" {
		frame := append([]byte(`{"op":"ok","id":`), edge.AppendString(nil, id)...)
		c.say(ctx, edge.AppendSettlementBody(append(frame, ','), result))
	}
	return nil
}

func settleFields(op string) []string {
	fields := []string{"op", "id", "sub", "receipts"}
	switch op {
	case "done":
		fields = append(fields, "upto")
	case "nack":
		fields = append(fields, "delay_ms")
	}
	return fields
}

func settle(m ports.Settler, op string, receipts []string, upto string, delay time.Duration) domain.Settlement {
	switch {
	case op == "nack":
		return m.Nack(delay, receipts...)
	case op == "touch":
		return m.Touch(receipts...)
	case upto != "":
		return m.DoneUpTo(upto)
	}
	return m.Done(receipts...)
}

// subOf is the live subscription that a frame names; else an UnknownStream error.
func (c *conversation) subOf(o *edge.Object) (*subscription, error) {
	name, err := nameOf(o)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.subs[name]
	if s == nil || s.leaving {
		return nil, domain.Errorf(domain.UnknownStream, "there is no live sub %q", shown(name))
	}
	return s, nil
}

// nameOf is the sub that a frame is about.
func nameOf(o *edge.Object) (string, error) {
	name, err := o.Text("sub")
	if err == nil && (name == "" || len(name) > edge.MaxID) {
		err = domain.Errorf(domain.InvalidRequest, "sub must have 1 to %d bytes: the name that the client gives to the subscription", edge.MaxID)
	}
	return name, err
}

// beginning is the name that a frame wants to give to a sub; empty where it is no sub, or has no name that could be read.
func beginning(o *edge.Object) string {
	if op, err := o.Text("op"); err != nil || op != "sub" {
		return ""
	}
	name, err := nameOf(o)
	if err != nil {
		return ""
	}
	return name
}

// shown is as much of a client's name as an error repeats.
func shown(name string) string {
	const most = 40
	if r := []rune(name); len(r) > most {
		return string(r[:most]) + "…"
	}
	return name
}
