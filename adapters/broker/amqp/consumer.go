package amqp

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// consumer is a channel on which the server gives what a queue has. When it ends, all that was not acknowledged goes back to the queue, in its order.
type consumer struct {
	ch     *channel
	queue  queue
	claim  *claim
	grain  time.Duration // of the claim's arrivals
	counts bool          // the server counts those too who wait for their turn

	deliveries <-chan amqp091.Delivery
	closes     <-chan *amqp091.Error
	cancels    <-chan string
	stop       context.CancelFunc
	ended      <-chan struct{} // closed when nothing is delivered or acknowledged any more

	assigned bool // what was found out of who is active; the membership's goroutine alone uses it
	active   chan struct{}
	activate func() // closes active
}

// consume makes a consumer. Gap is what its claim begins with.
func (b *Broker) consume(ctx context.Context, conn *amqp091.Connection, q queue, gap *domain.Gap) (*consumer, error) {
	ch, err := b.joining.channelOf(ctx, conn)
	if err != nil {
		return nil, err
	}
	c := &consumer{
		ch: ch, queue: q, claim: newClaim(gap), grain: b.cfg.Hold() / 100, active: make(chan struct{}),
		closes: ch.NotifyClose(make(chan *amqp091.Error, 1)), cancels: ch.NotifyCancel(make(chan string, 1)),
	}
	c.activate = sync.OnceFunc(func() { close(c.active) })
	if err := c.begin(ctx, b.cfg.Prefetch); err != nil {
		ch.close()
		if missing(err) { // gone since it was looked for
			err = errAway(err)
		}
		return nil, err
	}
	life, stop := context.WithCancel(context.Background()) // it acknowledges what was settled until it is stopped
	ended := make(chan struct{})
	c.stop, c.ended = stop, ended
	// Ends with the channel, or when it is stopped.
	go func() {
		defer close(ended)
		c.work(life)
	}()
	return c, nil
}

// consumerTag is what consumers are called on their channels.
const consumerTag = "culvert"

// begin lets the server deliver. Where one consumer at a time is active it finds out whether that is us: a classic queue counts all that there are, a quorum queue
// the active one alone, so that we are it where there was none.
func (c *consumer) begin(ctx context.Context, prefetch int) error {
	var before, after int
	err := c.ch.call(ctx, func(ch *amqp091.Channel) (err error) {
		if err = ch.Qos(prefetch, 0, false); err != nil {
			return err
		}
		if c.queue.single {
			if before, err = consumers(ch, c.queue.name); err != nil {
				return err
			}
		}
		if c.deliveries, err = ch.Consume(c.queue.name, consumerTag, false, false, false, false, nil); err != nil || !c.queue.single {
			return err
		}
		after, err = consumers(ch, c.queue.name)
		return err
	})
	c.assigned = err == nil && (!c.queue.single || before == 0 && after == 1)
	c.counts = after > before
	return err
}

// consumers is how many consumers of a queue the server counts.
func consumers(ch *amqp091.Channel, queue string) (int, error) {
	q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	return q.Consumers, err
}

// work takes what is delivered, and acknowledges what is settled, until the channel ends or the consumer is stopped.
func (c *consumer) work(life context.Context) {
	for {
		select {
		case d, ok := <-c.deliveries:
			if !ok {
				return
			}
			c.claim.push(&d, time.Now(), c.grain)
			c.activate()
		case <-c.claim.news:
			c.acknowledge()
		case <-life.Done():
			c.acknowledge()
			return
		}
	}
}

// acknowledge tells the server what was settled. Where that fails the channel is at its end.
func (c *consumer) acknowledge() {
	upto, beyond := c.claim.told()
	if upto > 0 {
		_ = c.ch.Ack(uint64(upto), true)
	}
	for _, tag := range beyond {
		_ = c.ch.Ack(uint64(tag), false)
	}
}

// patience is how long a consumer that waits for its turn does so before it looks whether it has come. To count costs next to nothing; to line up anew does.
func (c *consumer) patience() time.Duration {
	const count, anew = time.Second, 5 * time.Second
	if c.counts {
		return count/2 + rand.N(count)
	}
	return anew/2 + rand.N(anew)
}

// look finds out whether a consumer that waits for its turn has become the active one. It is errAnew where only lining up anew tells.
func (c *consumer) look(ctx context.Context) error {
	if !c.counts {
		return errAnew
	}
	var n int
	err := c.ch.call(ctx, func(ch *amqp091.Channel) (err error) {
		n, err = consumers(ch, c.queue.name)
		return err
	})
	if err != nil {
		return errAway(err)
	}
	if n == 1 {
		c.activate()
	}
	return nil
}

// left is how long what was delivered may stay unsettled, at most hold; false where it must go back now, before the server takes the channel for it.
func (c *consumer) left(hold time.Duration) (time.Duration, bool) {
	since, open := c.claim.oldest()
	if !open {
		return hold, true
	}
	rest := hold - time.Since(since)
	return rest, rest > 0
}

// cancelled reports whether the server has cancelled the consumer: the queue was deleted, or the node that has it went away.
func (c *consumer) cancelled() bool {
	select {
	case _, told := <-c.cancels:
		return told
	default:
		return false
	}
}

// cause is why the channel has ended. Whatever the server had against it, another one may be had; where not, that tells.
func (c *consumer) cause() error {
	select {
	case err := <-c.closes:
		if err != nil {
			return errAway(err)
		}
	default:
	}
	return errAway(errors.New("the server has cancelled the consumer, or its connection was closed"))
}

// leave acknowledges what was settled, and gives back the rest. It returns when the server has done so, or ctx ends.
func (c *consumer) leave(ctx context.Context) {
	c.stop()
	select {
	case <-c.ended:
		if c.queue.kind != queueClassic && c.claim.began() {
			c.flush(ctx)
		}
	case <-ctx.Done():
	}
	_ = c.ch.call(ctx, (*amqp091.Channel).Close) // what is wrong with it is over with it
}

// flush returns when a quorum queue has got the acknowledgements. What its log is not yet ready for waits in the server's end of the channel, and would be lost with that: whoever
// closes the channel at once is given back what was acknowledged. But a consumer more, or less, goes through the log, and is answered when that has it. The one that we have stays,
// since without it another member would get its turn before it has what we give back.
func (c *consumer) flush(ctx context.Context) {
	const tag = consumerTag + "'s end"
	_ = c.ch.call(ctx, func(ch *amqp091.Channel) error {
		_, err := ch.Consume(c.queue.name, tag, false, false, false, false, nil)
		if err != nil {
			return err
		}
		return ch.Cancel(tag, false)
	}) // a channel that is broken has nothing to flush
}
