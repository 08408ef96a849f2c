package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"culvert/domain"
	"culvert/ports"
)

// movedQueue is the queue of a topic, as one that can be moved.
type movedQueue struct {
	*keptQueue
	mover ports.QueueMover
}

// movable gives the queue of a topic that nobody has joined yet; nil where the broker cannot move queues, and says so.
func (b *bench) movable(ctx context.Context, topic domain.Topic) (*movedQueue, error) {
	mover, ok := b.Broker.(ports.QueueMover)
	switch {
	case b.can(topic, domain.Reset) && !ok:
		return nil, fmt.Errorf("%s is declared, and queues cannot be moved", domain.Reset)
	case b.can(topic, domain.Reset):
		k, err := b.keep(ctx, topic)
		return &movedQueue{k, mover}, err
	case b.can(topic, domain.ResetTime):
		return nil, fmt.Errorf("%s is declared without %s", domain.ResetTime, domain.Reset)
	case !ok:
		return nil, nil
	}
	_, err := mover.Move(ctx, topic, queue, domain.StartEarliest())
	return nil, expectCode("move", err, domain.Unsupported)
}

// begin lets the queue begin at the end.
func (m *movedQueue) begin(ctx context.Context) error {
	s, err := m.join(ctx, m.topic, queue, nil)
	if err != nil {
		return err
	}
	return s.leave()
}

// checkMove: a queue goes on where it is moved to. It is given nothing from before that, and all from there on once, what was settled before the move too.
func checkMove(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 0)
	if err != nil {
		return err
	}
	m, err := b.movable(ctx, topic)
	if m == nil || err != nil {
		return err
	}
	r, err := b.tail(ctx, topic, domain.StartLatest())
	if err != nil {
		return err
	}
	defer r.stop()
	if err := b.fill(ctx, topic, r, 0, 20); err != nil {
		return err
	}
	middle, err := b.Broker.Describe(ctx, topic)
	if err != nil {
		return err
	}
	if err := errors.Join(b.fill(ctx, topic, r, 20, 20), m.begin(ctx)); err != nil {
		return err
	}
	n := 40
	for _, to := range []struct {
		what  string
		start domain.Start
		first func() int
	}{
		{"earliest", domain.StartEarliest(), func() int { return 0 }},
		{"a cursor", domain.StartVector(middle.End()), func() int { return 20 }},
		{"latest", domain.StartLatest(), func() int { return n }},
		{"a time", domain.StartTime(numbered(30, 1)[0].Time), func() int { return 30 }},
		{"the cursor again", domain.StartVector(middle.End()), func() int { return 20 }},
		{"earliest again", domain.StartEarliest(), func() int { return 0 }},
	} {
		if _, timed := to.start.Time(); timed && !b.can(topic, domain.ResetTime) {
			_, err = m.mover.Move(ctx, topic, queue, to.start)
			err = expectCode("move", err, domain.Unsupported)
		} else {
			err = m.goOn(ctx, to.start, to.first(), n)
			n++
		}
		if err != nil {
			return fmt.Errorf("moved to %s: %w", to.what, err)
		}
	}
	return nil
}

// goOn moves the queue of a topic with n numbered messages to where the first of these and all later ones come, lets one more come, and settles some of them.
func (m *movedQueue) goOn(ctx context.Context, to domain.Start, first, n int) error {
	if err := m.move(ctx, to, int64(n-first)); err != nil {
		return err
	}
	s, err := m.join(ctx, m.topic, queue, nil)
	if err != nil {
		return err
	}
	if _, err := m.publish(ctx, m.topic, numbered(n, 1)...); err != nil {
		return errors.Join(err, s.leave())
	}
	if err := expectDeliveries(ctx, s, first, n+1); err != nil {
		return errors.Join(err, s.leave())
	}
	settleSome(s.all())
	if gaps := s.told(); len(gaps) > 0 {
		err = fmt.Errorf("there are gaps: %+v", gaps)
	}
	return errors.Join(err, s.leave())
}

// move moves the queue, and checks what is told of it then.
func (m *movedQueue) move(ctx context.Context, to domain.Start, lag int64) error {
	moved, err := m.mover.Move(ctx, m.topic, queue, to)
	if err != nil {
		return err
	}
	if len(moved) != m.Partitions || domain.LagOf(moved) != lag {
		return fmt.Errorf("the queue is said to have been moved to %+v, which is a lag of %d; want %d in %d partitions", moved, domain.LagOf(moved), lag, m.Partitions)
	}
	places := map[int32]int64{}
	for _, c := range moved {
		places[c.Partition] = c.Place
	}
	_, err = m.expect(ctx, "after the move", places, lag)
	return err
}

// checkMoveRefused: a queue that is not there, and a place that the topic cannot have had, are refused, and nothing is moved.
func checkMoveRefused(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 20)
	if err != nil {
		return err
	}
	m, err := b.movable(ctx, topic)
	if m == nil || err != nil {
		return err
	}
	_, topicless := m.mover.Move(ctx, domain.Topic("conformance-"+uuid.NewString()), queue, domain.StartLatest())
	_, queueless := m.mover.Move(ctx, topic, queue, domain.StartLatest())
	if err := errors.Join(
		expectCode("a topic that is not there", topicless, domain.UnknownTopic),
		expectRefusal("a queue that has not begun", topic, queueless, domain.UnknownQueue),
		m.begin(ctx),
	); err != nil {
		return err
	}
	before, err := m.keeper.Progress(ctx, topic, queue)
	if err != nil {
		return err
	}
	info, err := b.Broker.Describe(ctx, topic)
	if err != nil {
		return err
	}
	end := info.End()
	beyond := end.Places()[0]
	beyond.Next += 1000
	_, foreign := m.mover.Move(ctx, topic, queue, domain.StartVector(domain.NewVector(info.Epoch+1, end.Places()...)))
	_, far := m.mover.Move(ctx, topic, queue, domain.StartVector(end.With(beyond)))
	_, aside := m.mover.Move(ctx, topic, queue, domain.StartVector(end.With(domain.Place{Partition: 1000})))
	if err := errors.Join(
		expectRefusal("a cursor of another epoch", topic, foreign, domain.InvalidCursor),
		expectRefusal("a cursor beyond the end", topic, far, domain.InvalidCursor),
		expectRefusal("a cursor with a partition that is not there", topic, aside, domain.InvalidCursor),
	); err != nil {
		return err
	}
	now, err := m.keeper.Progress(ctx, topic, queue)
	if err == nil && !slices.Equal(now.Partitions, before.Partitions) {
		err = fmt.Errorf("the queue was at %+v, and refusing to move it has moved it to %+v", before.Partitions, now.Partitions)
	}
	return err
}

// checkMoveBehindRetention: a place that retention has overtaken is kept, and the next member is told how many messages are missing, also where they were settled before the move.
func checkMoveBehindRetention(ctx context.Context, b *bench) error {
	if b.Trim == nil {
		if b.can(b.topic(), domain.Reset) {
			return fmt.Errorf("the subject declares %s, and gives no Trim", domain.Reset)
		}
		return nil
	}
	s, trim := b.Trim(b.t)
	b = &bench{Subject: s, t: b.t}
	topic, err := b.filled(ctx, 40)
	if err != nil {
		return err
	}
	m, err := b.movable(ctx, topic)
	if m == nil || err != nil {
		return err
	}
	info, err := b.Broker.Describe(ctx, topic)
	if err != nil {
		return err
	}
	if err := m.begin(ctx); err != nil {
		return err
	}
	trim(topic)
	start := make([]domain.Place, len(info.Partitions))
	for i, e := range info.Partitions {
		start[i] = domain.Place{Partition: e.Partition, Next: e.First}
	}
	moved, err := m.mover.Move(ctx, topic, queue, domain.StartVector(domain.NewVector(info.Epoch, start...)))
	if err != nil {
		return err
	}
	return m.expectOvertaken(ctx, moved)
}

// expectOvertaken checks that the queue is at a place before each partition's first message, and that its next member is told so.
func (m *movedQueue) expectOvertaken(ctx context.Context, moved []domain.Committed) error {
	info, err := m.Broker.Describe(ctx, m.topic)
	if err != nil {
		return err
	}
	var want []domain.Committed
	lost, left := int64(0), 0
	for _, e := range info.Partitions {
		want = append(want, domain.Committed{Extent: e})
		lost += e.First
		left += int(e.End - e.First)
	}
	if lost == 0 || left == 0 {
		return fmt.Errorf("the subject's Trim took %d messages and left %d", lost, left)
	}
	if !slices.Equal(moved, want) {
		return fmt.Errorf("the queue is said to have been moved to %+v, want %+v", moved, want)
	}
	s, err := m.join(ctx, m.topic, queue, nil)
	if err != nil {
		return err
	}
	err = s.until(ctx, fmt.Sprintf("the gaps of %d messages and the %d that are left", lost, left), func() bool {
		told := int64(0)
		for _, gap := range s.gaps {
			told += gap.Lost
		}
		return told == lost && len(s.got) == left
	})
	for _, gap := range s.told() {
		if gap.Reason != domain.GapRetention {
			err = errors.Join(err, fmt.Errorf("gap %+v, want %s", gap, domain.GapRetention))
		}
	}
	return errors.Join(err, s.leave())
}
