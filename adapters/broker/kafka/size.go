package kafka

import (
	"context"
	"time"

	"culvert/domain"
)

// What a topic takes at most may be changed at any time, and the cluster tells nobody. Messages are gathered into batches as large as the topic took when it was asked; so it is asked
// again where the cluster refuses a batch, and before a message is refused that it may take by now.

// largest asks for the largest batch that topic takes: the configured one, or the topic's own limit where that is smaller and we may know it.
func (b *Broker) largest(ctx context.Context, topic domain.Topic) (largest int64, told bool) {
	configured := int64(b.cfg.MessageBytes + batchOverhead)
	ctx, cancel := context.WithTimeout(ctx, b.cfg.RequestTimeout)
	defer cancel()
	own, err := b.setting(ctx, topic, "max.message.bytes")
	if err != nil {
		b.log.Debug("the topic's largest message is not known", "topic", topic, "error", err)
		return configured, false
	}
	return min(configured, own), true
}

// measure asks what topic takes, and gives its route: another one than before where that has changed. It blocks for as long as the cluster may take to answer.
func (p *producer) measure(topic domain.Topic) *route {
	largest, told := p.largest(topic)
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.routes[topic]
	if r != nil && (!told || r.told && r.largest == largest) {
		r.measured()
		return r
	}
	r = newRoute(p.window, largest, p.batch, told)
	p.routes[topic] = r
	return r
}

func (r *route) measured() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = time.Now()
}

// wider gives the route to a topic that does not take a message: it may have been told to take more.
func (p *producer) wider(ctx context.Context, b *Broker, topic domain.Topic, r *route) *route {
	r.mu.Lock()
	lately := time.Since(r.asked) < routeAge
	r.mu.Unlock()
	if lately {
		return r
	}
	now, err := within(ctx, b, func() (*route, error) { return p.measure(topic), nil })
	if err != nil {
		return r
	}
	return now
}

// doubt answers a message of a batch that the cluster found too large, once the topic has been asked what it takes: the message itself may be well.
func (p *producer) doubt(o *outgoing) {
	topic := o.parcel.topic
	p.mu.Lock()
	defer p.mu.Unlock()
	others, asking := p.doubts[topic]
	p.doubts[topic] = append(others, o)
	if !asking {
		p.idle.Go(func() { p.clear(topic) }) // ends when nothing of the topic is in doubt
	}
}

func (p *producer) clear(topic domain.Topic) {
	for {
		p.mu.Lock()
		doubtful := p.doubts[topic]
		p.doubts[topic] = nil
		if len(doubtful) == 0 {
			delete(p.doubts, topic)
		}
		p.mu.Unlock()
		if len(doubtful) == 0 {
			return
		}
		r := p.measure(topic)
		for _, o := range doubtful {
			o.answer(domain.Ack{}, r.verdict(o))
		}
	}
}

// verdict says what was wrong with a message that was refused with its batch. Nothing of such a batch is written.
func (r *route) verdict(o *outgoing) error {
	if r.told && o.size <= r.largest {
		return domain.Errorf(domain.Unavailable, "topic %q takes less at a time than it did: the message was refused with others, and is not itself too large", o.parcel.topic)
	}
	return r.refuse(o)
}

func (r *route) refuse(o *outgoing) error {
	if o.size <= r.largest { // as far as we know, the topic takes it
		return domain.Errorf(domain.TooLarge, "the message is larger than topic %q takes", o.parcel.topic)
	}
	return domain.Errorf(domain.TooLarge, "the message has %d bytes with key, headers and overhead; topic %q takes %d", o.size, o.parcel.topic, r.largest)
}
