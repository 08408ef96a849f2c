package amqp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/adapters/broker/amqp"
	"culvert/domain"
	"culvert/tests/brokers"
)

// soon is how long something that must happen may take on a busy machine.
const soon = 30 * time.Second

// node makes an adapter on the server at url, and closes it with the test.
func node(t testing.TB, url string, change ...func(*amqp.Config)) *amqp.Broker {
	t.Helper()
	cfg := amqp.DefaultConfig()
	cfg.URL = url
	cfg.StreamSegmentBytes = 1 << 20
	for _, c := range change {
		c(&cfg)
	}
	b, err := amqp.New(cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return b
}

// quorum lets an adapter declare quorum queues.
func quorum(c *amqp.Config) { c.QueueType = "quorum" }

// member is one Join that holds what it is given, and leaves at the end of the test.
type member struct {
	leave func()
	stand chan struct{} // closed when the membership stands
	ended chan struct{}

	mu       sync.Mutex // guards what follows
	changed  chan struct{}
	claims   map[domain.Claim]bool // whether it is held
	messages []*domain.Message
	by       map[*domain.Message]domain.Claim
	gaps     []domain.Gap
	order    domain.Order // what the first event said
	err      error
	eager    func(*domain.Message) bool // settled as soon as it comes
}

// join takes part in a queue. It returns when the membership stands or has failed.
func join(t testing.TB, b *amqp.Broker, topic domain.Topic, terms domain.Terms) *member {
	t.Helper()
	m := newMember()
	m.join(t, b, topic, terms)
	return m
}

// workers is the queue of the tests: each has a topic of its own.
const workers = "workers"

func newMember() *member {
	return &member{
		stand: make(chan struct{}), ended: make(chan struct{}), changed: make(chan struct{}, 1),
		claims: map[domain.Claim]bool{}, by: map[*domain.Message]domain.Claim{},
	}
}

func (m *member) join(t testing.TB, b *amqp.Broker, topic domain.Topic, terms domain.Terms) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	go m.run(ctx, b, topic, terms) // ends with ctx
	m.leave = func() { cancel(); <-m.ended }
	t.Cleanup(m.leave)
	select {
	case <-m.stand:
	case <-m.ended:
	}
}

func (m *member) run(ctx context.Context, b *amqp.Broker, topic domain.Topic, terms domain.Terms) {
	defer close(m.ended)
	var fetching sync.WaitGroup
	defer fetching.Wait()
	first := true
	for event, err := range b.Join(ctx, topic, workers, terms) {
		m.change(func() {
			m.err = err
			for _, c := range event.Assigned {
				m.claims[c] = true
				fetching.Go(func() { m.fetch(ctx, c) }) // ends with ctx or its claim
			}
			for _, c := range event.Revoked {
				m.claims[c] = false
			}
			if first {
				m.order = event.Order
			}
		})
		if err != nil {
			return
		}
		if first {
			first = false
			close(m.stand)
		}
	}
}

func (m *member) fetch(ctx context.Context, c domain.Claim) {
	for {
		haul, err := c.Fetch(ctx)
		if err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				m.change(func() { m.err = err })
			}
			return
		}
		m.change(func() {
			if haul.Gap != nil {
				m.gaps = append(m.gaps, *haul.Gap)
			}
			for _, message := range haul.Messages {
				m.messages = append(m.messages, message)
				m.by[message] = c
				if m.eager != nil && m.eager(message) {
					c.Settle(message.Offset)
				}
			}
		})
	}
}

func (m *member) change(f func()) {
	m.mu.Lock()
	f()
	m.mu.Unlock()
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// until waits until seen, which is called with the member locked.
func (m *member) until(t testing.TB, what string, seen func() bool) {
	t.Helper()
	late := time.After(soon)
	for {
		m.mu.Lock()
		ok, state := seen(), fmt.Sprintf("%d messages, %d claims, gaps %v, error %v", len(m.messages), m.held(), m.gaps, m.err)
		m.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-m.changed:
		case <-late:
			t.Fatalf("not within %v: %s; there were %s", soon, what, state)
		}
	}
}

// held is how many claims the member has. The caller holds mu.
func (m *member) held() (n int) {
	for _, is := range m.claims {
		if is {
			n++
		}
	}
	return n
}

// assigned is how many claims the member has.
func (m *member) assigned() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held()
}

// given waits for n messages in all and gives all that came.
func (m *member) given(t testing.TB, n int) []*domain.Message {
	t.Helper()
	m.until(t, fmt.Sprintf("%d messages", n), func() bool { return len(m.messages) >= n })
	return m.all()
}

func (m *member) all() []*domain.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]*domain.Message(nil), m.messages...)
}

func (m *member) settle(messages ...*domain.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, message := range messages {
		m.by[message].Settle(message.Offset)
	}
}

func payloads(messages []*domain.Message) []string {
	texts := make([]string, len(messages))
	for i, m := range messages {
		texts[i] = string(m.Payload)
	}
	return texts
}

// numbers are the payloads from up to to, exclusive.
func numbers(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// stranger is a client of the server that is not ours.
type stranger struct {
	t    testing.TB
	conn *amqp091.Connection
	*amqp091.Channel
}

// meet connects a stranger, until the end of the test.
func meet(t testing.TB, url string) *stranger {
	t.Helper()
	conn, err := amqp091.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s := &stranger{t: t, conn: conn}
	s.open()
	return s
}

// open opens another channel, the one before being of no use any more.
func (s *stranger) open() {
	s.t.Helper()
	ch, err := s.conn.Channel()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := ch.Confirm(false); err != nil {
		s.t.Fatal(err)
	}
	s.Channel = ch
}

// send publishes texts whose keys are as they are, and returns when the server has confirmed them.
func (s *stranger) send(exchange, routingKey string, texts ...string) {
	s.t.Helper()
	var last *amqp091.DeferredConfirmation
	for _, text := range texts {
		var err error
		last, err = s.PublishWithDeferredConfirm(exchange, routingKey, false, false, amqp091.Publishing{
			Headers: amqp091.Table{"culvert-key": text}, DeliveryMode: amqp091.Persistent, Body: []byte(text),
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if ok, err := last.WaitContext(ctx); !ok || err != nil {
		s.t.Fatalf("not confirmed: %v", err)
	}
}

// left is how many messages of a queue are with no consumer; -1 where there is no such queue.
func (s *stranger) left(queue string) int {
	s.t.Helper()
	q, err := s.QueueDeclarePassive(queue, true, false, false, false, nil)
	if err != nil {
		s.open()
		return -1
	}
	return q.Messages
}

// topicOn gives a new topic, which is gone after the test, with the queue of the tests.
func topicOn(t testing.TB, url string) domain.Topic {
	t.Helper()
	topic := brokers.Topic(t)
	t.Cleanup(func() {
		s := meet(t, url)
		for _, queue := range []string{topic + ":" + workers, topic + ":$log"} {
			_, _ = s.QueueDelete(queue, false, false, false)
		}
		_ = s.ExchangeDelete(topic, false, false)
	})
	return domain.Topic(topic)
}

// relay stands between an adapter and a server, so that the network can break.
type relay struct {
	addr string

	mu    sync.Mutex // guards what follows
	conns map[net.Conn]struct{}
	shut  bool // nobody gets through
}

// through starts a relay to the server at address, until the end of the test, and gives the server's address by way of it.
func through(t testing.TB, address string) (string, *relay) {
	t.Helper()
	server, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: server.Host, conns: map[net.Conn]struct{}{}}
	var done sync.WaitGroup
	done.Go(func() { r.serve(listener, &done) }) // ends with the listener
	t.Cleanup(func() {
		_ = listener.Close()
		r.cut()
		done.Wait()
	})
	server.Host = listener.Addr().String()
	return server.String(), r
}

func (r *relay) serve(listener net.Listener, done *sync.WaitGroup) {
	for {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", r.addr)
		if err != nil || !r.admit(near, far) {
			_ = near.Close()
			continue
		}
		pass := func(to, from net.Conn) {
			_, _ = io.Copy(to, from)
			_, _ = to.Close(), from.Close()
		}
		done.Go(func() { pass(near, far) }) // both end when one of the connections does
		done.Go(func() { pass(far, near) })
	}
}

// admit takes note of two connections, and lets them be unless nobody gets through.
func (r *relay) admit(near, far net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shut {
		_ = far.Close()
		return false
	}
	r.conns[near], r.conns[far] = struct{}{}, struct{}{}
	return true
}

// cut breaks all connections.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		_ = c.Close()
	}
	clear(r.conns)
}

// close breaks all connections, and lets nobody through until open.
func (r *relay) close() {
	r.pass(false)
	r.cut()
}

func (r *relay) open() { r.pass(true) }

func (r *relay) pass(open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut = !open
}

// ask asks the management plugin of the shared server.
func ask(t testing.TB, what string, answer any) {
	t.Helper()
	server := brokers.RabbitMQ(t)
	if server.Management == "" {
		t.Fatal("the environment names a server, and not its management plugin: CULVERT_TEST_AMQP_MANAGEMENT=http://user:password@host:15672 does")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: soon}
	response, err := client.Get(server.Management + "/api/" + what)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		t.Fatalf("%s: %v (%s)", what, err, response.Status)
	}
}
