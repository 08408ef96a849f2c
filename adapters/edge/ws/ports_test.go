package ws

import (
	"context"
	"sync"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// broker is all three services in one, as small as the tests allow.
type broker struct {
	window int           // of an injection; 0: 1000
	gate   chan struct{} // where it is not nil, answers wait for it to close
	reject func(m *domain.Message) error
	view   func(ctx context.Context, v ports.View) (*stream, error)
	join   func(j ports.Join) (*member, error)
	peek   func(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Start, error)

	mu   sync.Mutex
	put  []*domain.Message
	on   []domain.Topic
	sent int // how many of them
}

func (b *broker) taken() []*domain.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.put
}

// Open implements ports.Injector.
func (b *broker) Open(ctx context.Context, answer func([]ports.Outcome)) ports.Injection {
	n := b.window
	if n == 0 {
		n = 1000
	}
	i := &injection{broker: b, slots: make(chan struct{}, n), outcomes: make(chan ports.Outcome, n), done: make(chan struct{}, 1)}
	go i.run(ctx, answer)
	return i
}

type injection struct {
	broker   *broker
	n        uint64
	held     []ports.Outcome // until Send; guarded by the broker's mu
	slots    chan struct{}
	outcomes chan ports.Outcome
	done     chan struct{}
}

func (i *injection) run(ctx context.Context, answer func([]ports.Outcome)) {
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-i.outcomes:
			if gate := i.broker.gate; gate != nil {
				select {
				case <-gate:
				case <-ctx.Done():
					return
				}
			}
			answer([]ports.Outcome{o})
			<-i.slots
			select {
			case i.done <- struct{}{}:
			default:
			}
		}
	}
}

func (i *injection) add(ctx context.Context, o ports.Outcome) (uint64, error) {
	if len(i.slots) == cap(i.slots) {
		i.Send()
	}
	select {
	case i.slots <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	i.n++
	o.N = i.n
	i.broker.mu.Lock()
	defer i.broker.mu.Unlock()
	i.held = append(i.held, o)
	return i.n, nil
}

// Send implements ports.Injection.
func (i *injection) Send() {
	i.broker.mu.Lock()
	defer i.broker.mu.Unlock()
	for _, o := range i.held {
		i.outcomes <- o
	}
	i.broker.sent += len(i.held)
	i.held = nil
}

// Put implements ports.Injection.
func (i *injection) Put(ctx context.Context, topic domain.Topic, m *domain.Message, id string) (uint64, error) {
	b := i.broker
	b.mu.Lock()
	b.put = append(b.put, m)
	b.on = append(b.on, topic)
	offset := int64(len(b.put) - 1)
	b.mu.Unlock()
	o := ports.Outcome{ID: id, Ack: domain.Ack{Position: &domain.Position{Offset: offset}, Time: time.UnixMilli(1767366245000)}}
	if b.reject != nil {
		o.Err = b.reject(m)
	}
	return i.add(ctx, o)
}

// Reject implements ports.Injection.
func (i *injection) Reject(ctx context.Context, id string, err error) (uint64, error) {
	return i.add(ctx, ports.Outcome{ID: id, Err: err})
}

// Flush implements ports.Injection.
func (i *injection) Flush(ctx context.Context) error {
	i.Send()
	for len(i.slots) > 0 {
		select {
		case <-i.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// View implements ports.Viewer.
func (b *broker) View(ctx context.Context, v ports.View) (ports.Stream, error) {
	s, err := b.view(ctx, v)
	if err != nil {
		return nil, err
	}
	if v.Waker != nil {
		p := &polled{stream: s}
		go p.listen(ctx, v.Waker)
		return p, nil
	}
	return &viewed{s, v.Heartbeat}, nil
}

// polled is a stream as a View with a Waker asked for it.
type polled struct {
	*stream
	mu    sync.Mutex
	given []ports.Batch
	mark  string
	err   error
}

// listen takes what a test feeds. A batch without spans is what the next silence tells.
func (p *polled) listen(ctx context.Context, w ports.Waker) {
	for {
		select {
		case <-ctx.Done():
			p.add(ctx.Err())
			w.Wake()
			return
		case v := <-p.feed:
			p.add(v)
			w.Wake()
		}
	}
}

func (p *polled) add(v any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err, ok := v.(error); ok {
		if p.err == nil {
			p.err = err
		}
		return
	}
	if b := v.(ports.Batch); len(b.Spans) > 0 {
		p.given = append(p.given, b)
	} else {
		p.mark = b.Mark
	}
}

func (p *polled) Poll() (batch ports.Batch, more bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.given) == 0 {
		return batch, false, p.err
	}
	batch, p.given = p.given[0], p.given[1:]
	return batch, true, nil
}

func (p *polled) Written() {}

func (p *polled) Silence() ports.Batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	batch := ports.Batch{Mark: p.mark}
	p.mark = ""
	return batch
}

// viewed is a stream as one View asked for it.
type viewed struct {
	*stream
	heartbeat time.Duration
}

// stream gives the batches that a test feeds it, and ends with an error where one comes.
type stream struct {
	ports.Stream
	feed  chan any     // ports.Batch or error
	ready *ports.Ready // nil: that of a view of orders
}

func newStream() *stream { return &stream{feed: make(chan any, 100)} }

func (s *stream) Ready() ports.Ready {
	if s.ready != nil {
		return *s.ready
	}
	return ports.Ready{Stream: "s_1", Topics: []domain.Topic{"orders"}, Cursor: s.Cursor()}
}

func (s *stream) Cursor() domain.Cursor {
	return domain.CursorOf("orders", domain.NewVector(1, domain.Place{Next: 7}))
}

func (s *viewed) Next(ctx context.Context) (ports.Batch, error) {
	silence := context.Background()
	if s.heartbeat > 0 {
		var cancel context.CancelFunc
		silence, cancel = context.WithTimeout(silence, s.heartbeat)
		defer cancel()
	}
	select {
	case <-ctx.Done():
		return ports.Batch{}, ctx.Err()
	case <-silence.Done():
		return ports.Batch{}, nil
	case v := <-s.feed:
		if err, ok := v.(error); ok {
			return ports.Batch{}, err
		}
		return v.(ports.Batch), nil
	}
}

// runOf is a run of messages that begins at offset.
func runOf(offset int64, messages ...*domain.Message) *domain.Run {
	r := &domain.Run{Topic: "orders", Messages: messages, Base: domain.NewVector(1, domain.Place{Next: offset})}
	for i, m := range messages {
		m.Offset = offset + int64(i)
	}
	r.After = r.Base.With(domain.Place{Next: offset + int64(len(messages))})
	return r
}

func batchOf(runs ...*domain.Run) ports.Batch {
	var b ports.Batch
	for _, r := range runs {
		b.Spans = append(b.Spans, domain.Span{Run: r, To: r.Len()})
	}
	return b
}

func payloads(texts ...string) []*domain.Message {
	messages := make([]*domain.Message, len(texts))
	for i, text := range texts {
		messages[i] = &domain.Message{Payload: []byte(text)}
	}
	return messages
}

func gapRun(g domain.Gap) *domain.Run {
	r := runOf(5)
	r.Gap = &g
	return r
}

// Join implements ports.Queues.
func (b *broker) Join(_ context.Context, j ports.Join) (ports.Member, error) {
	m, err := b.join(j)
	if err != nil {
		return nil, err
	}
	m.heartbeat = j.Heartbeat
	return &joined{m, j}, nil
}

// joined is a member as one Join asked for it.
type joined struct {
	*member
	asked ports.Join
}

// Settler implements ports.Queues.
func (b *broker) Settler(string) (ports.Settler, error) {
	return nil, domain.Errorf(domain.UnknownStream, "")
}

// Peek implements ports.Queues.
func (b *broker) Peek(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Start, error) {
	return b.peek(ctx, topic, queue)
}

// member gives the events that a test feeds it, and tells what was settled.
type member struct {
	feed   chan any // []domain.Event or error
	called chan struct{}
	calls  chan string // "done a b", and so on
	gone   map[string]bool
	rest   []domain.Event // what Next was fed and has not given

	heartbeat time.Duration
}

func newMember() *member {
	return &member{feed: make(chan any, 100), called: make(chan struct{}, 100), calls: make(chan string, 1000), gone: map[string]bool{}}
}

func (m *joined) Ready() domain.Membership {
	return domain.Membership{Stream: "s_2", Topic: m.asked.Topic, Queue: m.asked.Queue, Order: domain.OrderKey, MaxInFlight: m.asked.MaxInFlight, Lease: 30 * time.Second, MaxAttempts: 5, Assigned: 3}
}

func (m *member) Next(ctx context.Context, most int) ([]domain.Event, error) {
	if most > 0 {
		m.called <- struct{}{}
	}
	var silence <-chan time.Time
	if m.heartbeat > 0 {
		silence = time.After(m.heartbeat)
	}
	for len(m.rest) == 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-silence:
			return nil, nil
		case v := <-m.feed:
			if err, ok := v.(error); ok {
				return nil, err
			}
			if m.rest = v.([]domain.Event); len(m.rest) == 0 {
				return nil, nil
			}
		}
	}
	n := 0
	for n < len(m.rest) && (m.rest[n].Message == nil || most > 0) {
		if m.rest[n].Message != nil {
			most--
		}
		n++
	}
	if n == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	given := m.rest[:n]
	m.rest = m.rest[n:]
	return given, nil
}

func (m *member) call(what string, receipts []string) domain.Settlement {
	var s domain.Settlement
	for _, r := range receipts {
		what += " " + r
		if m.gone[r] {
			s.Unknown = append(s.Unknown, r)
		} else {
			s.Settled++
		}
	}
	m.calls <- what
	return s
}

func (m *member) Done(receipts ...string) domain.Settlement { return m.call("done", receipts) }
func (m *member) DoneUpTo(receipt string) domain.Settlement { return m.call("upto", []string{receipt}) }

func (m *member) Nack(d time.Duration, receipts ...string) domain.Settlement {
	return m.call("nack "+d.String(), receipts)
}
func (m *member) Touch(receipts ...string) domain.Settlement { return m.call("touch", receipts) }

func leased(receipt, payload string, attempt int) domain.Event {
	return domain.Event{Topic: "orders", Message: &domain.Message{Payload: []byte(payload)}, Receipt: receipt, Attempt: attempt}
}
