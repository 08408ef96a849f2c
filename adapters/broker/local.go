package broker

import (
	"context"
	"time"

	"culvert/domain"
)

// NewLocal makes a broker without a backend: a topic is its log and nothing else, so nothing carries a message from where it is published to where it is kept, and
// nothing can be lost on that way. Publish, on which nobody has to wait, says done of all messages before it returns. What Config says of a backend is so here, whatever it says.
func NewLocal(cfg Config) (*Pair, error) {
	cfg.ReceiptPosition, cfg.KeyOrder, cfg.Catalogue = true, true, true
	return NewPair(nil, nil, cfg)
}

// local reports whether there is no backend.
func (p *Pair) local() bool { return p.publisher == nil }

// together is how many messages are appended to a log at once: who waits for more is woken once for them all.
const together = 64

// keep is Publish without a backend.
func (p *Pair) keep(name domain.Topic, messages []*domain.Message, done func(i int, ack domain.Ack, err error)) {
	p.mu.Lock()
	t, err := p.entry(name)
	if err == nil {
		p.batches.Add(1)
	}
	p.mu.Unlock()
	if err != nil {
		for i := range messages {
			done(i, domain.Ack{}, err)
		}
		return
	}
	defer p.batches.Done()
	var kept [together]*domain.Message
	for from := 0; from < len(messages); from += together {
		n := min(together, len(messages)-from)
		for i, m := range messages[from : from+n] {
			kept[i] = ours(m)
		}
		t.log.append(kept[:n]...)
		for i, m := range kept[:n] {
			done(from+i, domain.Ack{Position: &m.Position, Time: m.Time}, nil)
		}
	}
}

// ours is m for a log of ours: what a message holds is shared, but its place is not. Its time is in milliseconds like that of any other broker.
func ours(m *domain.Message) *domain.Message {
	kept := &domain.Message{Key: m.Key, Headers: m.Headers, Payload: m.Payload}
	if !m.Time.IsZero() {
		kept.Time = time.UnixMilli(m.Time.UnixMilli()).UTC()
	}
	return kept
}

// age lets go of what is too old until ctx ends, also where nobody publishes or reads.
func (t *topic) age(ctx context.Context) {
	expiry := time.NewTimer(t.log.expire())
	defer expiry.Stop()
	for {
		select {
		case <-expiry.C:
			expiry.Reset(t.log.expire())
		case <-ctx.Done():
			return
		}
	}
}
