package broker

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/cenkalti/backoff/v5"

	"culvert/domain"
)

// topic is one topic of a pair: its one subscription, the log that this fills, and the batches on their way out.
type topic struct {
	name    domain.Topic
	cfg     Config
	log     *log
	batches chan *batch
	landing landing
	cancel  context.CancelFunc

	// shipment is what is packed into the next parcel, where there are parcels. It belongs to publish.
	shipment shipment

	// opened is closed when the subscription stands, or when it could not be had; failure then says why.
	opened  chan struct{}
	failure error
	// messages come from the subscription. They are set before opened is closed and then belong to read.
	messages <-chan *message.Message
	// broken says why there is no subscription; nil while there is one.
	broken atomic.Pointer[error]

	mu     sync.Mutex // guards queues; the locks of a queue and of the log are taken under it
	queues map[domain.Queue]*queue
}

// queuedBatches is how many batches of one topic may wait for the one that is being published.
const queuedBatches = 64

func newTopic(name domain.Topic, cfg Config, cancel context.CancelFunc) *topic {
	return &topic{
		name:    name,
		cfg:     cfg,
		log:     newLog(bounds{messages: cfg.LogMessages, bytes: cfg.LogBytes, age: cfg.LogAge}),
		batches: make(chan *batch, queuedBatches),
		cancel:  cancel,
		opened:  make(chan struct{}),
		queues:  map[domain.Queue]*queue{},
	}
}

// stands reports whether the topic has been subscribed to.
func (t *topic) stands() bool {
	select {
	case <-t.opened:
		return t.failure == nil
	default:
		return false
	}
}

// open subscribes for the first time.
func (t *topic) open(ctx context.Context, sub message.Subscriber) error {
	messages, err := sub.Subscribe(ctx, string(t.name))
	if err != nil {
		return domain.Errorf(domain.Unavailable, "topic %q cannot be subscribed to", t.name).Because(err)
	}
	t.messages = messages
	return nil
}

// read fills the log until ctx ends, subscribing anew for ever. What came while there was no subscription may be lost, so each such time
// is a hole in the log.
func (t *topic) read(ctx context.Context, sub message.Subscriber) {
	wait := backoff.NewExponentialBackOff()
	for {
		if t.fill() {
			wait.Reset()
		}
		if ctx.Err() != nil {
			return
		}
		t.log.hole()
		if !t.subscribe(ctx, sub, wait) {
			return
		}
	}
}

// subscribe subscribes anew, for as long as it takes; false when ctx ends.
func (t *topic) subscribe(ctx context.Context, sub message.Subscriber, wait backoff.BackOff) bool {
	err := errors.New("the subscription has ended")
	for {
		cause := err // whose address is shared from here on
		t.broken.Store(&cause)
		t.landing.lose()
		select {
		case <-time.After(wait.NextBackOff()):
		case <-ctx.Done():
			return false
		}
		if t.messages, err = sub.Subscribe(ctx, string(t.name)); err == nil {
			t.broken.Store(nil)
			return true
		}
	}
}

// fill moves messages into the log until the subscription ends, and reports whether there was any. Each is acknowledged as soon as it is in the log: a
// subscriber that keeps one holds up others in some backends.
func (t *topic) fill() (some bool) {
	expiry := time.NewTimer(t.log.expire())
	defer expiry.Stop()
	for {
		select {
		case w, ok := <-t.messages:
			if !ok {
				return some
			}
			some = true
			t.keep(w)
			w.Ack()
		case <-expiry.C:
			expiry.Reset(t.log.expire())
		}
	}
}

// keep appends what w carries to the log. What should be a parcel and is none is a hole: nobody knows what it held.
func (t *topic) keep(w *message.Message) {
	if !t.cfg.Parcels {
		m := []*domain.Message{Decode(w)}
		t.log.append(m...)
		t.landing.land(w.UUID, m)
		return
	}
	messages, err := decodeParcel(w.Payload)
	if err != nil {
		t.log.hole()
		return
	}
	t.log.append(messages...)
	t.landing.land(w.UUID, messages)
}
