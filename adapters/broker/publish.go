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
		landed, err := t.send(b.over, pub, Encode("", m))
		switch {
		case err != nil:
			b.answer(i, domain.Ack{}, err)
		case landed != nil:
			b.answer(i, ackOf(landed[0]), nil)
		default:
			b.answer(i, domain.Ack{Time: m.Time.Truncate(time.Millisecond)}, nil)
		}
	}
}

// send publishes w, and waits until what it carries is in the log, where it comes back: landed is that then. When over is closed nobody waits any more. While the subscription is
// broken nothing is published: nobody here would see it.
func (t *topic) send(over <-chan struct{}, pub message.Publisher, w *message.Message) (landed []*domain.Message, err error) {
	var back <-chan []*domain.Message
	if t.cfg.ReceiptPosition {
		back = t.landing.expect(w.UUID)
	}
	// Looked at after expect: a subscription that breaks later loses what is expected.
	if err := t.broken.Load(); err != nil {
		return nil, domain.Errorf(domain.Unavailable, "the subscription of topic %q is broken", t.name).Because(*err)
	}
	if err := pub.Publish(string(t.name), w); err != nil {
		return nil, errUnconfirmed(err)
	}
	if back == nil {
		return nil, nil
	}
	select {
	case landed, ok := <-back:
		if !ok {
			return nil, errUnconfirmed(errLost)
		}
		return landed, nil
	case <-over:
		return nil, errUnconfirmed(nil)
	case <-t.log.ended:
		return nil, errUnconfirmed(errEnded)
	}
}

// ackOf confirms a message of the log.
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
