package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"culvert/domain"
	"culvert/ports"
)

const (
	// tellTime is how late what a broker tells of its queues may be. RabbitMQ's management counts every five seconds, Kafka knows what was committed.
	tellTime = 20 * time.Second
	// tellAgain is how often it is asked.
	tellAgain = 100 * time.Millisecond
)

// checkQueues: a broker that declares it lists the queues of a topic, and their lag as messages come and are settled; one that does not refuses.
func checkQueues(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 10)
	if err != nil {
		return err
	}
	declared := b.can(topic, domain.Catalogue) || b.can(topic, domain.Lag)
	catalogue, ok := b.Broker.(ports.QueueCatalogue)
	if !ok {
		if declared {
			return fmt.Errorf("%s or %s is declared, and there are no queues to be listed", domain.Catalogue, domain.Lag)
		}
		return nil
	}
	switch _, err := catalogue.Queues(ctx, topic); {
	case err == nil:
	case !declared:
		return expectCode("queues", err, domain.Unsupported)
	default:
		return fmt.Errorf("queues are declared: %w", err)
	}
	_, err = catalogue.Queues(ctx, domain.Topic("conformance-"+uuid.NewString()))
	if err := expectCode("queues of a topic that is not there", err, domain.UnknownTopic); err != nil {
		return err
	}
	l := &lister{b, catalogue, topic}
	if err := l.follow(ctx); err != nil {
		return err
	}
	other, err := b.filled(ctx, 1)
	if err != nil {
		return err
	}
	queues, err := catalogue.Queues(ctx, other)
	if err == nil && len(queues) > 0 {
		return fmt.Errorf("the other topic has the queues %+v, and nobody has joined one", queues)
	}
	return err
}

// lister looks at the queue of a topic.
type lister struct {
	*bench
	catalogue ports.QueueCatalogue
	topic     domain.Topic
}

// follow looks at the queue from its beginning until its member has left.
func (l *lister) follow(ctx context.Context) error {
	s, err := l.join(ctx, l.topic, queue, nil)
	if err != nil {
		return err
	}
	if err := l.work(ctx, s); err != nil {
		return errors.Join(err, s.leave())
	}
	if err := s.leave(); err != nil {
		return err
	}
	if _, err := l.publish(ctx, l.topic, numbered(22, 3)...); err != nil {
		return err
	}
	return l.expectLag(ctx, "after 3 messages that nobody was there for", 3)
}

// work lets messages come to the member, which settles some of them, and then all.
func (l *lister) work(ctx context.Context, s *seat) error {
	if err := l.expectLag(ctx, "when the queue has begun", 0); err != nil {
		return err
	}
	const n, some = 12, 7
	if _, err := l.publish(ctx, l.topic, numbered(10, n)...); err != nil {
		return err
	}
	if err := l.expectLag(ctx, "after 12 messages", n); err != nil {
		return err
	}
	given, err := s.receive(ctx, n)
	if err != nil {
		return err
	}
	for _, d := range given[:some] { // which are the first ones of each partition
		d.settle()
	}
	if err := l.expectLag(ctx, "when 7 of 12 messages are settled", n-some); err != nil {
		return err
	}
	for _, d := range given[some:] {
		d.settle()
	}
	return l.expectLag(ctx, "when all messages are settled", 0)
}

// expectLag waits until the queue is listed with this lag; with none, where the broker does not declare it.
func (l *lister) expectLag(ctx context.Context, when string, want int64) error {
	if !l.can(l.topic, domain.Lag) {
		want = domain.LagUnknown
	}
	return eventually(ctx, when, func() (problem, err error) { return l.look(ctx, want) })
}

// eventually looks until there is no problem. An err is what time does not mend.
func eventually(ctx context.Context, when string, look func() (problem, err error)) error {
	late := time.After(tellTime)
	for {
		problem, err := look()
		if err != nil {
			return fmt.Errorf("%s: %w", when, err)
		}
		if problem == nil {
			return nil
		}
		select {
		case <-time.After(tellAgain):
		case <-late:
			return fmt.Errorf("%s: %w", when, problem)
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", when, problem)
		}
	}
}

// look tells what is not as wanted yet; err is what time does not mend.
func (l *lister) look(ctx context.Context, want int64) (problem, err error) {
	queues, err := l.catalogue.Queues(ctx, l.topic)
	if err != nil {
		return nil, err
	}
	if len(queues) > 1 {
		return nil, fmt.Errorf("queues are listed that are not there, or twice: %+v", queues)
	}
	switch {
	case len(queues) == 0 || queues[0].Queue != queue:
		return fmt.Errorf("queue %s is not among %+v", queue, queues), nil
	case want == domain.LagUnknown && queues[0].Lag != want:
		return nil, fmt.Errorf("the lag is said to be %d, and %s is not declared", queues[0].Lag, domain.Lag)
	case queues[0].Lag != want:
		return fmt.Errorf("the lag is said to be %d, want %d", queues[0].Lag, want), nil
	}
	return nil, nil
}
