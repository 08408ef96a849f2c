package broker

import (
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/domain"
)

// publish carries batches to the publisher, one after the other, until the log ends.
func (t *topic) publish(pub message.Publisher) {
	carry := t.carry
	if t.cfg.Parcels {
		carry = t.ship
	}
	for {
		select {
		case b := <-t.batches:
			carry(pub, b)
		case <-t.log.ended:
			t.refuse()
			return
		}
	}
}

// carry publishes one batch, message by message: Watermill tells one error for all that it is given at once. A message that fails does
// not keep the next ones of other injectors from being tried.
func (t *topic) carry(pub message.Publisher, b *batch) {
	for {
		i, m, ok := b.next()
		if !ok {
			return
		}
		t.send(pub, b, i, m)
	}
}

// send publishes message i of the batch and answers it.
func (t *topic) send(pub message.Publisher, b *batch, i int, m *domain.Message) {
	kept, err := t.deliver(pub, Encode("", m), b.over)
	switch {
	case err != nil:
		b.answer(i, domain.Ack{}, err)
	case kept == nil:
		b.answer(i, domain.Ack{Time: m.Time.Truncate(time.Millisecond)}, nil)
	default:
		b.answer(i, ackOf(kept[0]), nil)
	}
}

// deliver publishes w and, where it comes back, gives the messages that it carried as they are in the log, once they are there; it waits for that until over is
// closed. While the subscription is broken nothing is published: nobody here would see it.
func (t *topic) deliver(pub message.Publisher, w *message.Message, over <-chan struct{}) (kept []*domain.Message, err error) {
	var landed <-chan []*domain.Message
	if t.cfg.ReceiptPosition {
		landed = t.landing.expect(w.UUID)
	}
	// Looked at after expect: a subscription that breaks later loses what is expected.
	if err := t.broken.Load(); err != nil {
		return nil, domain.Errorf(domain.Unavailable, "the subscription of topic %q is broken", t.name).Because(*err)
	}
	if err := pub.Publish(string(t.name), w); err != nil {
		return nil, errUnconfirmed(err)
	}
	if landed == nil {
		return nil, nil
	}
	select {
	case kept, ok := <-landed:
		if !ok {
			return nil, errUnconfirmed(errLost)
		}
		return kept, nil
	case <-over:
		return nil, errUnconfirmed(nil)
	case <-t.log.ended:
		return nil, errUnconfirmed(errEnded)
	}
}

// ackOf acknowledges a message that is in the log.
func ackOf(m *domain.Message) domain.Ack { return domain.Ack{Position: &m.Position, Time: m.Time} }

// errLost says that the subscription broke while a message was on its way.
var errLost = errors.New("the subscription has ended before the message came back")

// refuse answers the batches that are left when the log ends.
func (t *topic) refuse() {
	for {
		select {
		case b := <-t.batches:
			b.end(errClosed())
		default:
			return
		}
	}
}
