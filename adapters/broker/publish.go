package broker

import (
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/domain"
)

// publish carries batches to the publisher, one after the other, until the log ends.
func (t *topic) publish(pub message.Publisher) {
	for {
		select {
		case b := <-t.batches:
			t.carry(pub, b)
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

// send publishes message i of the batch and answers it. While the subscription is broken nothing is published: nobody here would see it.
func (t *topic) send(pub message.Publisher, b *batch, i int, m *domain.Message) {
	w := Encode("", m)
	var landed <-chan domain.Ack
	if t.cfg.ReceiptPosition {
		landed = t.landing.expect(w.UUID)
	}
	// Looked at after expect: a subscription that breaks later loses what is expected.
	if err := t.broken.Load(); err != nil {
		b.answer(i, domain.Ack{}, domain.Errorf(domain.Unavailable, "the subscription of topic %q is broken", t.name).Because(*err))
		return
	}
	if err := pub.Publish(string(t.name), w); err != nil {
		b.answer(i, domain.Ack{}, errUnconfirmed(err))
		return
	}
	if landed == nil {
		b.answer(i, domain.Ack{Time: m.Time.Truncate(time.Millisecond)}, nil)
		return
	}
	select {
	case ack, ok := <-landed:
		if !ok {
			b.answer(i, domain.Ack{}, errUnconfirmed(errLost))
			return
		}
		b.answer(i, ack, nil)
	case <-b.over:
	case <-t.log.ended:
		b.answer(i, domain.Ack{}, errUnconfirmed(errEnded))
	}
}

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
