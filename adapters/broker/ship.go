package broker

import (
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/domain"
)

const (
	parcelMessages = 512      // a parcel has no more messages,
	parcelBytes    = 64 << 10 // and none is added to so many bytes: who keeps one of its messages keeps them all in memory
)

// shipment is what goes out in one parcel: messages of one batch or of several, in the order in which they were queued.
type shipment struct {
	messages []*domain.Message
	origins  []origin // of each message
	bytes    int
}

// origin is where a message comes from: its index in its batch.
type origin struct {
	batch *batch
	i     int
}

// ship publishes first and what is queued behind it by now, in as few parcels as it fits in. All of a parcel has one outcome.
func (t *topic) ship(pub message.Publisher, first *batch) {
	for next := first; next != nil; {
		next = t.pack(next)
		if len(t.shipment.messages) > 0 { // else all was answered by the clock before it could leave
			t.sendParcel(pub)
		}
		t.shipment.reset()
	}
}

// pack puts messages into the shipment, from batch b on, until it is full or nothing else waits. It gives the batch to go on with; nil where there is none.
func (t *topic) pack(b *batch) *batch {
	for {
		for i, m, ok := b.next(); ok; i, m, ok = b.next() {
			if t.shipment.add(b, i, m) {
				return b
			}
		}
		select {
		case b = <-t.batches:
		default:
			return nil
		}
	}
}

// sendParcel publishes the shipment and answers its messages. The clock of the batch that was queued last is the last one to run out.
func (t *topic) sendParcel(pub message.Publisher) {
	s := &t.shipment
	w := message.NewMessage(watermill.NewUUID(), encodeParcel(s.messages))
	kept, err := t.deliver(pub, w, s.origins[len(s.origins)-1].batch.over)
	for k, o := range s.origins {
		if err != nil {
			o.batch.answer(o.i, domain.Ack{}, err)
		} else {
			o.batch.answer(o.i, ackOf(kept[k]), nil)
		}
	}
}

// add puts message i of batch b into the shipment, and reports whether that is full then.
func (s *shipment) add(b *batch, i int, m *domain.Message) (full bool) {
	s.messages = append(s.messages, m)
	s.origins = append(s.origins, origin{b, i})
	s.bytes += parcelSize(m)
	return len(s.messages) == parcelMessages || s.bytes >= parcelBytes
}

// reset empties the shipment; its room stays.
func (s *shipment) reset() {
	clear(s.messages)
	clear(s.origins)
	*s = shipment{messages: s.messages[:0], origins: s.origins[:0]}
}
