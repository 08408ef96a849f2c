package subscribe

import (
	"time"

	"culvert/domain"
	"culvert/ports"
)

// track is a stream's place in one topic. The stream's mutex guards everything here.
type track struct {
	s        *stream
	topic    domain.Topic
	overflow ports.Overflow
	until    *until // nil where the stream has no end
	feed     *feed
	live     *log // the feed's, nil until that is opened

	// from is where reading begins, or where the replay does that is waited for.
	from domain.Start
	// replay, where it is not nil, reads what the live log no longer has.
	replay *replay
	// seat is where the replay sees this track, once source is the replay's log.
	seat *seat
	// source is the log that is read: the live one, or the replay's; nil until the first place in it is known.
	source *log
	// at is the number of what comes next in the source.
	at uint64
	// vector is the place: what has been gathered, or passed over since it did not match.
	vector *domain.Vector
	// given is the place after the last batch: what the client may be told.
	given *domain.Vector
	// arrival, where it is not nil, is what a replay found when it began, and is not told yet.
	arrival *arrival
	// newest, while what waits is conflated, are the messages that are given, one for each key.
	newest map[string]*domain.Message
	// own says that vector is not the source's at this place, or that the track may end anywhere.
	own bool
	// absent says that the broker has no such topic, and that the stream does without it.
	absent bool
	// watching says that the live log notices what it drops of the viewer's keys.
	watching bool

	// patience rings when a replay that is to come by has had its time, which giveUp says, too; nil while none is waited for.
	patience *time.Timer
	giveUp   time.Time

	hook  *hook  // of the bell, at the source or at what opens it
	leave func() // of the replay
}

// patience is how long a viewer waits for somebody else's replay to come by its place: it may be one that the topic, made anew, does not have any more.
const patience = 500 * time.Millisecond

// arrival is where a replay begins, when that is not where it was to.
type arrival struct {
	gaps []domain.Gap
	at   *domain.Vector
}

// advance goes on where something had to be waited for: the feed, or a replay.
func (t *track) advance() error {
	if t.live == nil {
		select {
		case <-t.feed.opened:
		default:
			return nil
		}
		if err := t.feed.err; err != nil {
			return t.miss(err)
		}
		t.live = t.feed.log
		t.begin()
	}
	if t.source == nil && t.replay != nil {
		return t.arrive()
	}
	return nil
}

// miss does without a topic that only a pattern names: who had seen something of it is told that it is gone. Any other is missed with err.
func (t *track) miss(err error) error {
	if code := domain.CodeOf(err); !t.s.matches(t.topic) || code != domain.UnknownTopic && code != domain.NotAllowed {
		return err
	}
	t.absent = true
	if had := t.from.Vector(); had != nil && len(had.Places()) > 0 {
		gaps := make([]domain.Gap, len(had.Places()))
		for i, place := range had.Places() {
			gaps[i] = domain.Gap{Reason: domain.GapEpoch, Partition: place.Partition, Lost: domain.LostUnknown}
		}
		t.vector, t.arrival = had, &arrival{gaps, &domain.Vector{}}
	}
	return nil
}

// told reports whether the stream can forget the track.
func (t *track) told() bool {
	if t.absent && t.arrival == nil {
		t.end()
		return true
	}
	return false
}

// begin finds the first place, in the live log where that has it.
func (t *track) begin() {
	if t.until != nil {
		t.until.begin(t)
	}
	if t.from.Latest() {
		at, head, _ := t.live.live()
		t.follow(at, head, false)
		return
	}
	had := t.from.Vector()
	if n, ok := t.from.Last(); ok {
		had, _ = t.live.lastOf(n)
	}
	if had != nil {
		if at, ok := t.live.enter(had, unchecked); ok {
			t.follow(at, had, true)
			return
		}
	}
	t.read(t.from)
}

// follow goes on in the live log.
func (t *track) follow(at uint64, v *domain.Vector, own bool) {
	t.quit()
	t.source, t.at, t.vector, t.own = t.live, at, v, own || t.until != nil
	t.hook = t.live.bells.hang(&t.s.bell, nil)
}

// read goes on in the broker's own log.
func (t *track) read(from domain.Start) { t.readWith(from, nearby) }

func (t *track) readWith(from domain.Start, with company) {
	t.quit()
	_, _, checked := t.live.live()
	t.from = from
	t.replay, t.leave = t.s.service.replay(t.topic, from, checked, t.s.client, with)
	t.hook = t.replay.bells.hang(&t.s.bell, nil)
}

// quit leaves the source.
func (t *track) quit() {
	if t.watching {
		t.live.unwatch(t.s.filter.list)
		t.watching = false
	}
	t.hook.takeDown()
	if t.seat != nil {
		t.replay.pace.stand(t.seat)
		t.seat = nil
	}
	if t.leave != nil {
		t.leave()
		t.leave = nil
	}
	if t.patience != nil {
		t.patience.Stop()
		t.patience = nil
	}
	t.source, t.replay = nil, nil
}

// await gives a track that waits for its turn the place that it has until then. It may be long: a beginning that is relative to the end is relative to that of now.
func (t *track) await() {
	if n, ok := t.from.Last(); ok {
		_, head, _ := t.live.live()
		t.read(domain.StartVector(lastBefore(head, n)))
	}
	t.vector = t.from.VectorAt(time.Now())
}

// lastBefore is the vector n offsets before each place of an end.
func lastBefore(end *domain.Vector, n int64) *domain.Vector {
	places := make([]domain.Place, len(end.Places()))
	for i, place := range end.Places() {
		if places[i] = place; !place.Pending() {
			places[i] = domain.Place{Partition: place.Partition, Next: max(0, place.Next-n)}
		}
	}
	return domain.NewVector(end.Epoch, places...)
}

// release ends the replay of a track that has all it was to have: other tracks may wait for their turn.
func (t *track) release() {
	if t.replay != nil && t.until.ends != nil {
		t.quit()
		t.source = t.live // which is not read any more
	}
}

// end gives back everything. The stream's Next is not called any more.
func (t *track) end() {
	t.quit()
	if t.until != nil {
		t.until.end()
	}
	t.s.service.leave(t.feed)
}

// arrive comes into the replay's log as soon as that has the place.
func (t *track) arrive() error {
	r := t.replay
	select {
	case <-r.opened:
	default:
		return nil
	}
	switch {
	case r.err != nil:
		return r.err
	case r.from.Equal(t.from):
		t.source, t.at, t.own = r.log, 0, t.until != nil
		t.seat = r.pace.sit(t.at)
		t.vector = r.log.origin
		if before := t.from.Vector(); len(r.gaps) > 0 {
			if before != nil {
				t.vector = before
			}
			t.arrival = &arrival{r.gaps, r.log.origin}
			return nil
		}
	default:
		v := t.from.Vector()
		switch r.log.admits(v) {
		case tooEarly:
			if t.patience == nil {
				t.patience = time.AfterFunc(patience, t.s.bell.ring)
				t.giveUp = time.Now().Add(patience)
			}
			if time.Now().Before(t.giveUp) {
				r.more()
				return nil
			}
			return t.arriveThere()
		case tooLate:
			return t.arriveThere()
		case inside:
			at, _ := r.log.enter(v, unchecked)
			t.source, t.at, t.vector, t.own = r.log, at, v, true
			t.seat = r.pace.sit(t.at)
		}
	}
	t.splice()
	return nil
}

// arriveThere is arrive with a replay that begins just where this track goes on. All who lose patience at one place share it: there may be thousands, and that the broker is slow was perhaps why.
func (t *track) arriveThere() error {
	t.readWith(t.from, same)
	return t.arrive() // it may have opened, or failed, before the bell hung there
}

// splice leaves the replay where the live log holds all that the vector lacks.
func (t *track) splice() bool {
	at, ok := t.live.enter(t.vector, t.replay.checked)
	if ok {
		t.follow(at, t.vector, true)
	}
	return ok
}

// reason is why a cursor could not be honoured.
func (a *arrival) reason() ports.ResumeReason {
	if a.gaps[0].Reason == domain.GapEpoch {
		return ports.ResumeEpoch
	}
	return ports.ResumeRetention
}

// late is the error of a track that has found no place in time.
func (t *track) late(after time.Duration) error {
	switch {
	case t.live == nil:
		return domain.Errorf(domain.Unavailable, "the broker of topic %q did not answer within %v", t.topic, after)
	case t.s.service.replays.waits(t.replay):
		return domain.Errorf(domain.TooManyRequests, "as many replays are running as may, for all (subscribe.replays) or for this client (subscribe.replays_per_client), and none has ended within %v", after)
	}
	return domain.Errorf(domain.Unavailable, "no place to read topic %q from was found within %v", t.topic, after)
}

// finished reports whether all has been gathered up to the end that was asked for.
func (t *track) finished() bool {
	return t.arrival == nil && (t.absent || t.source != nil && t.until.reached(t.vector))
}

// tellArrival tells the gaps with which a replay began.
func (t *track) tellArrival() {
	a := t.arrival
	t.arrival = nil
	t.tellAll(a.gaps, t.vector, a.at)
	t.vector = a.at
	if t.replay != nil {
		t.splice()
	}
}

// tellAll tells the gaps that lead from before to a vector. Only the last one leads to all of it: who breaks off in between must hear of
// the others again.
func (t *track) tellAll(gaps []domain.Gap, before, to *domain.Vector) {
	for i, gap := range gaps {
		after := to
		if place, ok := to.At(gap.Partition); ok && i < len(gaps)-1 {
			after = before.With(place)
		}
		t.tell(&gap, before, after)
		before = after
	}
}

// tell puts a gap of this viewer alone before what comes next.
func (t *track) tell(gap *domain.Gap, before, after *domain.Vector) {
	run := &domain.Run{Topic: t.topic, Partition: gap.Partition, Base: before, Gap: gap, After: after, Appended: time.Now()}
	t.span(run, 0, 1, nil)
}
