package drive

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Message is one that is to be published: its stream, and a payload that is the publisher's until Publish returns.
type Message struct {
	Stream  int
	Payload []byte
}

// Publisher hands messages to a system. Publish returns when they are on their way, in order for each stream. It is for one goroutine at a time.
type Publisher interface {
	Publish(messages []Message) error
}

// Source makes the messages of a system's streams, one stream after the other. It goes on through all loads of a system. It is for one goroutine at a time.
type Source struct {
	publisher Publisher
	size      int
	next      []uint32
	turn      int
	batch     []Message
}

// NewSource gives a source of payloads of so many bytes for a publisher.
func NewSource(p Publisher, streams, size int) (*Source, error) {
	if size < noteSize || streams < 1 || streams > MaxStreams {
		return nil, fmt.Errorf("%d streams of %d bytes: a message has at least %d, and there are 1 to %d streams", streams, size, noteSize, MaxStreams)
	}
	return &Source{publisher: p, size: size, next: make([]uint32, streams)}, nil
}

// Sent is what was published, by stream.
func (s *Source) Sent() []uint32 { return s.next }

// publish publishes the next n messages.
func (s *Source) publish(n int) error {
	for len(s.batch) < n {
		s.batch = append(s.batch, Message{Payload: padding(s.size)})
	}
	for i := range n {
		m := &s.batch[i]
		m.Stream = s.turn
		note(m.Payload, s.turn, s.next[s.turn], now())
		s.next[s.turn]++
		s.turn = (s.turn + 1) % len(s.next)
	}
	return s.publisher.Publish(s.batch[:n])
}

func padding(size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = '.'
	}
	return p
}

// Load is work for a system.
type Load struct {
	// Window is how many messages are under way: one is over when all its viewers have been shown it. Where it is 0, Rate counts.
	Window int
	// Rate is how many messages are published each second, evenly.
	Rate int
	// For is how long it goes on. What is under way then is waited for.
	For time.Duration
	// Timed is whether the time from publishing to each viewer is counted.
	Timed bool
}

// Result is what was done.
type Result struct {
	Messages   int
	Deliveries int // each of a message to a viewer
	Reads      int // how often the viewers' sockets were read for them
	Bytes      int // of the wires
	Took       time.Duration
	Latency    *Histogram // nil where it was not timed
}

// Run lets the source publish to the system and the crowd read of it. Whatever a viewer is shown that is not what is due is an error, and so is what nobody is shown.
func (c *Crowd) Run(ctx context.Context, source *Source, load Load) (Result, error) {
	if load.Window > most {
		return Result{}, fmt.Errorf("%d messages cannot be under way, only %d", load.Window, most)
	}
	if c.latency = nil; load.Timed {
		c.latency = &Histogram{}
	}
	before, start := *c, time.Now()
	run := c.closed
	if load.Window == 0 {
		run = c.paced
	}
	sent, err := run(ctx, source, load)
	if err != nil {
		return Result{}, err
	}
	return Result{
		Messages: sent, Deliveries: c.deliveries - before.deliveries, Reads: c.reads - before.reads, Bytes: c.bytes - before.bytes,
		Took: time.Since(start), Latency: c.latency,
	}, nil
}

// closed keeps the window full.
func (c *Crowd) closed(ctx context.Context, source *Source, load Load) (sent int, err error) {
	before := c.over
	for end := time.Now().Add(load.For); time.Now().Before(end); {
		if free := load.Window - (sent - (c.over - before)); free > 0 {
			if err := source.publish(free); err != nil {
				return sent, err
			}
			sent += free
		}
		if err := c.awaitOver(ctx, c.over+1); err != nil {
			return sent, err
		}
	}
	return sent, c.awaitOver(ctx, before+sent)
}

// paced publishes in a goroutine of its own, so that a message does not wait for a reader.
func (c *Crowd) paced(ctx context.Context, source *Source, load Load) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type end struct {
		sent int
		err  error
	}
	published := make(chan end, 1)
	// Ends with the load, or with ctx.
	go func() {
		sent, err := source.pace(ctx, load.Rate, load.For)
		published <- end{sent, err}
	}()
	before := c.over
	for {
		select {
		case e := <-published:
			if e.err != nil {
				return e.sent, e.err
			}
			return e.sent, c.awaitOver(ctx, before+e.sent)
		default:
			if _, err := c.wait(10 * time.Millisecond); err != nil {
				cancel()
				<-published
				return 0, err
			}
		}
	}
}

// pace publishes at a rate. What could not be published in time is published at once.
func (s *Source) pace(ctx context.Context, rate int, period time.Duration) (sent int, err error) {
	ticks := time.NewTicker(max(time.Second/time.Duration(rate), 100*time.Microsecond))
	defer ticks.Stop()
	for start := time.Now(); ; {
		passed := min(time.Since(start), period)
		if due := int(passed.Seconds()*float64(rate)) - sent; due > 0 {
			if err := s.publish(due); err != nil {
				return sent, err
			}
			sent += due
		}
		if passed == period {
			return sent, nil
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return sent, ctx.Err()
		}
	}
}

// awaitOver polls until so many messages are over, all in all.
func (c *Crowd) awaitOver(ctx context.Context, n int) error {
	err := c.await(ctx, func() bool { return c.over >= n })
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%d messages have not come to all their viewers: %w", n-c.over, err)
	}
	return err
}
