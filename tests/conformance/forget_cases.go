package conformance

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"culvert/domain"
	"culvert/ports"
)

// checkOccupied: a queue that has a member, of whatever node, is neither moved nor forgotten.
func checkOccupied(ctx context.Context, b *bench) error {
	if !b.InProcess && b.Another == nil {
		return b.withoutServer("Another", true)
	}
	topic, err := b.filled(ctx, 10)
	if err != nil {
		return err
	}
	k, err := b.keep(ctx, topic)
	if k == nil || err != nil {
		return err
	}
	places, err := k.ends(ctx)
	if err != nil {
		return err
	}
	nodes := map[string]*bench{"of this node": b}
	if b.Another != nil {
		other := &bench{Subject: b.Subject, t: b.t}
		other.Broker = b.Another(b.t)
		nodes["of another node"] = other
	}
	for whose, node := range nodes {
		s, err := node.join(ctx, topic, queue, nil)
		if err != nil {
			return err
		}
		if err := errors.Join(k.refusesWhileOccupied(ctx), s.leave()); err != nil {
			return fmt.Errorf("a member %s: %w", whose, err)
		}
		// Who refuses has changed nothing.
		if _, err := k.expect(ctx, "when the member has left", places, 0); err != nil {
			return err
		}
	}
	if err := k.keeper.Forget(ctx, topic, queue); err != nil {
		return fmt.Errorf("when all members have left: %w", err)
	}
	return nil
}

// refusesWhileOccupied checks that a queue that has a member stays as it is.
func (k *keptQueue) refusesWhileOccupied(ctx context.Context) (err error) {
	if k.can(k.topic, domain.Reset) {
		_, err = k.Broker.(ports.QueueMover).Move(ctx, k.topic, queue, domain.StartEarliest())
		err = expectRefusal("move", k.topic, err, domain.Conflict)
	}
	return errors.Join(err, expectRefusal("forget", k.topic, k.keeper.Forget(ctx, k.topic, queue), domain.Conflict))
}

// checkForget: a queue that was forgotten has not begun. Who joins it makes it begin, with nothing of what it had.
func checkForget(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 10)
	if err != nil {
		return err
	}
	k, err := b.keep(ctx, topic)
	if k == nil || err != nil {
		return err
	}
	if err := errors.Join(
		expectCode("a topic that is not there", k.keeper.Forget(ctx, domain.Topic("conformance-"+uuid.NewString()), queue), domain.UnknownTopic),
		expectRefusal("a queue that has not begun", topic, k.keeper.Forget(ctx, topic, queue), domain.UnknownQueue),
		k.leaveSome(ctx),
	); err != nil {
		return err
	}
	if err := k.keeper.Forget(ctx, topic, queue); err != nil {
		return err
	}
	_, known := k.keeper.Progress(ctx, topic, queue)
	if err := errors.Join(
		expectCode("progress of a queue that was forgotten", known, domain.UnknownQueue),
		expectCode("forgetting it again", k.keeper.Forget(ctx, topic, queue), domain.UnknownQueue),
		k.expectUnlisted(ctx),
	); err != nil {
		return err
	}
	return k.beginAnew(ctx)
}

// leaveSome lets the queue begin and be given the numbered messages 10 to 29, of which it settles some.
func (k *keptQueue) leaveSome(ctx context.Context) error {
	s, err := k.join(ctx, k.topic, queue, nil)
	if err != nil {
		return err
	}
	if _, err := k.publish(ctx, k.topic, numbered(10, 20)...); err != nil {
		return errors.Join(err, s.leave())
	}
	got, err := s.receive(ctx, 20)
	settleSome(got)
	return errors.Join(err, s.leave())
}

// expectUnlisted waits until the queue is not among those of the topic, where these can be listed.
func (k *keptQueue) expectUnlisted(ctx context.Context) error {
	catalogue, ok := k.Broker.(ports.QueueCatalogue)
	if !ok || !k.can(k.topic, domain.Catalogue) && !k.can(k.topic, domain.Lag) {
		return nil
	}
	return eventually(ctx, "when the queue was forgotten", func() (problem, err error) {
		queues, err := catalogue.Queues(ctx, k.topic)
		if len(queues) > 0 {
			problem = fmt.Errorf("the queues %+v are listed", queues)
		}
		return problem, err
	})
}

// beginAnew joins a queue that was forgotten: at the beginning, where queues can begin there.
func (k *keptQueue) beginAnew(ctx context.Context) error {
	from, first := domain.StartEarliest(), 0
	if k.QueuesBeginAtEnd || !k.can(k.topic, domain.History) {
		from, first = domain.StartLatest(), 30
	}
	s, err := k.join(ctx, k.topic, queue, &from)
	if err != nil {
		return err
	}
	if _, err := k.publish(ctx, k.topic, numbered(30, 5)...); err != nil {
		return errors.Join(err, s.leave())
	}
	return errors.Join(expectDeliveries(ctx, s, first, 35), s.leave())
}

// checkEnsureQueue: where queues begin at the end only, one can be made before it is joined, and what is published from then on is there at the first join.
func checkEnsureQueue(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 10)
	if err != nil {
		return err
	}
	creator, ok := b.Broker.(ports.QueueCreator)
	if !ok {
		if b.QueuesBeginAtEnd {
			return errors.New("queues begin at the end only, and cannot be made before they are joined")
		}
		return nil
	}
	// A queue that is there keeps what it has.
	for from := 10; from < 40; from += 10 {
		err := creator.EnsureQueue(ctx, topic, queue)
		if domain.CodeOf(err) == domain.Unsupported && !b.QueuesBeginAtEnd {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := b.publish(ctx, topic, numbered(from, 10)...); err != nil {
			return err
		}
	}
	latest := domain.StartLatest()
	_, begun := b.join(ctx, topic, queue, &latest)
	if err := expectCode("join with from", begun, domain.Conflict); err != nil {
		return err
	}
	s, err := b.join(ctx, topic, queue, nil)
	if err != nil {
		return err
	}
	return errors.Join(expectDeliveries(ctx, s, 10, 40), creator.EnsureQueue(ctx, topic, queue), s.leave())
}
