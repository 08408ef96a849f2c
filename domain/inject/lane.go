package inject

import (
	"context"

	"culvert/domain"
	"culvert/ports"
)

// lane is the way of one connection's messages to one topic: while a batch is being handed over, the next one gathers, as the first one does until it is sent. It is
// there as long as there is something to hand over.
type lane struct {
	topic   domain.Topic
	next    *batch             // gathers, nil where nothing came
	current *batch             // is being handed over
	abandon context.CancelFunc // ends the context of the Publish that runs
}

// enough is how many messages of a topic no longer wait for more to come: what hands them over is then at work while more are read.
const enough = 64

// enqueue adds a message to the next batch of topic. The caller holds mu.
func (i *injection) enqueue(topic domain.Topic, m *domain.Message, e entry) {
	l := i.lanes[topic]
	if l == nil {
		l = &lane{topic: topic}
		if i.lanes == nil {
			i.lanes = make(map[domain.Topic]*lane, 1)
		}
		i.lanes[topic] = l
		i.resting = append(i.resting, l)
	}
	if l.next == nil {
		l.next = i.service.batches.Get().(*batch)
		i.open = append(i.open, l.next)
	}
	l.next.add(m, e)
	if len(i.resting) > 0 && len(l.next.entries) >= enough {
		i.send()
	}
}

// send lets the first batches go that have gathered. The caller holds mu.
func (i *injection) send() {
	for _, l := range i.resting {
		go i.pump(l)
	}
	clear(i.resting)
	i.resting = i.resting[:0]
}

// pump hands over batch after batch, each when the one before was taken, and ends when there is none. The next message of the topic
// starts another.
func (i *injection) pump(l *lane) {
	for {
		ctx, h := i.take(l)
		if h == nil {
			return
		}
		i.service.publisher.Publish(ctx, l.topic, h.batch.messages[h.offset:], h.done)
		i.mu.Lock()
		l.abandon()
		l.current.handing = false
		l.current = nil
		h.free()
		i.mu.Unlock()
	}
}

// take turns the gathered batch into one to be handed over, or takes the lane away where there is none.
func (i *injection) take(l *lane) (context.Context, *handover) {
	i.mu.Lock()
	defer i.mu.Unlock()
	b := l.next
	if b == nil {
		delete(i.lanes, l.topic)
		return nil, nil
	}
	l.next, l.current = nil, b
	b.handing = true
	b.owed = len(b.entries) - b.first
	// Not the connection's context: what was taken still goes to the broker when the connection has ended.
	ctx, abandon := context.WithDeadline(context.Background(), i.service.started.Add(b.entries[len(b.entries)-1].deadline-i.service.cfg.lead()))
	l.abandon = abandon
	return ctx, &handover{injection: i, batch: b, offset: b.first}
}

// decide gives one message its outcome and tells it. The caller holds mu.
func (i *injection) decide(b *batch, k int, ack domain.Ack, err error) {
	e := &b.entries[k]
	b.decide(k)
	if b.open == 0 {
		i.close(b)
	}
	i.tell(ports.Outcome{N: e.n, ID: e.id, Ack: ack, Err: err}, e.size)
}

// close forgets a batch in which every message has its outcome.
func (i *injection) close(b *batch) {
	for k, other := range i.open {
		if other == b {
			end := len(i.open) - 1
			i.open[k], i.open[end] = i.open[end], nil
			i.open = i.open[:end]
			return
		}
	}
}
