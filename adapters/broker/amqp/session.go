package amqp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// session is a channel with confirms, from its opening to its end, and what is under way on it.
type session struct {
	sender   *sender
	ch       *channel
	layout   layout
	frame    int                         // the largest frame that the server takes
	confirms <-chan amqp091.Confirmation // in the order of the messages
	closes   <-chan *amqp091.Error
	returns  <-chan amqp091.Return // each before its confirmation: nothing is kept in between
	returned map[string]bool       // the ids of messages that were returned and are not confirmed yet; follow's own
	nowhere  atomic.Bool           // something was returned: what the topic needs is no longer there
	ended    chan struct{}         // closed when nothing is under way any more, and nothing will be

	mu        sync.Mutex // guards what follows
	under     fifo
	writing   *outgoing // the last in under, while it is being written
	confirmed bool      // the server has confirmed something
	closed    bool
	cause     *amqp091.Error // of its end, once it is closed; nil where it was ended by us
}

// session opens a channel to the topic, when there is a connection, and the topic where that is not there.
func (s *sender) session(ctx context.Context) (*session, error) {
	link := s.broker.publishing
	if _, err := link.await(ctx); err != nil {
		return nil, err
	}
	l, err := s.broker.ensure(ctx, link, s.topic)
	if err != nil {
		return nil, err
	}
	conn, err := link.connection(ctx)
	if err != nil {
		return nil, err
	}
	if s.on != conn { // a server that was started anew may take more
		s.largest.Store(0)
		s.on = conn
	}
	ch, err := link.channelOf(ctx, conn)
	if err != nil {
		return nil, translate(s.topic, err)
	}
	if err := ch.call(ctx, func(ch *amqp091.Channel) error { return ch.Confirm(false) }); err != nil {
		ch.close()
		return nil, translate(s.topic, err)
	}
	now := &session{
		sender: s, ch: ch, layout: l, frame: conn.Config.FrameSize,
		confirms: ch.NotifyPublish(make(chan amqp091.Confirmation, 256)),
		closes:   ch.NotifyClose(make(chan *amqp091.Error, 1)),
		returns:  ch.NotifyReturn(make(chan amqp091.Return)),
		returned: map[string]bool{},
		ended:    make(chan struct{}),
	}
	s.publisher.running.Go(now.follow) // ends with the channel
	return now, nil
}

// over reports whether the channel has ended.
func (s *session) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// write writes a message. It blocks for as long as the server reads nothing. False: the message was not written since the channel has ended, and waits for the next one.
func (s *session) write(ctx context.Context, o *outgoing) bool {
	if !o.leave() {
		s.sender.finished(o)
		return true
	}
	p := o.encoded()
	// What the server took counts until the connection is gone: the next one may be to a server that takes more.
	if err := s.check(p); err != nil && !s.sender.on.IsClosed() {
		o.answer(domain.Ack{}, err)
		s.sender.finished(o)
		return true
	}
	if !s.begin(o) {
		o.stay()
		return false
	}
	// Where the topic has a log, or is one queue, a message that comes nowhere is one that the broker does not have, though it confirms it.
	mandatory := s.layout.log != "" || s.layout.exchange == ""
	if mandatory {
		o.id = p.MessageId
	}
	err := s.ch.Publish(s.layout.exchange, s.layout.routingKey, mandatory, false, p)
	if s.wrote(o, err) {
		return true
	}
	select {
	case <-s.ended: // which follows; then the sender need not ask again and again
	case <-ctx.Done():
	}
	return false
}

// check refuses what the server, or a reader, would end the connection or the channel for.
func (s *session) check(p amqp091.Publishing) error {
	const overhead = frameHead + frameEnd + beforeProperties
	const added = 64 // the server's own headers, as the offset in a stream: it sends them in one frame with ours
	if n := propertiesSize(p) + overhead + added; s.frame > 0 && n > s.frame || len(p.Headers) >= mostHeaders {
		return domain.Errorf(domain.TooLarge, "the message has %d headers that need %d bytes; the broker takes %d headers in %d bytes (its frame_max)", len(p.Headers), n, mostHeaders-1, s.frame)
	}
	if largest := s.sender.largest.Load(); largest > 0 && int64(len(p.Body)) > largest {
		return domain.Errorf(domain.TooLarge, "the message has %d bytes; the broker takes %d (its max_message_size)", len(p.Body), largest)
	}
	return nil
}

// begin notes that o is under way. False: the channel has ended.
func (s *session) begin(o *outgoing) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.under.push(o)
	s.writing = o
	return true
}

// wrote notes how writing o has ended. False: o was not written.
func (s *session) wrote(o *outgoing, err error) bool {
	s.mu.Lock()
	closed, cause := s.closed, s.cause
	s.writing = nil
	if err != nil && !closed {
		s.under.unpush()
	}
	s.mu.Unlock()
	switch {
	case errors.Is(err, amqp091.ErrClosed): // the last frame of the message was not even tried
		o.stay()
		return false
	case closed: // by the server, perhaps for what it had read of this message
		o.answer(domain.Ack{}, s.verdict(cause, o))
		s.sender.finished(o)
	case err != nil: // any other error may come with the last byte, or after it
		o.answer(domain.Ack{}, errUnconfirmed(err))
		s.sender.finished(o)
	}
	return true
}

// follow answers what is under way as the server confirms it, until the channel ends, and then the rest.
func (s *session) follow() {
	tag := uint64(0)
	for open := true; open; {
		select {
		case r, ok := <-s.returns:
			if !ok {
				s.returns = nil
				continue
			}
			s.returned[r.MessageId] = true
			s.nowhere.Store(true)
		case c, ok := <-s.confirms:
			for open = ok; tag < c.DeliveryTag; {
				tag++
				s.outcome(c, tag)
			}
		}
	}
	cause := <-s.closes
	for _, o := range s.close(cause) {
		o.answer(domain.Ack{}, s.verdict(cause, o))
		s.sender.finished(o)
	}
	close(s.ended)
}

// outcome answers the next message, whose tag this is, as a confirmation says that goes up to it at least.
func (s *session) outcome(c amqp091.Confirmation, tag uint64) {
	o := s.settled()
	if o == nil { // the server confirms what we never sent
		return
	}
	nowhere := s.returned[o.id]
	delete(s.returned, o.id)
	switch {
	case nowhere:
		o.answer(domain.Ack{}, errNowhere(s.sender.topic))
	case tag < c.DeliveryTag: // the driver drops what it could not hand over for five seconds
		o.answer(domain.Ack{}, errUnconfirmed(nil))
	case c.Ack:
		o.confirm()
	default:
		o.answer(domain.Ack{}, errRefused())
	}
	s.sender.finished(o)
}

// settled is the next message of which the server has told the outcome; nil where there is none.
func (s *session) settled() *outgoing {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.confirmed = true
	return s.under.shift()
}

// close takes nothing any more, and gives what is under way, but for the message that is being written.
func (s *session) close(cause *amqp091.Error) []*outgoing {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.cause = true, cause
	if s.writing != nil {
		s.under.unpush()
	}
	return s.under.all()
}

// verdict is what became of a message that was under way when the channel ended. Mostly nobody knows.
func (s *session) verdict(cause *amqp091.Error, o *outgoing) error {
	if cause == nil {
		return errUnconfirmed(nil)
	}
	if at := strings.Index(cause.Reason, tooLarge); at >= 0 {
		var size, largest int64
		if _, err := fmt.Sscanf(cause.Reason[at:], tooLarge+"%d is larger than configured max size %d", &size, &largest); err == nil {
			s.sender.largest.Store(largest)
			if int64(len(o.message.Payload)) > largest {
				return domain.Errorf(domain.TooLarge, "the message has %d bytes; the broker takes %d (its max_message_size)", len(o.message.Payload), largest).Because(cause)
			}
		}
	}
	if code(cause) == amqp091.AccessRefused && !s.confirmed {
		return translate(s.sender.topic, cause)
	}
	return errUnconfirmed(cause)
}

// tooLarge is how RabbitMQ's complaint about a message larger than its max_message_size begins.
const tooLarge = "message size "
