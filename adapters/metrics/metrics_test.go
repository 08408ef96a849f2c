package metrics

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"culvert/domain"
	"culvert/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scrape is what m answers.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("the scrape is answered with %d %s", answer.Code, answer.Body)
	}
	return "\n" + answer.Body.String()
}

// expect scrapes m and looks for lines.
func expect(t *testing.T, m *Metrics, lines ...string) {
	t.Helper()
	text := scrape(t, m)
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			name, _, _ := strings.Cut(line, "{")
			t.Errorf("there is no line %s among\n%s", line, series(text, name))
		}
	}
}

func series(text, name string) string {
	var found []string
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, name) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "\n")
}

// fakeInjector takes messages and lets the test answer them.
type fakeInjector struct {
	answer func([]ports.Outcome)
	last   uint64
	err    error
}

func (f *fakeInjector) Open(_ context.Context, answer func([]ports.Outcome)) ports.Injection {
	f.answer = answer
	return f
}

func (f *fakeInjector) Put(context.Context, domain.Topic, *domain.Message, string) (uint64, error) {
	if f.err != nil {
		return 0, f.err
	}
	f.last++
	return f.last, nil
}

func (f *fakeInjector) Reject(context.Context, string, error) (uint64, error) {
	f.last++
	return f.last, nil
}

func (f *fakeInjector) Send() {}

func (f *fakeInjector) Flush(context.Context) error { return nil }

func TestInjections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, fake := New("v1"), &fakeInjector{}
		ctx, cancel := context.WithCancel(t.Context())
		heard := 0
		injection := m.Injector("ws", fake).Open(ctx, func(outcomes []ports.Outcome) { heard += len(outcomes) })
		put := func() {
			t.Helper()
			if _, err := injection.Put(ctx, "t", &domain.Message{Payload: make([]byte, 10)}, ""); err != nil {
				t.Fatal(err)
			}
		}
		put()
		if _, err := injection.Reject(ctx, "", errors.New("unreadable")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		put()
		fake.err = domain.Errorf(domain.Unavailable, "closing")
		if _, err := injection.Put(ctx, "t", &domain.Message{Payload: make([]byte, 10)}, ""); err == nil {
			t.Fatal("a refused message was taken")
		}
		fake.answer([]ports.Outcome{{N: 3}, {N: 2, Err: domain.Errorf(domain.InvalidRequest, "unreadable")}, {N: 1, Err: domain.Errorf(domain.Timeout, "late")}})
		if heard != 3 {
			t.Errorf("%d outcomes were handed on", heard)
		}
		expect(t, m,
			`culvert_injections{edge="ws"} 1`,
			`culvert_injected_messages_total{edge="ws",result="ok"} 1`,
			`culvert_injected_messages_total{edge="ws",result="timeout"} 1`,
			`culvert_injected_messages_total{edge="ws",result="invalid-request"} 1`,
			`culvert_injected_bytes_total{edge="ws"} 20`,
			`culvert_inject_duration_seconds_count{edge="ws"} 2`,
			`culvert_inject_duration_seconds_sum{edge="ws"} 1`,
		)
		cancel()
		synctest.Wait()
		expect(t, m, `culvert_injections{edge="ws"} 0`)
	})
}

type fakeViewer struct {
	ports.Stream
	batches []ports.Batch
	err     error
}

func (f *fakeViewer) View(context.Context, ports.View) (ports.Stream, error) { return f, f.err }

func (f *fakeViewer) Next(context.Context) (ports.Batch, error) {
	b := f.batches[0]
	f.batches = f.batches[1:]
	return b, nil
}

func span(from, to int, r *domain.Run) domain.Span { return domain.Span{Run: r, From: from, To: to} }

func TestViews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New("v1")
		messages := []*domain.Message{{}, {}, {}}
		fake := &fakeViewer{batches: []ports.Batch{
			{Spans: []domain.Span{
				span(1, 3, &domain.Run{Messages: messages, Appended: time.Now()}),
				span(0, 1, &domain.Run{Gap: &domain.Gap{Reason: domain.GapOverflow, Lost: 7}}),
				span(0, 1, &domain.Run{Gap: &domain.Gap{Reason: domain.GapEpoch, Lost: domain.LostUnknown}}),
			}},
			{Spans: []domain.Span{span(0, 3, &domain.Run{Messages: messages, Appended: time.Now().Add(-time.Minute)})}}, // it was there before
			{},
		}}
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := m.Viewer("sse", fake).View(ctx, ports.View{})
		if err != nil {
			t.Fatal(err)
		}
		next := func() {
			t.Helper()
			if _, err := stream.Next(ctx); err != nil {
				t.Fatal(err)
			}
		}
		next()
		expect(t, m, `culvert_delivered_messages_total{edge="sse",mode="view"} 0`) // given, not written
		time.Sleep(2 * time.Second)
		next()
		next()
		expect(t, m,
			`culvert_streams{edge="sse",mode="view"} 1`,
			`culvert_delivered_messages_total{edge="sse",mode="view"} 5`,
			`culvert_delivery_duration_seconds_count{edge="sse"} 1`,
			`culvert_delivery_duration_seconds_sum{edge="sse"} 2`,
			`culvert_gaps_total{edge="sse",reason="overflow"} 1`,
			`culvert_gaps_total{edge="sse",reason="epoch"} 1`,
			`culvert_lost_messages_total{edge="sse",reason="overflow"} 7`,
		)
		cancel()
		synctest.Wait()
		expect(t, m, `culvert_streams{edge="sse",mode="view"} 0`)

		fake.err = domain.Errorf(domain.UnknownTopic, "there is none")
		if _, err := m.Viewer("sse", fake).View(t.Context(), ports.View{}); err == nil {
			t.Fatal("a refused view was opened")
		}
		expect(t, m, `culvert_refused_streams_total{code="unknown-topic",edge="sse",mode="view"} 1`)
	})
}

type fakeQueues struct {
	ports.Member
	events []domain.Event
	err    error
}

func (f *fakeQueues) Join(context.Context, ports.Join) (ports.Member, error) { return f, f.err }
func (f *fakeQueues) Settler(string) (ports.Settler, error)                  { return f, f.err }
func (f *fakeQueues) Peek(_ context.Context, topic domain.Topic, queue domain.Queue) (domain.Start, error) {
	return domain.StartVector(domain.NewVector(domain.Epoch(len(topic)), domain.Place{Next: int64(len(queue))})), f.err
}

func (f *fakeQueues) Next(context.Context, int) ([]domain.Event, error) { return f.events, nil }

func (f *fakeQueues) Done(receipts ...string) domain.Settlement {
	return domain.Settlement{Settled: len(receipts)}
}
func (f *fakeQueues) DoneUpTo(string) domain.Settlement { return domain.Settlement{Settled: 4} }
func (f *fakeQueues) Nack(_ time.Duration, receipts ...string) domain.Settlement {
	return domain.Settlement{Settled: len(receipts) - 1, Unknown: receipts[:1]}
}

func TestMembers(t *testing.T) {
	m := New("v1")
	assigned := 3
	fake := &fakeQueues{events: []domain.Event{
		{Assigned: &assigned},
		{Gap: &domain.Gap{Reason: domain.GapRetention, Lost: 2}},
		{Message: &domain.Message{}, Attempt: 1},
		{Message: &domain.Message{}, Attempt: 2},
	}}
	queues := m.Queues("rest", fake)
	member, err := queues.Join(t.Context(), ports.Join{})
	if err != nil {
		t.Fatal(err)
	}
	if events, err := member.Next(t.Context(), math.MaxInt); err != nil || len(events) != 4 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	member.Done("a", "b")
	settler, err := queues.Settler("s_1")
	if err != nil {
		t.Fatal(err)
	}
	settler.DoneUpTo("c")
	if s := settler.Nack(0, "d", "e"); len(s.Unknown) != 1 {
		t.Errorf("the settlement handed on is %+v", s)
	}
	want, _ := fake.Peek(t.Context(), "orders", "billing")
	if from, err := queues.Peek(t.Context(), "orders", "billing"); err != nil || !reflect.DeepEqual(from, want) {
		t.Errorf("the place handed on is %+v, %v; want %+v", from, err, want)
	}
	expect(t, m,
		`culvert_streams{edge="rest",mode="join"} 1`,
		`culvert_delivered_messages_total{edge="rest",mode="join"} 2`,
		`culvert_redelivered_messages_total{edge="rest"} 1`,
		`culvert_gaps_total{edge="rest",reason="retention"} 1`,
		`culvert_settled_messages_total{edge="rest",result="done"} 6`,
		`culvert_settled_messages_total{edge="rest",result="nack"} 1`,
	)
	fake.err = domain.Errorf(domain.Conflict, "it has begun")
	if _, err := queues.Join(t.Context(), ports.Join{}); err == nil {
		t.Fatal("a refused join was made")
	}
	if _, err := queues.Settler("s_2"); err == nil {
		t.Fatal("an unknown stream has a settler")
	}
	expect(t, m, `culvert_refused_streams_total{code="conflict",edge="rest",mode="join"} 1`)
}

func TestObserve(t *testing.T) {
	m := New("v1.2.3")
	m.Observe("feeds", "Feeds.", func() float64 { return 42 })
	m.Count("replays_total", "Replays.", func() float64 { return 43 })
	expect(t, m, `culvert_feeds 42`, "# TYPE culvert_replays_total counter\nculvert_replays_total 43", `culvert_build_info{version="v1.2.3"} 1`)
}

// stalled is a lifetime that ends as that of a client that takes nothing.
func stalled(t *testing.T) (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(t.Context())
	return ctx, func() { cancel(&domain.Bye{Reason: domain.ByeSlow, Cause: errors.New("took nothing")}) }
}

func TestSlowClientsAreCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New("v1")
		views := m.Viewer("sse", &endingViewer{&domain.Bye{Reason: domain.ByeSlow}})
		ctx, end := stalled(t)
		for range 2 {
			if _, err := views.View(ctx, ports.View{}); err != nil {
				t.Fatal(err)
			}
		}
		sentAway, err := views.View(ctx, ports.View{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sentAway.Next(ctx); err == nil {
			t.Fatal("the stream did not end")
		}
		if _, err := m.Queues("ws", &fakeQueues{}).Join(ctx, ports.Join{}); err != nil {
			t.Fatal(err)
		}
		gone, leave := context.WithCancel(t.Context())
		if _, err := views.View(gone, ports.View{}); err != nil {
			t.Fatal(err)
		}
		expect(t, m, `culvert_slow_streams_total{edge="sse",mode="view",reason="write"} 0`)
		end()
		leave()
		synctest.Wait()
		expect(t, m,
			`culvert_slow_streams_total{edge="sse",mode="view",reason="write"} 2`,
			`culvert_slow_streams_total{edge="sse",mode="view",reason="overflow"} 1`,
			`culvert_slow_streams_total{edge="ws",mode="join",reason="write"} 1`,
			`culvert_slow_streams_total{edge="ws",mode="join",reason="overflow"} 0`,
		)
	})
}

// endingViewer opens streams that end with err.
type endingViewer struct{ err error }

func (v *endingViewer) View(context.Context, ports.View) (ports.Stream, error) {
	return &endingStream{err: v.err}, nil
}

type endingStream struct {
	ports.Stream
	err error
}

func (s *endingStream) Next(context.Context) (ports.Batch, error) { return ports.Batch{}, s.err }
