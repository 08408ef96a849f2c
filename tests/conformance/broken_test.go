package conformance

import (
	"context"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	pair "culvert/adapters/broker"
	"culvert/adapters/broker/inproc"
	"culvert/domain"
	"culvert/ports"
)

// broken is a good broker with defects: what is not nil stands in the place of the good one's.
type broken struct {
	ports.Broker
	publish      func(good ports.Broker, ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error))
	tail         func(good ports.Broker, ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error)
	join         func(good ports.Broker, ctx context.Context, topic domain.Topic, queue domain.Queue, terms domain.Terms) iter.Seq2[domain.LaneEvent, error]
	describe     func(good ports.Broker, ctx context.Context, topic domain.Topic) (domain.TopicInfo, error)
	capabilities func(good domain.Capabilities) domain.Capabilities
	message      func(m *domain.Message) *domain.Message // what becomes of a message that is read; nil: it is lost
	claim        func(good domain.Claim) domain.Claim
	queues       func(good []domain.QueueInfo) []domain.QueueInfo
	queuesErr    error
	progress     func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Progress, error)
	forget       func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue) error
	move         func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error)
	ensure       func(good *inProcess, ctx context.Context, topic domain.Topic, queue domain.Queue) error
}

// inProcess is the good broker below a broken one.
type inProcess = pair.Pair

func (b *broken) Publish(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
	if b.publish != nil {
		b.publish(b.Broker, ctx, topic, batch, done)
		return
	}
	b.Broker.Publish(ctx, topic, batch, done)
}

func (b *broken) Tail(ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
	if b.tail != nil {
		return b.tail(b.Broker, ctx, topic, from)
	}
	opening, chunks, err := b.Broker.Tail(ctx, topic, from)
	if b.message == nil || err != nil {
		return opening, chunks, err
	}
	return opening, func(yield func(domain.Chunk, error) bool) {
		for chunk, err := range chunks {
			var changed []*domain.Message
			for _, m := range chunk.Messages {
				c := *m
				if m := b.message(&c); m != nil {
					changed = append(changed, m)
				}
			}
			chunk.Messages = changed
			if !yield(chunk, err) {
				return
			}
		}
	}, err
}

func (b *broken) Join(ctx context.Context, topic domain.Topic, queue domain.Queue, terms domain.Terms) iter.Seq2[domain.LaneEvent, error] {
	if b.join != nil {
		return b.join(b.Broker, ctx, topic, queue, terms)
	}
	events := b.Broker.Join(ctx, topic, queue, terms)
	if b.claim == nil {
		return events
	}
	return func(yield func(domain.LaneEvent, error) bool) {
		for event, err := range events {
			event.Assigned = slices.Clone(event.Assigned)
			for i, c := range event.Assigned {
				event.Assigned[i] = b.claim(c)
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

func (b *broken) Describe(ctx context.Context, topic domain.Topic) (domain.TopicInfo, error) {
	if b.describe != nil {
		return b.describe(b.Broker, ctx, topic)
	}
	info, err := b.Broker.Describe(ctx, topic)
	info.Capabilities = b.Capabilities(topic)
	return info, err
}

func (b *broken) Capabilities(topic domain.Topic) domain.Capabilities {
	if b.capabilities != nil {
		return b.capabilities(b.Broker.Capabilities(topic))
	}
	return b.Broker.Capabilities(topic)
}

// Queues is there also where the good broker would not have it: then it refuses.
func (b *broken) Queues(ctx context.Context, topic domain.Topic) ([]domain.QueueInfo, error) {
	if b.queuesErr != nil {
		return nil, b.queuesErr
	}
	queues, err := b.Broker.(ports.QueueCatalogue).Queues(ctx, topic)
	if b.queues != nil {
		queues = b.queues(queues)
	}
	return queues, err
}

// settler is a claim whose Settle is another.
type settler struct {
	domain.Claim
	settle func(good domain.Claim, offsets []int64)
}

func (s *settler) Settle(offsets ...int64) { s.settle(s.Claim, offsets) }

func without(cs ...domain.Capability) func(domain.Capabilities) domain.Capabilities {
	return func(good domain.Capabilities) domain.Capabilities {
		return slices.DeleteFunc(slices.Clone(good), func(have domain.Capability) bool { return slices.Contains(cs, have) })
	}
}

func with(c domain.Capability) func(domain.Capabilities) domain.Capabilities {
	return func(good domain.Capabilities) domain.Capabilities { return append(slices.Clone(good), c) }
}

// subjectOf is a broken broker under test, on a good one made by cfg.
func subjectOf(t *testing.T, b *broken, cfg inproc.Config) Subject {
	t.Helper()
	good, err := inproc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := good.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	b.Broker = good
	return Subject{
		Broker:     b,
		Topic:      func(testing.TB) domain.Topic { return domain.Topic("topic-" + uuid.NewString()) },
		Partitions: 1,
		AutoCreate: true,
		InProcess:  true,
	}
}

// check runs one case of the suite on a broken broker.
func check(t *testing.T, name string, b *broken) error {
	t.Helper()
	cfg := inproc.DefaultConfig()
	s := subjectOf(t, b, cfg)
	good := b.Broker
	s.Another = func(testing.TB) ports.Broker { return good }
	s.QueuesBeginAtEnd = b.ensure != nil
	s.Trim = func(testing.TB) (Subject, func(domain.Topic)) {
		cfg.LogMessages = 40
		few := *b
		s := subjectOf(t, &few, cfg)
		return s, func(topic domain.Topic) {
			if _, err := (&bench{Subject: s, t: t}).publish(t.Context(), topic, numbered(40, 10)...); err != nil {
				t.Error(err)
			}
		}
	}
	all := cases()
	i := slices.IndexFunc(all, func(c testCase) bool { return c.name == name })
	if i < 0 {
		t.Fatalf("there is no case %s", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return all[i].check(ctx, &bench{Subject: s, t: t})
}

// Each defect is found by the case that is about it, for its own reason.
func TestBrokenBrokersFail(t *testing.T) {
	expectFound(t, map[string]defect{
		"a message is confirmed and lost": {"Batches", "came 0 times", &broken{
			publish: func(good ports.Broker, ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
				good.Publish(ctx, topic, batch[1:], func(i int, ack domain.Ack, err error) { done(i+1, ack, err) })
				done(0, domain.Ack{}, nil)
				good.Publish(ctx, topic, batch[1:2], func(int, domain.Ack, error) {})
			},
		}},
		"a message comes twice": {"Batches", "came 2 times", &broken{
			publish: func(good ports.Broker, ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
				good.Publish(ctx, topic, append(slices.Clone(batch), batch[0]), func(i int, ack domain.Ack, err error) {
					if i < len(batch) {
						done(i, ack, err)
					}
				})
			},
		}},
		"a message is never answered": {"Batches", "never answered", &broken{
			publish: func(good ports.Broker, ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
				good.Publish(ctx, topic, batch, func(i int, ack domain.Ack, err error) {
					if i != 7 {
						done(i, ack, err)
					}
				})
			},
		}},
		"a message is answered twice": {"Acks", "answered 2 times", &broken{
			publish: func(good ports.Broker, ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
				good.Publish(ctx, topic, batch, func(i int, ack domain.Ack, err error) {
					if i == 0 {
						done(i, ack, err)
					}
					done(i, ack, err)
				})
			},
		}},
		"an ack tells another position": {"Acks", "the ack says", &broken{
			publish: func(good ports.Broker, ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
				good.Publish(ctx, topic, batch, func(i int, ack domain.Ack, err error) {
					ack.Position = &domain.Position{Offset: ack.Position.Offset + 1}
					done(i, ack, err)
				})
			},
		}},
		"an ack tells what is not declared": {"Acks", "does not declare", &broken{capabilities: without(domain.ReceiptPosition)}},
		"messages are reordered": {"KeyOrder", "was due", &broken{
			publish: func(good ports.Broker, ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
				reversed := slices.Clone(batch)
				slices.Reverse(reversed)
				good.Publish(ctx, topic, reversed, func(i int, ack domain.Ack, err error) { done(len(batch)-1-i, ack, err) })
			},
		}},
		"a tombstone is an empty payload": {"Content", "a tombstone", &broken{message: func(m *domain.Message) *domain.Message {
			if m.Payload == nil {
				m.Payload = []byte{}
			}
			return m
		}}},
		"no key is an empty key": {"Content", "no key", &broken{message: func(m *domain.Message) *domain.Message {
			if m.Key == nil {
				m.Key = []byte{}
			}
			return m
		}}},
		"headers of one name are folded": {"Content", "headers of one name", &broken{message: func(m *domain.Message) *domain.Message {
			m.Headers = slices.CompactFunc(slices.Clone(m.Headers), func(x, y domain.Header) bool { return x.Name == y.Name })
			return m
		}}},
		"headers are sorted": {"Content", "headers: ", &broken{message: func(m *domain.Message) *domain.Message {
			m.Headers = slices.Clone(m.Headers)
			slices.SortStableFunc(m.Headers, func(x, y domain.Header) int { return strings.Compare(x.Name, y.Name) })
			return m
		}}},
		"times are lost": {"Content", "the time", &broken{message: func(m *domain.Message) *domain.Message {
			m.Time = m.Time.Add(time.Second)
			return m
		}}},
		"latest is earliest": {"TailLatest", "the one too many", &broken{
			tail: func(good ports.Broker, ctx context.Context, topic domain.Topic, _ domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
				return good.Tail(ctx, topic, domain.StartEarliest())
			},
		}},
		"earliest is latest": {"TailEarliest", "of 50 messages", &broken{
			tail: func(good ports.Broker, ctx context.Context, topic domain.Topic, _ domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
				return good.Tail(ctx, topic, domain.StartLatest())
			},
		}},
		"the last n are one less": {"TailLast", "begin at", &broken{
			tail: func(good ports.Broker, ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
				if n, ok := from.Last(); ok && n > 0 {
					from = domain.StartLast(n - 1)
				}
				return good.Tail(ctx, topic, from)
			},
		}},
		"a time is late": {"TailTime", "from the time of message", &broken{
			tail: func(good ports.Broker, ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
				if at, ok := from.Time(); ok {
					from = domain.StartTime(at.Add(time.Second))
				}
				return good.Tail(ctx, topic, from)
			},
		}},
		"a place is one late": {"TailResume", "of 30 messages", &broken{
			tail: func(good ports.Broker, ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
				if v := from.Vector(); v != nil {
					from = domain.StartVector(v.With(domain.Place{Next: v.Next(0) + 1}))
				}
				return good.Tail(ctx, topic, from)
			},
		}},
		"epochs are not looked at": {"TailOtherEpoch", "there is no gap", &broken{
			tail: func(good ports.Broker, ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
				if v := from.Vector(); v != nil {
					from = domain.StartVector(domain.NewVector(0, v.Places()...))
				}
				return good.Tail(ctx, topic, from)
			},
		}},
		"history is not refused":        {"TailEarliest", "want unsupported", &broken{capabilities: without(domain.History)}},
		"the last n are not refused":    {"TailLast", "want unsupported", &broken{capabilities: without(domain.History)}},
		"a time is not refused":         {"TailTime", "want unsupported", &broken{capabilities: without(domain.SeekTime)}},
		"a join's from is not refused":  {"JoinFrom", "want unsupported", &broken{capabilities: without(domain.History)}},
		"creation is not declared":      {"TopicBeforeItsFirstUse", "declared is false", &broken{capabilities: without(domain.Create)}},
		"a catalogue that is not there": {"Catalogue", "there is none", &broken{capabilities: with(domain.Catalogue)}},
		"describing makes a topic": {"TopicBeforeItsFirstUse", "describe: no error", &broken{
			describe: func(good ports.Broker, ctx context.Context, topic domain.Topic) (domain.TopicInfo, error) {
				if err := good.(ports.Creator).Ensure(ctx, topic); err != nil {
					return domain.TopicInfo{}, err
				}
				return good.Describe(ctx, topic)
			},
		}},
		"the extent is old": {"Describe", "0 messages", &broken{
			describe: func(good ports.Broker, ctx context.Context, topic domain.Topic) (domain.TopicInfo, error) {
				info, err := good.Describe(ctx, topic)
				info.Partitions = slices.Repeat([]domain.Extent{{}}, len(info.Partitions))
				return info, err
			},
		}},
		"a queue begins at the beginning": {"JoinBeginsAtTheEnd", "40 messages", &broken{
			join: func(good ports.Broker, ctx context.Context, topic domain.Topic, queue domain.Queue, _ domain.Terms) iter.Seq2[domain.LaneEvent, error] {
				earliest := domain.StartEarliest()
				return func(yield func(domain.LaneEvent, error) bool) {
					for event, err := range good.Join(ctx, topic, queue, domain.Terms{From: &earliest}) {
						if domain.AsError(err).Code == domain.Conflict {
							good.Join(ctx, topic, queue, domain.Terms{})(yield)
							return
						}
						if !yield(event, err) {
							return
						}
					}
				}
			},
		}},
		"a queue ignores from": {"JoinFrom", "from", &broken{
			join: func(good ports.Broker, ctx context.Context, topic domain.Topic, queue domain.Queue, _ domain.Terms) iter.Seq2[domain.LaneEvent, error] {
				return good.Join(ctx, topic, queue, domain.Terms{})
			},
		}},
		"a queue that has begun takes from": {"JoinConflict", "want conflict", &broken{
			join: func(good ports.Broker, ctx context.Context, topic domain.Topic, queue domain.Queue, _ domain.Terms) iter.Seq2[domain.LaneEvent, error] {
				return good.Join(ctx, topic, queue, domain.Terms{})
			},
		}},
		"nothing is settled": {"HandOver", "was settled, and came again", &broken{
			claim: func(good domain.Claim) domain.Claim { return &settler{good, func(domain.Claim, []int64) {}} },
		}},
		"settling one settles all before it": {"HandOver", "not settled", &broken{
			claim: func(good domain.Claim) domain.Claim {
				return &settler{good, func(good domain.Claim, offsets []int64) {
					for o := range offsets[0] + 1 {
						good.Settle(o)
					}
				}}
			},
		}},
		"each member has every message": {"Sharing", "divided", &broken{
			join: func(good ports.Broker, ctx context.Context, topic domain.Topic, _ domain.Queue, terms domain.Terms) iter.Seq2[domain.LaneEvent, error] {
				return good.Join(ctx, topic, domain.Queue(uuid.NewString()), terms)
			},
		}},
		"queues are declared and refused": {"Queues", "declared", &broken{queuesErr: domain.Errorf(domain.Unsupported, "no")}},
		"a queue is not listed":           {"Queues", "is not among", &broken{queues: func([]domain.QueueInfo) []domain.QueueInfo { return nil }}},
		"a queue is listed twice":         {"Queues", "twice", &broken{queues: func(good []domain.QueueInfo) []domain.QueueInfo { return append(good, good...) }}},
		"a queue of another topic is listed": {"Queues", "the other topic", &broken{queues: func(good []domain.QueueInfo) []domain.QueueInfo {
			if len(good) == 0 {
				good = append(good, domain.QueueInfo{Queue: queue})
			}
			return good
		}}},
		"a lag is made up": {"Queues", "lag", &broken{queues: func(good []domain.QueueInfo) []domain.QueueInfo {
			for i := range good {
				good[i].Lag = 0
			}
			return good
		}}},
		"a lag is told that is not declared": {"Queues", "not declared", &broken{capabilities: without(domain.Lag)}},
		"what was settled still counts": {"Queues", "lag", &broken{
			claim: func(good domain.Claim) domain.Claim { return &settler{good, func(domain.Claim, []int64) {}} },
		}},
		"a reader outlives its context": {"Cancellation", "did not end", &broken{
			tail: func(good ports.Broker, ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
				return good.Tail(context.WithoutCancel(ctx), topic, from)
			},
		}},
	})
}

// defect is what is wrong with a broken broker.
type defect struct {
	find   string // the case that must fail
	reason string // and what it must say
	broken *broken
}

// expectFound checks that the suite finds each defect.
func expectFound(t *testing.T, defects map[string]defect) {
	t.Helper()
	for name, c := range defects {
		t.Run(name, func(t *testing.T) {
			// In a bubble, so that waiting in vain takes no time.
			var err error
			synctest.Test(t, func(t *testing.T) { err = check(t, c.find, c.broken) })
			if err == nil {
				t.Fatalf("%s found nothing", c.find)
			}
			if !strings.Contains(err.Error(), c.reason) {
				t.Fatalf("%s found something else: %v", c.find, err)
			}
		})
	}
}

// What a broker cannot do it may leave undone, as long as it says so and refuses it.
func TestHonestRefusalsPass(t *testing.T) {
	unsupported := domain.Errorf(domain.Unsupported, "there is no log")
	honest := func() *broken {
		return &broken{
			capabilities: func(domain.Capabilities) domain.Capabilities {
				return domain.Capabilities{domain.ReceiptPosition, domain.KeyOrder, domain.Create}
			},
			tail: func(good ports.Broker, ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
				if !from.Latest() {
					return domain.Opening{}, nil, unsupported
				}
				return good.Tail(ctx, topic, from)
			},
			join: func(good ports.Broker, ctx context.Context, topic domain.Topic, queue domain.Queue, terms domain.Terms) iter.Seq2[domain.LaneEvent, error] {
				if terms.From != nil && !terms.From.Latest() {
					return func(yield func(domain.LaneEvent, error) bool) { yield(domain.LaneEvent{}, unsupported) }
				}
				return good.Join(ctx, topic, queue, terms)
			},
			queuesErr: unsupported,
			progress:  untold(unsupported),
			forget:    func(*inProcess, context.Context, domain.Topic, domain.Queue) error { return unsupported },
			move: func(*inProcess, context.Context, domain.Topic, domain.Queue, domain.Start) ([]domain.Committed, error) {
				return nil, unsupported
			},
		}
	}
	for _, c := range cases() {
		if err := check(t, c.name, honest()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// The outage of a real broker was never tried, and nobody was told: a subject that set no hook passed the cases of it.
func TestASubjectThatHidesItsServerFails(t *testing.T) {
	for name, reason := range map[string]string{"Occupied": "gives no Another", "MoveBehindRetention": "gives no Trim"} {
		s := subjectOf(t, &broken{}, inproc.DefaultConfig())
		s.InProcess = false
		all := cases()
		i := slices.IndexFunc(all, func(c testCase) bool { return c.name == name })
		if err := all[i].check(t.Context(), &bench{Subject: s, t: t}); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s says %v, want that the subject %s", name, err, reason)
		}
	}
	contradictory := Subject{
		InProcess:   true,
		Unreachable: func(testing.TB) ports.Broker { return nil },
		Outage:      func(testing.TB) (Subject, func() func()) { return Subject{}, nil },
	}
	for _, c := range cases() {
		if c.name != "Unreachable" && c.name != "Outage" {
			continue
		}
		for reason, s := range map[string]Subject{"gives no " + c.name: {}, "but gives " + c.name: contradictory} {
			if err := c.check(t.Context(), &bench{Subject: s, t: t}); err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("%s says %v, want that the subject %s", c.name, err, reason)
			}
		}
		if err := c.check(t.Context(), &bench{Subject: Subject{InProcess: true}, t: t}); err != nil {
			t.Errorf("%s of a broker in this process: %v", c.name, err)
		}
	}
}
