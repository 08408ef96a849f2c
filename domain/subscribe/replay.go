package subscribe

import (
	"context"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// replay reads a topic from the broker's own log on from some place, for all viewers who come by. They are places in a log of its own, which
// grows only when one of them has read all there is: the reader goes nearly as fast as the fastest (see pace), and who falls behind all the same reads on with another replay.
type replay struct {
	topic  domain.Topic
	from   domain.Start
	client string
	stop   context.CancelFunc
	bells  bells
	// checked is the live log's anew when the replay began, which checks the places of from against the broker's log.
	checked uint64
	hungry  chan struct{} // holds one value when a viewer has read all there is

	opened chan struct{} // closed when either log or err is set
	log    *log
	pace   *pace
	gaps   []domain.Gap // between from and where the log begins
	err    error

	// guarded by the mutex of replays
	viewers int
	mine    int  // viewers of the client who began it
	asked   bool // the broker has been asked where from is: what is relative to its end would be another place now
	// uncharge frees the slot of that client; nil until it has one. It may be called more than once, without the mutex.
	uncharge func()
}

// near is how many messages beyond what a replay has read a viewer may be, to wait for it rather than to have a reader of its own.
const near = 20_000

// lead is about how many messages, over all partitions, a replay begins before the place of the viewer who began it. Clients who come back after the same break lack about the
// same, but each a little more or less of every partition: so one reader does for all of them.
const lead = 1000

// withLead is from with that lead, where it is places of which each is known.
func withLead(from domain.Start) domain.Start {
	v := from.Vector()
	if v == nil || len(v.Places()) == 0 || !v.Since.IsZero() {
		return from
	}
	earlier := make([]domain.Place, len(v.Places()))
	for i, place := range v.Places() {
		if place.Pending() {
			return from
		}
		earlier[i] = domain.Place{Partition: place.Partition, Next: max(0, place.Next-max(1, lead/int64(len(earlier))))}
	}
	return domain.StartVector(domain.NewVector(v.Epoch, earlier...))
}

// accepts reports whether a viewer who begins at from may come by. The caller holds the mutex of replays.
func (r *replay) accepts(from domain.Start) bool {
	if r.from.Equal(from) {
		_, relative := from.Last()
		return !r.asked || !relative && !r.passed()
	}
	v := from.Vector()
	if v == nil {
		return false
	}
	select {
	case <-r.opened:
		return r.err == nil && r.log.admits(v) != tooLate
	default:
		had := r.from.Vector()
		return had != nil && precedes(had, v)
	}
}

// passed reports whether the log has dropped where it began, or never had it.
func (r *replay) passed() bool {
	select {
	case <-r.opened:
		return r.err != nil || r.log.dropped()
	default:
		return false
	}
}

// more asks for what comes next.
func (r *replay) more() {
	select {
	case r.hungry <- struct{}{}:
	default:
	}
}

// run reads until ctx ends or the broker's sequence does.
func (r *replay) run(ctx context.Context, broker ports.Tailer, window Window) {
	opening, chunks, err := broker.Tail(ctx, r.topic, r.from)
	if err != nil {
		r.fail(err)
		return
	}
	r.log, r.gaps = newLog(r.topic, window, opening.Vector, &r.bells), opening.Gaps
	close(r.opened)
	r.bells.ringAll()
	err = domain.Errorf(domain.Unavailable, "the broker ended the reading of topic %q", r.topic)
	for chunk, failed := range chunks {
		if failed != nil {
			err = failed
			break
		}
		first, then := r.log.room(sizeOf(chunk.Messages))
		r.pace.wait(ctx, first, then)
		r.log.append(chunk, time.Now())
		select {
		case <-r.hungry:
		case <-ctx.Done():
		}
	}
	r.log.finish(err)
}

// fail ends a replay that could not begin.
func (r *replay) fail(err error) {
	r.err = err
	close(r.opened)
	r.bells.ringAll()
}
