package amqp

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/rabbitmq/amqp091-go"

	"culvert/adapters/broker"
	"culvert/domain"
)

// Subscriber is for Watermill applications beside us: a message.Subscriber on the queues of Broker's topics. It understands whatever a stranger has published, outlives
// outages, and sees that a subscription is cancelled while a message waits to be acknowledged. Its methods may be called from any goroutine.
type Subscriber struct {
	broker *Broker
	cfg    SubscriberConfig
	begin  func(context.Context) (context.Context, context.CancelFunc) // a context that also ends with the subscriber
	end    context.CancelFunc

	mu      sync.Mutex // guards closed, and running against being waited for too early
	closed  bool
	running sync.WaitGroup // the subscriptions
}

var (
	_ message.Subscriber           = (*Subscriber)(nil)
	_ message.SubscribeInitializer = (*Subscriber)(nil)
)

// SubscriberConfig says how a Subscriber subscribes.
type SubscriberConfig struct {
	// Queue is the queue that this subscriber's messages wait in, {topic}:{queue} in the server: durable, and shared by all subscribers that name it, each of
	// its messages being given to one of them. Empty: each subscription has a queue of its own, from its beginning to its end or to the end of its connection.
	Queue string
	// InFlight is how many messages of a subscription may be unacknowledged at a time. Only one at a time (the default) keeps their order.
	InFlight int
	// NackPause is how long a message that was nacked stays away from its queue, so that one that nobody can handle does not spin. Default 100 ms.
	NackPause time.Duration
}

// NewSubscriber makes a subscriber. It does not connect: see New.
func NewSubscriber(cfg Config, subscriber SubscriberConfig, log *slog.Logger) (*Subscriber, error) {
	if subscriber.InFlight == 0 {
		subscriber.InFlight = 1
	}
	if subscriber.NackPause == 0 {
		subscriber.NackPause = 100 * time.Millisecond
	}
	if subscriber.InFlight < 0 || subscriber.InFlight > 65535 {
		return nil, fmt.Errorf("InFlight is %d: it must be between 1 and 65535", subscriber.InFlight)
	}
	b, err := New(cfg, log)
	if err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.Background())
	s := &Subscriber{broker: b, cfg: subscriber, end: end}
	s.begin = func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		release := context.AfterFunc(life, cancel)
		return ctx, func() { release(); cancel() }
	}
	return s, nil
}

// SubscribeInitialize implements message.SubscribeInitializer: from now on messages of topic wait in the queue.
func (s *Subscriber) SubscribeInitialize(topic string) error {
	name, err := s.topic(topic)
	if err != nil {
		return err
	}
	ctx, done := s.begin(context.Background())
	defer done()
	l, err := s.broker.ensure(ctx, s.broker.joining, name)
	if err != nil || s.cfg.Queue == "" {
		return err
	}
	_, err = s.declare(ctx, l)
	return err
}

// topic checks the name of a topic, and that of its queue.
func (s *Subscriber) topic(name string) (domain.Topic, error) {
	topic, err := domain.ParseTopic(name)
	if err == nil && s.cfg.Queue != "" {
		_, err = domain.ParseQueue(topic, s.cfg.Queue)
	}
	return topic, err
}

// declare gives the connection on which the durable queue is there and bound.
func (s *Subscriber) declare(ctx context.Context, l layout) (*amqp091.Connection, error) {
	conn, err := s.broker.joining.connection(ctx)
	if err != nil {
		return nil, err
	}
	_, err = s.broker.queue(ctx, conn, l, domain.Queue(s.cfg.Queue), domain.Terms{Order: domain.OrderNone})
	return conn, err
}

// Subscribe implements message.Subscriber. It returns when messages of topic come into the queue; an unreachable broker is an error until then, and is outlived afterwards. The channel
// is closed when ctx has ended or the subscriber is closed: a message that is not acknowledged then goes back to the queue.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	name, err := s.topic(topic)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed()
	}
	s.running.Add(1)
	s.mu.Unlock()
	ctx, done := s.begin(ctx)
	sub := &subscription{subscriber: s, topic: name, out: make(chan *message.Message)}
	ch, err := sub.attach(ctx)
	if err != nil {
		done()
		s.running.Done()
		return nil, err
	}
	go func() { // ends with ctx
		defer s.running.Done()
		defer done()
		sub.run(ctx, ch)
	}()
	return sub.out, nil
}

// Close implements message.Subscriber. It returns when all subscriptions have ended.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.running.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), s.broker.cfg.RequestTimeout)
	defer cancel()
	return s.broker.Close(ctx)
}

// subscription is one call of Subscribe.
type subscription struct {
	subscriber *Subscriber
	topic      domain.Topic
	out        chan *message.Message
}

// attachment is a channel on which the server delivers.
type attachment struct {
	ch         *channel
	deliveries <-chan amqp091.Delivery
}

// attach makes the queue where it is not there, and lets the server deliver.
func (s *subscription) attach(ctx context.Context) (*attachment, error) {
	b, cfg := s.subscriber.broker, s.subscriber.cfg
	l, err := b.ensure(ctx, b.joining, s.topic)
	if err != nil {
		return nil, err
	}
	conn, err := b.joining.connection(ctx)
	if err == nil && cfg.Queue != "" {
		conn, err = s.subscriber.declare(ctx, l)
	}
	if err != nil {
		return nil, err
	}
	ch, err := b.joining.channelOf(ctx, conn)
	if err != nil {
		return nil, translate(s.topic, err)
	}
	a := &attachment{ch: ch}
	err = ch.call(ctx, func(ch *amqp091.Channel) (err error) {
		queue := l.queue(domain.Queue(cfg.Queue))
		if cfg.Queue == "" {
			declared, err := ch.QueueDeclare("", false, true, true, false, nil)
			if err != nil {
				return err
			}
			queue = declared.Name
			if err := ch.QueueBind(queue, l.bindingKey, l.exchange, false, nil); err != nil {
				return err
			}
		}
		if err := ch.Qos(cfg.InFlight, 0, false); err != nil {
			return err
		}
		a.deliveries, err = ch.Consume(queue, "", false, false, false, false, nil)
		return err
	})
	if err != nil {
		ch.close()
		return nil, translate(s.topic, err)
	}
	return a, nil
}

// run hands messages over until ctx ends, on one attachment after the other.
func (s *subscription) run(ctx context.Context, a *attachment) {
	defer close(s.out)
	retry, complaint := newBackOff(), ""
	for ctx.Err() == nil {
		if a != nil {
			s.consume(ctx, a)
			retry.Reset()
			complaint = ""
		}
		if _, err := s.subscriber.broker.joining.await(ctx); err != nil {
			return
		}
		var err error
		if a, err = s.attach(ctx); err != nil {
			if err.Error() != complaint && ctx.Err() == nil {
				complaint = err.Error()
				s.subscriber.broker.log.Warn("the subscription cannot go on yet; it is tried again and again", "topic", s.topic, "error", err)
			}
			s.subscriber.broker.joining.rest(ctx, retry.NextBackOff())
		}
	}
	if a != nil {
		a.ch.close()
	}
}

// consume hands over what is delivered on one attachment, until that or ctx ends, and no message is with the application any more.
func (s *subscription) consume(ctx context.Context, a *attachment) {
	release := context.AfterFunc(ctx, a.ch.close) // which gives back what was not acknowledged
	defer release()
	life, end := context.WithCancel(ctx)
	defer end()
	broken := a.ch.NotifyClose(make(chan *amqp091.Error, 1))
	var hands sync.WaitGroup
	for range s.subscriber.cfg.InFlight {
		hands.Go(func() { // ends with ctx or the attachment
			for s.next(ctx, life, a) {
			}
		})
	}
	hands.Go(func() { // ends with the attachment
		for range broken { // why does not matter
		}
		end()
	})
	hands.Wait()
}

// next hands one message over, and waits until the application is finished with it, or ctx ends. Life, which is the messages' context, also ends with the attachment. False: there is no
// other message.
func (s *subscription) next(ctx, life context.Context, a *attachment) bool {
	var d amqp091.Delivery
	var ok bool
	select {
	case d, ok = <-a.deliveries:
	case <-life.Done():
	}
	if !ok {
		return false
	}
	w := watermillMessage(&d)
	its, cancel := context.WithCancel(life)
	defer cancel()
	w.SetContext(its)
	select {
	case s.out <- w:
	case <-life.Done():
		return false
	}
	// An error of these is the end of the attachment, which is noticed elsewhere; the message comes again.
	select {
	case <-w.Acked():
		_ = d.Ack(false)
	case <-w.Nacked():
		pause(life, s.subscriber.cfg.NackPause)
		_ = d.Nack(false, true)
	case <-ctx.Done():
	}
	return true
}

// watermillMessage is a delivery as Watermill's message. One without a UUID gets a new one.
func watermillMessage(d *amqp091.Delivery) *message.Message {
	id, ok := d.Headers[headerUUID].(string)
	if !ok {
		id = cmp.Or(d.MessageId, watermill.NewUUID())
	}
	return broker.Encode(id, decode(d))
}
