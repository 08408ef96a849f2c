package conformance

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"culvert/domain"
	"culvert/ports"
)

func (b *broken) Progress(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Progress, error) {
	good := b.Broker.(*inProcess)
	if b.progress != nil {
		return b.progress(good, ctx, topic, queue)
	}
	return good.Progress(ctx, topic, queue)
}

func (b *broken) Forget(ctx context.Context, topic domain.Topic, queue domain.Queue) error {
	good := b.Broker.(*inProcess)
	if b.forget != nil {
		return b.forget(good, ctx, topic, queue)
	}
	return good.Forget(ctx, topic, queue)
}

func (b *broken) Move(ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
	good := b.Broker.(*inProcess)
	if b.move != nil {
		return b.move(good, ctx, topic, queue, to)
	}
	return good.Move(ctx, topic, queue, to)
}

// EnsureQueue is there also where the good broker would not have it: then it refuses.
func (b *broken) EnsureQueue(ctx context.Context, topic domain.Topic, queue domain.Queue) error {
	if b.ensure != nil {
		return b.ensure(b.Broker.(*inProcess), ctx, topic, queue)
	}
	return domain.Errorf(domain.Unsupported, "queues begin where they are told")
}

// memory is a claim that gives nothing that was settled through any claim that shares it.
type memory struct {
	domain.Claim
	settled *sync.Map // offsets
}

func (m *memory) Settle(offsets ...int64) {
	for _, o := range offsets {
		m.settled.Store(o, true)
	}
	m.Claim.Settle(offsets...)
}

func (m *memory) Fetch(ctx context.Context) (domain.Haul, error) {
	haul, err := m.Claim.Fetch(ctx)
	haul.Messages = slices.DeleteFunc(slices.Clone(haul.Messages), func(have *domain.Message) bool {
		_, settled := m.settled.Load(have.Offset)
		return settled
	})
	return haul, err
}

// gapless is a claim that tells no gaps.
type gapless struct{ domain.Claim }

func (g gapless) Fetch(ctx context.Context) (domain.Haul, error) {
	haul, err := g.Claim.Fetch(ctx)
	haul.Gap = nil
	return haul, err
}

// remembering gives claims that share one memory.
func remembering() func(good domain.Claim) domain.Claim {
	settled := &sync.Map{}
	return func(good domain.Claim) domain.Claim { return &memory{good, settled} }
}

// told is Progress with something changed.
func told(change func(p *domain.Progress)) func(*inProcess, context.Context, domain.Topic, domain.Queue) (domain.Progress, error) {
	return func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Progress, error) {
		p, err := good.Progress(ctx, topic, queue)
		if err == nil {
			change(&p)
		}
		return p, err
	}
}

// untold is Progress that refuses.
func untold(err error) func(*inProcess, context.Context, domain.Topic, domain.Queue) (domain.Progress, error) {
	return func(*inProcess, context.Context, domain.Topic, domain.Queue) (domain.Progress, error) {
		return domain.Progress{}, err
	}
}

// begin lets a queue begin at the end.
func begin(ctx context.Context, good *inProcess, topic domain.Topic, queue domain.Queue) {
	for range good.Join(ctx, topic, queue, domain.Terms{}) {
		break
	}
}

// shortSighted is a broker that knows of no members but its own.
func shortSighted() *broken {
	var members atomic.Int64
	return &broken{
		join: func(good ports.Broker, ctx context.Context, topic domain.Topic, queue domain.Queue, terms domain.Terms) iter.Seq2[domain.LaneEvent, error] {
			return func(yield func(domain.LaneEvent, error) bool) {
				members.Add(1)
				defer members.Add(-1)
				good.Join(ctx, topic, queue, terms)(yield)
			}
		},
		forget: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue) error {
			err := good.Forget(ctx, topic, queue)
			if members.Load() == 0 && domain.CodeOf(err) == domain.Conflict {
				return nil
			}
			return err
		},
	}
}

// Each defect of what a broker tells of a queue, and does to it, is found by the case that is about it.
func TestBrokenKeepersFail(t *testing.T) {
	expectFound(t, map[string]defect{
		"asking for a queue makes it": {"Progress", "once more", &broken{
			progress: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Progress, error) {
				p, err := good.Progress(ctx, topic, queue)
				if domain.CodeOf(err) == domain.UnknownQueue {
					begin(ctx, good, topic, queue)
				}
				return p, err
			},
		}},
		"asking for the queue of a topic makes that": {"Progress", "when progress was asked for", &broken{
			progress: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Progress, error) {
				p, err := good.Progress(ctx, topic, queue)
				if domain.CodeOf(err) == domain.UnknownTopic {
					return p, errors.Join(good.Ensure(ctx, topic), err)
				}
				return p, err
			},
		}},
		"the place of a queue is the last one that was settled": {"Progress", "is said to be at", &broken{progress: told(func(p *domain.Progress) { p.Partitions[0].Place = max(p.Partitions[0].Place-1, 0) })}},
		"the end of a queue is old":                             {"Progress", "is said to be at", &broken{progress: told(func(p *domain.Progress) { p.Partitions[0].End = 10 })}},
		"a queue is of no epoch":                                {"Progress", "is in the epoch 0", &broken{progress: told(func(p *domain.Progress) { p.Epoch = 0 })}},
		"the lag of one queue is made up":                       {"Progress", "lag", &broken{progress: told(func(p *domain.Progress) { p.Lag = 0 })}},
		"the lag of one queue is not told":                      {"Progress", "lag", &broken{progress: told(func(p *domain.Progress) { p.Lag = domain.LagUnknown })}},
		"places are told that are not declared":                 {"Progress", "not declared", &broken{capabilities: without(domain.Peek)}},
		"queues are declared to tell their places":              {"Progress", "want unknown-queue", &broken{progress: untold(domain.Errorf(domain.Unsupported, "no"))}},
		"looking into a queue takes what is in it": {"Peek", "is said to be at", &broken{
			progress: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Progress, error) {
				p, err := good.Progress(ctx, topic, queue)
				_, _ = good.Move(ctx, topic, queue, domain.StartLatest())
				return p, err
			},
		}},
		"looking into a queue begins at the beginning": {"Peek", "the one too many", &broken{
			tail: func(good ports.Broker, ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
				if from.Vector() != nil {
					from = domain.StartEarliest()
				}
				return good.Tail(ctx, topic, from)
			},
		}},
		"a move moves nothing": {"Move", "is said to have been moved", &broken{
			move: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue, _ domain.Start) ([]domain.Committed, error) {
				p, err := good.Progress(ctx, topic, queue)
				return p.Partitions, err
			},
		}},
		"a move is only said to be done": {"Move", "after the move", &broken{
			move: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
				before, err := good.Progress(ctx, topic, queue)
				if err != nil {
					return nil, err
				}
				moved, err := good.Move(ctx, topic, queue, to)
				if err == nil {
					_, err = good.Move(ctx, topic, queue, before.Start())
				}
				return moved, err
			},
		}},
		"a move to a time goes to the end": {"Move", "moved to a time", &broken{
			move: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
				if _, timed := to.Time(); timed {
					to = domain.StartLatest()
				}
				return good.Move(ctx, topic, queue, to)
			},
		}},
		"what was settled beyond the place stays so": {"Move", "waiting in vain", &broken{claim: remembering()}},
		"moving is not refused":                      {"Move", "want unsupported", &broken{capabilities: without(domain.Reset, domain.ResetTime)}},
		"moving to a time is not refused":            {"Move", "want unsupported", &broken{capabilities: without(domain.ResetTime)}},
		"times are declared and moves are not":       {"Move", "is declared without", &broken{capabilities: without(domain.Reset)}},
		"a move does not look at epochs": {"MoveRefused", "another epoch", &broken{
			move: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
				if v := to.Vector(); v != nil {
					to = domain.StartVector(domain.NewVector(0, v.Places()...))
				}
				return good.Move(ctx, topic, queue, to)
			},
		}},
		"a move beyond the end goes to the end": {"MoveRefused", "beyond the end", &broken{
			move: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
				if v := to.Vector(); v != nil && v.Next(0) > 20 {
					to = domain.StartLatest()
				}
				return good.Move(ctx, topic, queue, to)
			},
		}},
		"a move does not look at partitions": {"MoveRefused", "a partition that is not there", &broken{
			move: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
				if v := to.Vector(); v != nil {
					to = domain.StartVector(domain.NewVector(v.Epoch, slices.DeleteFunc(slices.Clone(v.Places()), func(p domain.Place) bool { return p.Partition != 0 })...))
				}
				return good.Move(ctx, topic, queue, to)
			},
		}},
		"a move that is refused moves all the same": {"MoveRefused", "refusing to move it", &broken{
			move: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
				moved, err := good.Move(ctx, topic, queue, to)
				if domain.CodeOf(err) == domain.InvalidCursor {
					_, _ = good.Move(ctx, topic, queue, domain.StartEarliest())
				}
				return moved, err
			},
		}},
		"a move makes the queue": {"MoveRefused", "has not begun", &broken{
			move: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
				moved, err := good.Move(ctx, topic, queue, to)
				if domain.CodeOf(err) == domain.UnknownQueue {
					begin(ctx, good, topic, queue)
					return good.Move(ctx, topic, queue, to)
				}
				return moved, err
			},
		}},
		"a move skips what retention took": {"MoveBehindRetention", "is said to have been moved", &broken{
			move: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue, _ domain.Start) ([]domain.Committed, error) {
				return good.Move(ctx, topic, queue, domain.StartEarliest())
			},
		}},
		"a gap before the place is not told": {"MoveBehindRetention", "waiting in vain", &broken{
			claim: func(good domain.Claim) domain.Claim { return gapless{good} },
		}},
		"members are moved from": {"Occupied", "move: no error", &broken{
			move: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
				moved, err := good.Move(ctx, topic, queue, to)
				if domain.CodeOf(err) == domain.Conflict {
					return nil, nil
				}
				return moved, err
			},
		}},
		"members are forgotten": {"Occupied", "forget: no error", &broken{
			forget: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue) error {
				if err := good.Forget(ctx, topic, queue); domain.CodeOf(err) != domain.Conflict {
					return err
				}
				return nil
			},
		}},
		"who is refused is told what the broker calls things": {"Occupied", "nothing can hide it", &broken{
			forget: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue) error {
				if err := good.Forget(ctx, topic, queue); domain.CodeOf(err) != domain.Conflict {
					return err
				}
				return domain.Errorf(domain.Conflict, "the group %q of topic %q has members", string(topic)+"."+string(queue), topic)
			},
		}},
		"members of other nodes do not count": {"Occupied", "of another node: ", shortSighted()},
		"nothing is forgotten": {"Forget", "want unknown-queue", &broken{
			forget: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue) error {
				_, err := good.Progress(ctx, topic, queue)
				return err
			},
		}},
		"a queue that was forgotten is listed": {"Forget", "are listed", &broken{
			queues: func([]domain.QueueInfo) []domain.QueueInfo { return []domain.QueueInfo{{Queue: queue}} },
		}},
		"a queue that was forgotten goes on": {"Forget", "waiting in vain", &broken{
			join: func(good ports.Broker, ctx context.Context, topic domain.Topic, queue domain.Queue, _ domain.Terms) iter.Seq2[domain.LaneEvent, error] {
				return good.Join(ctx, topic, queue, domain.Terms{})
			},
		}},
		"a queue is not ensured": {"EnsureQueue", "join with from: no error", &broken{
			ensure: func(*inProcess, context.Context, domain.Topic, domain.Queue) error { return nil },
		}},
		"a queue that is ensured begins anew": {"EnsureQueue", "waiting in vain", &broken{
			ensure: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue) error {
				_ = good.Forget(ctx, topic, queue)
				begin(ctx, good, topic, queue)
				return nil
			},
		}},
		"a queue is ensured with what was there before": {"EnsureQueue", "40 messages", &broken{
			ensure: func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue) error {
				begin(ctx, good, topic, queue)
				_, err := good.Move(ctx, topic, queue, domain.StartEarliest())
				return err
			},
		}},
		"a queue that begins at the end cannot be ensured": {"EnsureQueue", "unsupported", &broken{
			ensure: func(*inProcess, context.Context, domain.Topic, domain.Queue) error {
				return domain.Errorf(domain.Unsupported, "no")
			},
		}},
	})
}
