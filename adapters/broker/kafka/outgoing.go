package kafka

import (
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/semaphore"

	"culvert/domain"
)

// parcel is one batch on its way: it sees to it that each message is answered once, at the deadline at the latest. All that is needed for its messages is made at once: they are many and small.
type parcel struct {
	topic    domain.Topic
	producer *producer
	done     func(i int, ack domain.Ack, err error)
	messages []outgoing
	open     atomic.Int64 // messages not answered, and one until all were added
	deadline time.Time
	timer    *time.Timer
}

func newParcel(topic domain.Topic, producer *producer, batch []*domain.Message, deadline time.Time, done func(i int, ack domain.Ack, err error)) *parcel {
	p := &parcel{topic: topic, producer: producer, done: done, messages: make([]outgoing, len(batch)), deadline: deadline}
	p.open.Store(int64(len(batch)) + 1)
	var id [16]byte
	random := make([]byte, len(batch)*len(id))
	rand.Read(random) // never fails
	for i, m := range batch {
		copy(id[:], random[i*len(id):])
		p.messages[i].fill(p, i, m, id)
	}
	p.timer = time.AfterFunc(time.Hour, p.check)
	p.wait() // only now, since check needs the timer
	return p
}

func (p *parcel) wait() { p.timer.Reset(min(time.Until(p.deadline), routeAge)) }

// check sees to a parcel that is not answered yet: until the deadline its topic is looked at, to know why.
func (p *parcel) check() {
	switch {
	case p.open.Load() == 0:
	case time.Now().Before(p.deadline):
		p.producer.refresh(p.topic)
		p.wait()
	default:
		p.expire()
	}
}

// sealed says that all messages were handed on.
func (p *parcel) sealed() { p.answered() }

func (p *parcel) answered() {
	if p.open.Add(-1) == 0 {
		p.timer.Stop()
	}
}

// expire answers all that has no answer yet.
func (p *parcel) expire() {
	for i := range p.messages {
		p.messages[i].expire()
	}
}

// outgoing is one message on its way. It is the value that sarama encodes, which tells when the message leaves, and lets it be held back.
type outgoing struct {
	parcel  *parcel
	index   int
	payload []byte
	record  sarama.ProducerMessage
	key     sarama.ByteEncoder
	header  [1]sarama.RecordHeader // the record's headers, where the message has none of its own
	uuid    uuidText
	state   atomic.Int32
	gone    atomic.Bool // it was encoded, so it may have left

	size int64 // with the overhead of a batch of its own
	// Set before it is handed to sarama: where it goes, and what it holds of its partition's window.
	partition int32
	lane      *semaphore.Weighted
	weight    int64
	// position is where the broker says that it is.
	position domain.Position
}

const (
	waiting  int32 = iota // not encoded, not answered
	leaving               // encoded, not answered
	answered              // answered
)

// fill makes o message i of p.
func (o *outgoing) fill(p *parcel, i int, m *domain.Message, random [16]byte) {
	o.parcel, o.index, o.payload = p, i, m.Payload
	o.uuid.set(random)
	o.record = sarama.ProducerMessage{
		Topic:     string(p.topic),
		Value:     o,
		Headers:   recordHeaders(o.header[:0], m, o.uuid[:]),
		Timestamp: recordTime(m),
		Offset:    noOffset,
	}
	if m.Key != nil {
		o.key = m.Key
		o.record.Key = &o.key
	}
	o.size = int64(o.record.ByteSize(2) + batchOverhead)
}

// errExpired keeps a message from leaving after it was answered.
var errExpired = errors.New("its deadline has passed")

// Encode implements sarama.Encoder: it is called when the message is put into a request, and again when that is made anew.
func (o *outgoing) Encode() ([]byte, error) {
	if o.state.CompareAndSwap(waiting, leaving) {
		o.gone.Store(true)
		return o.payload, nil
	}
	if o.state.Load() == leaving {
		return o.payload, nil
	}
	return nil, errExpired
}

// Length implements sarama.Encoder.
func (o *outgoing) Length() int { return len(o.payload) }

// left reports whether the message may have left.
func (o *outgoing) left() bool { return o.gone.Load() }

// release gives back what the message held of its partition's window, once sarama is finished with it.
func (o *outgoing) release() { o.lane.Release(o.weight) }

// answer tells the outcome, unless it was told.
func (o *outgoing) answer(ack domain.Ack, err error) {
	if o.state.Swap(answered) != answered {
		o.tell(ack, err)
	}
}

// expire tells that the deadline has passed.
func (o *outgoing) expire() {
	switch o.state.Swap(answered) {
	case waiting:
		o.tell(domain.Ack{}, domain.Errorf(domain.Unavailable, "the broker could not be reached in time"))
	case leaving:
		o.tell(domain.Ack{}, o.unconfirmed())
	}
}

// unconfirmed is what is told of a message that has left, and will not be confirmed in time. Whether it is written nobody knows: a leader that is short of replicas now may have written it at an
// earlier attempt.
func (o *outgoing) unconfirmed() *domain.Error {
	topic := o.parcel.topic
	if cause := o.parcel.producer.shortages.of(topic, o.partition).cause; cause != nil {
		return domain.Errorf(domain.Timeout, "too few replicas of partition %d of topic %q are in sync to confirm the message", o.partition, topic).Because(cause)
	}
	return domain.Errorf(domain.Timeout, "the broker did not confirm the message in time")
}

func (o *outgoing) tell(ack domain.Ack, err error) {
	o.parcel.done(o.index, ack, err)
	o.parcel.answered()
}
