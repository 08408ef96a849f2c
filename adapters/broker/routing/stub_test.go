package routing

import (
	"context"
	"iter"
	"testing"

	"go.uber.org/goleak"

	"culvert/domain"
	"culvert/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stub is a broker that notes which topics it was asked for. It has no catalogue.
type stub struct {
	asked  []domain.Topic
	err    error
	ping   error
	closed int
}

func (s *stub) ask(topic domain.Topic) error {
	s.asked = append(s.asked, topic)
	return s.err
}

func (s *stub) Publish(_ context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
	err := s.ask(topic)
	for i := range batch {
		done(i, domain.Ack{}, err)
	}
}

func (s *stub) Tail(_ context.Context, topic domain.Topic, _ domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
	err := s.ask(topic)
	return domain.Opening{}, func(yield func(domain.Chunk, error) bool) { yield(domain.Chunk{Next: 7}, nil) }, err
}

func (s *stub) Join(_ context.Context, topic domain.Topic, _ domain.Queue, _ domain.Terms) iter.Seq2[domain.LaneEvent, error] {
	err := s.ask(topic)
	return func(yield func(domain.LaneEvent, error) bool) { yield(domain.LaneEvent{}, err) }
}

func (s *stub) Describe(_ context.Context, topic domain.Topic) (domain.TopicInfo, error) {
	return domain.TopicInfo{Topic: topic, Epoch: 5}, s.ask(topic)
}

func (s *stub) Capabilities(topic domain.Topic) domain.Capabilities {
	return domain.Capabilities{domain.Capability(topic)}
}
func (s *stub) Ping(context.Context) error  { return s.ping }
func (s *stub) Close(context.Context) error { s.closed++; return nil }

// listing is a stub that can list topics and queues, and make topics.
type listing struct {
	stub
	topics  []domain.Topic
	listErr error
}

func (l *listing) Topics(ctx context.Context) ([]domain.Topic, error) {
	if l.listErr == context.DeadlineExceeded {
		<-ctx.Done()
		return nil, domain.Errorf(domain.Unavailable, "away").Because(ctx.Err())
	}
	return l.topics, l.listErr
}

func (l *listing) Queues(_ context.Context, topic domain.Topic) ([]domain.QueueInfo, error) {
	return []domain.QueueInfo{{Queue: "billing", Lag: 17}}, l.ask(topic)
}

func (l *listing) Ensure(_ context.Context, topic domain.Topic) error { return l.ask(topic) }

// keeping is a listing whose queues can be told of, moved and forgotten, and made before they are joined.
type keeping struct {
	listing
	moved domain.Start
}

func (k *keeping) Progress(_ context.Context, topic domain.Topic, _ domain.Queue) (domain.Progress, error) {
	return domain.Progress{Lag: 17}, k.ask(topic)
}

func (k *keeping) Forget(_ context.Context, topic domain.Topic, _ domain.Queue) error {
	return k.ask(topic)
}

func (k *keeping) Move(_ context.Context, topic domain.Topic, _ domain.Queue, to domain.Start) ([]domain.Committed, error) {
	k.moved = to
	return []domain.Committed{{Place: 3}}, k.ask(topic)
}

func (k *keeping) EnsureQueue(_ context.Context, topic domain.Topic, _ domain.Queue) error {
	return k.ask(topic)
}

var (
	_ ports.Broker         = (*stub)(nil)
	_ ports.Catalogue      = (*listing)(nil)
	_ ports.QueueCatalogue = (*listing)(nil)
	_ ports.Creator        = (*listing)(nil)
	_ ports.QueueKeeper    = (*keeping)(nil)
	_ ports.QueueMover     = (*keeping)(nil)
	_ ports.QueueCreator   = (*keeping)(nil)
)
