package amqp

import (
	"sync/atomic"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// parcel is one batch on its way: it sees to it that each message is answered once, at the deadline at the latest.
type parcel struct {
	id       func(i int) string
	done     func(i int, ack domain.Ack, err error)
	ended    func(*parcel) // called once, when all is answered
	messages []outgoing
	open     atomic.Int64 // messages not answered, and one until the parcel is sealed
	timer    *time.Timer
}

// weightBytes is how large a message may be that counts once in its topic's window.
const weightBytes = 4 << 10

// newParcel makes the parcel of batch. Its messages are answered when limit has passed.
func newParcel(batch []*domain.Message, limit time.Duration, id func(i int) string, done func(i int, ack domain.Ack, err error), ended func(*parcel)) *parcel {
	p := &parcel{id: id, done: done, ended: ended, messages: make([]outgoing, len(batch))}
	p.open.Store(int64(len(batch)) + 1)
	for i, m := range batch {
		o := &p.messages[i]
		o.parcel, o.index, o.message = p, i, m
		o.weight = 1 + int64(m.Size()/weightBytes)
	}
	p.timer = time.AfterFunc(limit, func() { p.expire(errLate()) })
	return p
}

// sealed says that all messages were handed on.
func (p *parcel) sealed() { p.answered() }

func (p *parcel) answered() {
	if p.open.Add(-1) == 0 {
		p.timer.Stop()
		p.ended(p)
	}
}

// expire answers all that has no answer yet: with unsent what has not left.
func (p *parcel) expire(unsent error) {
	for i := range p.messages {
		p.messages[i].expire(unsent)
	}
}

// outgoing is one message on its way.
type outgoing struct {
	parcel  *parcel
	index   int
	message *domain.Message
	weight  int64  // what it holds of its topic's window
	id      string // AMQP's, where the server shall say that the message came nowhere
	state   atomic.Int32
}

const (
	waiting  int32 = iota // not written, not answered
	leaving               // perhaps written, not answered
	answered              // answered
)

// leave says that the message is written now. False: it was answered, and must not leave.
func (o *outgoing) leave() bool { return o.state.CompareAndSwap(waiting, leaving) }

// encoded is the message as AMQP's.
func (o *outgoing) encoded() amqp091.Publishing { return encode(o.parcel.id(o.index), o.message) }

// stay says that it was not written after all.
func (o *outgoing) stay() { o.state.CompareAndSwap(leaving, waiting) }

// answer tells the outcome, unless one was told.
func (o *outgoing) answer(ack domain.Ack, err error) {
	if o.state.Swap(answered) != answered {
		o.tell(ack, err)
	}
}

// confirm tells that the broker has the message. Its time is what AMQP was told, in milliseconds.
func (o *outgoing) confirm() {
	o.answer(domain.Ack{Time: o.message.Time.Truncate(time.Millisecond)}, nil)
}

func (o *outgoing) expire(unsent error) {
	switch o.state.Swap(answered) {
	case waiting:
		o.message = nil // nobody will ask for it, and o may stay in the queue for as long as the broker is away
		o.tell(domain.Ack{}, unsent)
	case leaving:
		o.tell(domain.Ack{}, errUnconfirmed(nil))
	}
}

func (o *outgoing) tell(ack domain.Ack, err error) {
	o.parcel.done(o.index, ack, err)
	o.parcel.answered()
}
