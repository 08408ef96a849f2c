package drive

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Crowd is many viewers of one system. All its methods are for one goroutine.
type Crowd struct {
	dialect  Dialect
	poll     *poller
	viewers  []*viewer
	buf      []byte
	audience int // how many viewers are shown each message

	ready      int
	heartbeats int
	reads      int
	bytes      int
	deliveries int
	over       int        // messages that all their viewers have been shown
	halves     [][]uint32 // by stream and number: how many viewers have been shown a message that is not over
	latency    *Histogram // nil where nobody asked
	now        time.Duration
}

// Audience says who is to be shown what.
type Audience struct {
	Viewers int
	// Streams is how many streams of numbered messages there are.
	Streams int
	// Apart is whether each viewer is shown a stream of its own, number i the stream i, instead of all.
	Apart bool
	// Path, where it is not nil, is what viewer i asks for instead of the dialect's path.
	Path func(i int) string
	// Seen is what was published so far, by stream, and will not be shown to them. Nil: nothing was.
	Seen []uint32
}

// most is how many messages of a stream may be under way. It is a power of two.
const most = 1 << 14

// readSize is how much is read of a viewer at once.
const readSize = 256 << 10

// together is how many viewers are let wait for their answer at a time: no more than fit what a listener keeps waiting.
const together = 100

// Open opens viewers at a host, and returns when all of them are ready. The crowd must be closed.
func Open(ctx context.Context, host string, dialect Dialect, audience Audience) (*Crowd, error) {
	poll, err := newPoller()
	if err != nil {
		return nil, err
	}
	c := &Crowd{dialect: dialect, poll: poll, buf: make([]byte, readSize), audience: audience.Viewers}
	if audience.Apart {
		c.audience = 1
	}
	if c.audience > 1 {
		c.halves = make([][]uint32, audience.Streams)
		for i := range c.halves {
			c.halves[i] = make([]uint32, most)
		}
	}
	if err := c.gather(ctx, host, audience); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Crowd) gather(ctx context.Context, host string, audience Audience) error {
	for i := range audience.Viewers {
		if err := c.add(host, i, audience); err != nil {
			return fmt.Errorf("viewer %d of %d: %w", i+1, audience.Viewers, err)
		}
		if err := c.await(ctx, func() bool { return len(c.viewers)-c.ready < together }); err != nil {
			return err
		}
	}
	return c.await(ctx, func() bool { return c.ready == len(c.viewers) })
}

// add opens viewer i. It is ready later.
func (c *Crowd) add(host string, i int, audience Audience) error {
	fd, err := connect(host)
	if err != nil {
		return err
	}
	v := &viewer{crowd: c, fd: fd}
	if audience.Apart {
		v.first, v.next = i, make([]uint32, 1)
	} else {
		v.next = make([]uint32, audience.Streams)
	}
	if audience.Seen != nil {
		copy(v.next, audience.Seen[v.first:])
	}
	c.viewers = append(c.viewers, v)
	if err := c.poll.add(fd, i); err != nil {
		return err
	}
	d := c.dialect
	if audience.Path != nil {
		d.path = audience.Path(i)
	}
	return write(fd, d.request(host))
}

// await polls until something holds; ten seconds of silence are an error.
func (c *Crowd) await(ctx context.Context, holds func() bool) error {
	heard := time.Now()
	for !holds() {
		some, err := c.wait(100 * time.Millisecond)
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case some:
			heard = time.Now()
		case time.Since(heard) > 10*time.Second:
			return errors.New("the server is silent")
		}
	}
	return nil
}

// Close ends all connections.
func (c *Crowd) Close() {
	for _, v := range c.viewers {
		closeSocket(v.fd)
	}
	c.poll.close()
}

// Len is how many viewers it has.
func (c *Crowd) Len() int { return len(c.viewers) }

// Idle reads what comes for a while, in which no message may, and says how many heartbeats came.
func (c *Crowd) Idle(ctx context.Context, period time.Duration) (heartbeats int, err error) {
	before, shown := c.heartbeats, c.deliveries
	for end := time.Now().Add(period); time.Now().Before(end); {
		if _, err := c.wait(time.Until(end)); err != nil {
			return 0, err
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	if c.deliveries != shown {
		return 0, fmt.Errorf("%d messages were shown that nobody sent", c.deliveries-shown)
	}
	return c.heartbeats - before, nil
}

// wait reads what has come, and waits for it where nothing has. some is false when the time has passed.
func (c *Crowd) wait(patience time.Duration) (some bool, err error) {
	readable, err := c.poll.wait(patience)
	if err != nil {
		return false, err
	}
	for _, i := range readable {
		if err := c.read(c.viewers[i]); err != nil {
			return true, fmt.Errorf("viewer %d: %w", i+1, err)
		}
	}
	return len(readable) > 0, nil
}

// read reads once of a viewer that has something to read.
func (c *Crowd) read(v *viewer) error {
	kept := copy(c.buf, v.rest)
	n, err := read(v.fd, c.buf[kept:])
	if err != nil {
		return err
	}
	if n == 0 {
		return errEnd
	}
	if c.latency != nil {
		c.now = now()
	}
	c.reads++
	c.bytes += n
	return v.take(c.buf[:kept+n], n)
}

// shown judges what a viewer was shown, and counts it.
func (c *Crowd) shown(v *viewer, message []byte) error {
	stream, n, published, err := readNote(message)
	if err != nil {
		return err
	}
	i := stream - v.first
	if i < 0 || i >= len(v.next) {
		return fmt.Errorf("it was shown a message of stream %d, which is not for it", stream)
	}
	if n != v.next[i] {
		return fmt.Errorf("it was shown number %d of stream %d when number %d was due", n, stream, v.next[i])
	}
	v.next[i]++
	c.deliveries++
	if c.latency != nil {
		c.latency.Add(c.now - readTime(published))
	}
	if c.audience == 1 {
		c.over++
		return nil
	}
	half := &c.halves[stream][n%most]
	if *half++; int(*half) == c.audience {
		*half = 0
		c.over++
	}
	return nil
}

// started is when this process began to count its time.
var started = time.Now()

// now is the time in messages, on the clock that never jumps.
func now() time.Duration { return time.Since(started) }
