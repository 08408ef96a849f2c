package amqp

import (
	"context"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// Where a consumer of a stream begins, besides an offset and a time. Last is the beginning of the last chunk, so that some older messages come first.
const (
	streamOffset = "x-stream-offset"
	streamFirst  = "first"
	streamLast   = "last"
)

const (
	// quiet is how long nothing must come until what a server was about to send counts as sent.
	quiet = 50 * time.Millisecond
	// empty is how long nothing must come until there counts as nothing where nothing else tells.
	empty = 200 * time.Millisecond
	// endWithin is how long the end is looked for while it moves on.
	endWithin = 500 * time.Millisecond
	// A chunk is at most so many messages, and so many bytes but for its first message.
	chunkMessages = 1024
	chunkBytes    = 1 << 20
)

// stream is a consumer at a topic's log, on a channel of its own. What the server sends waits here in order, at most about as much as the setting ReadAhead and one chunk of the
// server's: not taking is back-pressure.
type stream struct {
	layout  layout
	ch      *channel
	release func() bool   // forgets the context that would close the stream
	news    chan struct{} // signalled when something has come, or the stream has ended

	mu      sync.Mutex // guards what follows
	waiting []*domain.Message
	ended   bool

	taken uint64 // messages that were handed on: the delivery tag of the last one
}

// attach makes a consumer of l's log at an offset, a time or one of the words above. It ends with ctx, with the connection, or when the log is deleted. An offset that is
// not there any more is the first one that is; at one that is not there yet it waits.
func (b *Broker) attach(ctx context.Context, l layout, at any) (*stream, error) {
	ch, err := b.viewing.channel(ctx)
	if err != nil {
		return nil, translate(l.topic, err)
	}
	s := &stream{layout: l, ch: ch, news: make(chan struct{}, 1)}
	var deliveries <-chan amqp091.Delivery
	err = ch.call(ctx, func(raw *amqp091.Channel) (err error) {
		if err = raw.Qos(b.cfg.ReadAhead, 0, false); err == nil {
			deliveries, err = raw.Consume(l.log, "", false, false, false, false, amqp091.Table{streamOffset: at})
		}
		return err
	})
	if err != nil {
		ch.close()
		return nil, translate(l.topic, err)
	}
	s.release = context.AfterFunc(ctx, s.ch.close)
	go s.receive(deliveries) // ends with the channel or the consumer
	return s, nil
}

// receive reads what the server sends until it sends no more.
func (s *stream) receive(deliveries <-chan amqp091.Delivery) {
	for d := range deliveries {
		m := decode(&d)
		m.Offset, _ = d.Headers[streamOffset].(int64)
		m.Fingerprint = fingerprint(&d)
		s.mu.Lock()
		s.waiting = append(s.waiting, m)
		s.mu.Unlock()
		signal(s.news)
	}
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	signal(s.news)
}

// close lets the server send no more. It may be called more than once.
func (s *stream) close() {
	s.release()
	s.ch.close()
}

// take gives what has come, in order, and blocks until there is something, at most until ctx ends. An error of another kind says that the stream has ended.
func (s *stream) take(ctx context.Context) ([]*domain.Message, error) {
	for {
		batch, ended := s.cut()
		if len(batch) > 0 {
			s.taken += uint64(len(batch))
			// Where the channel is gone the next take says so.
			_ = s.ch.use(func(ch *amqp091.Channel) error { return ch.Ack(s.taken, true) })
			return batch, nil
		}
		if ended {
			return nil, errEnded()
		}
		select {
		case <-s.news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// cut gives the first chunk of what waits.
func (s *stream) cut() (batch []*domain.Message, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, size := 0, 0
	for n < len(s.waiting) && n < chunkMessages && (n == 0 || size+s.waiting[n].Size() <= chunkBytes) {
		size += s.waiting[n].Size()
		n++
	}
	batch = s.waiting[:n:n]
	if s.waiting = s.waiting[n:]; len(s.waiting) == 0 {
		s.waiting = nil
	}
	return batch, s.ended
}

// some is take that gives up after a while: then there are no messages.
func (s *stream) some(ctx context.Context, within time.Duration) ([]*domain.Message, error) {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	batch, err := s.take(limited)
	if err != nil && limited.Err() != nil {
		err = ctx.Err()
	}
	return batch, err
}

// soon gives the messages that the server was about to send by now, none where there are none. A stream says nothing at its end. But the server answers in order: once it has answered, what
// it has sent before is on this side, and only that must be waited for.
func (s *stream) soon(ctx context.Context) ([]*domain.Message, error) {
	if _, err := s.counted(ctx); err != nil {
		return nil, err
	}
	return s.some(ctx, quiet)
}

// beginning gives the first messages of a stream that is attached at first or last: none where the log is empty.
func (s *stream) beginning(ctx context.Context) ([]*domain.Message, error) {
	batch, err := s.soon(ctx)
	if len(batch) > 0 || err != nil {
		return batch, err
	}
	// The server counts late. But what it has counted is there.
	n, err := s.counted(ctx)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		return s.must(ctx)
	}
	return s.some(ctx, empty)
}

// perhaps gives the first messages of a stream that is attached at a time: none where nothing is that new.
func (s *stream) perhaps(ctx context.Context) ([]*domain.Message, error) {
	batch, err := s.soon(ctx)
	if len(batch) > 0 || err != nil {
		return batch, err
	}
	return s.some(ctx, empty)
}

// must gives messages that are known to be there.
func (s *stream) must(ctx context.Context) ([]*domain.Message, error) {
	batch, err := s.some(ctx, s.ch.timeout)
	if len(batch) == 0 && err == nil {
		return nil, errAway(context.DeadlineExceeded)
	}
	return batch, err
}

// end reads a stream that is attached at last to the end as of now, and gives the newest message: nil where the log is empty.
func (s *stream) end(ctx context.Context) (*domain.Message, error) {
	batch, err := s.beginning(ctx)
	var newest *domain.Message
	for deadline := time.Now().Add(endWithin); len(batch) > 0 && err == nil; {
		newest = batch[len(batch)-1]
		if time.Now().After(deadline) { // what was there in the beginning has come
			return newest, nil
		}
		batch, err = s.soon(ctx)
	}
	return newest, err
}

// counted asks the server how many messages it has counted in the log.
func (s *stream) counted(ctx context.Context) (int, error) {
	var log amqp091.Queue
	err := s.ch.call(ctx, func(ch *amqp091.Channel) (err error) {
		log, err = ch.QueueDeclarePassive(s.layout.log, true, false, false, false, nil)
		return err
	})
	if err != nil {
		return 0, translate(s.layout.topic, err)
	}
	return log.Messages, nil
}

func errEnded() error {
	return domain.Errorf(domain.Unavailable, "the broker ended the reading of a log")
}
