package inject

import (
	"time"

	"culvert/domain"
)

// batch is what one call of Publish hands over: messages of one topic in the order in which they were put. It is guarded by the
// mu of its injection.
type batch struct {
	messages []*domain.Message
	entries  []entry // one for each message
	first    int     // entries before it have their outcome
	open     int     // entries without one
	owed     int     // entries that the publisher has not said done of, once it has the batch
	handing  bool    // Publish runs
}

// entry is one message under way.
type entry struct {
	n        uint64
	id       string
	size     int
	deadline time.Duration // since the service started
	decided  bool          // it has its outcome
	done     bool          // the publisher has told of it
}

func (b *batch) add(m *domain.Message, e entry) {
	b.messages = append(b.messages, m)
	b.entries = append(b.entries, e)
	b.open++
}

// decide gives the entry at index k its outcome.
func (b *batch) decide(k int) {
	b.entries[k].decided = true
	b.open--
	for b.first < len(b.entries) && b.entries[b.first].decided {
		b.first++
	}
}

// reset empties b for another use; its room stays.
func (b *batch) reset() {
	clear(b.messages)
	clear(b.entries)
	*b = batch{messages: b.messages[:0], entries: b.entries[:0]}
}

// handover is one call of Publish. It outlives its batch: a publisher that says done again, when the batch may already be
// another's, finds none here.
type handover struct {
	injection *injection
	batch     *batch // nil when everything was told
	offset    int    // the index in the batch of the first message handed over
}

// done takes the publisher's word on one message. What comes twice, too late or of no message is passed over.
func (h *handover) done(k int, ack domain.Ack, err error) {
	i := h.injection
	i.mu.Lock()
	defer i.mu.Unlock()
	b, k := h.batch, k+h.offset
	if b == nil || k < h.offset || k >= len(b.entries) || b.entries[k].done {
		return
	}
	b.entries[k].done = true
	b.owed--
	if !b.entries[k].decided {
		i.decide(b, k, ack, err)
	}
	h.free()
}

// free gives the batch back when nobody uses it any more.
func (h *handover) free() {
	b := h.batch
	if b == nil || b.owed > 0 || b.handing {
		return
	}
	h.batch = nil
	b.reset()
	h.injection.service.batches.Put(b)
}
