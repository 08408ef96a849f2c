package access

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errClosed = domain.Errorf(domain.NotAllowed, "closed")

// closed has one topic that is hidden, and one that nobody may use: from here they look alike.
func closed(topic domain.Topic) error {
	if topic == "hidden" || topic == "nobodys" {
		return errClosed
	}
	return nil
}

// behind stands for the services: it notes what came through.
type behind struct {
	came  []string
	view  ports.View
	lists []ports.TopicEntry
	err   error
}

func (b *behind) note(what string, topic domain.Topic) {
	b.came = append(b.came, what+" "+string(topic))
}

func (b *behind) View(_ context.Context, v ports.View) (ports.Stream, error) {
	b.note("view", domain.Topic(v.Topics[0]))
	b.view = v
	return nil, nil
}

func (b *behind) Describe(_ context.Context, topic domain.Topic) (domain.TopicInfo, error) {
	b.note("describe", topic)
	return domain.TopicInfo{}, nil
}

func (b *behind) List(context.Context) ([]ports.TopicEntry, bool, error) {
	return slices.Clone(b.lists), true, b.err
}

func (b *behind) Open(_ context.Context, answer func([]ports.Outcome)) ports.Injection {
	return &window{b: b, answer: answer}
}

type window struct {
	b      *behind
	n      uint64
	answer func([]ports.Outcome)
}

func (w *window) Put(_ context.Context, topic domain.Topic, _ *domain.Message, id string) (uint64, error) {
	w.b.note("put", topic)
	w.n++
	w.answer([]ports.Outcome{{N: w.n, ID: id}})
	return w.n, nil
}

func (w *window) Reject(_ context.Context, id string, err error) (uint64, error) {
	w.n++
	w.answer([]ports.Outcome{{N: w.n, ID: id, Err: err}})
	return w.n, nil
}

func (w *window) Send() {}

func (w *window) Flush(context.Context) error { return nil }

// queuesBehind are those of behind.
type queuesBehind struct{ *behind }

func (q queuesBehind) Join(_ context.Context, j ports.Join) (ports.Member, error) {
	q.note("join", j.Topic)
	return nil, nil
}

func (q queuesBehind) Settler(stream string) (ports.Settler, error) {
	q.note("settle", domain.Topic(stream))
	return nil, nil
}

func (q queuesBehind) Peek(_ context.Context, topic domain.Topic, queue domain.Queue) (domain.Start, error) {
	q.note("peek into "+string(queue)+" of", topic)
	return domain.StartEarliest(), nil
}

// useAll names topic in every way there is, gives what came through, and wants all of it to be the same error where it did not.
func useAll(ctx context.Context, t *testing.T, topic domain.Topic) []string {
	t.Helper()
	b, c := &behind{}, Closed(closed)
	_, viewErr := c.Viewer(b).View(ctx, ports.View{Topics: []domain.Pattern{domain.Pattern(topic)}})
	_, joinErr := c.Queues(queuesBehind{b}).Join(ctx, ports.Join{Topic: topic})
	_, peekErr := c.Queues(queuesBehind{b}).Peek(ctx, topic, "billing")
	_, describeErr := c.Topics(b).Describe(ctx, topic)
	var outcome ports.Outcome
	injection := c.Injector(b).Open(ctx, func(some []ports.Outcome) { outcome = some[0] })
	if n, err := injection.Put(ctx, topic, &domain.Message{}, "7"); n != 1 || err != nil || outcome.N != 1 || outcome.ID != "7" {
		t.Errorf("%s: put as %d, %v; answered %+v", topic, n, err, outcome)
	}
	for _, err := range []error{viewErr, joinErr, peekErr, describeErr, outcome.Err} {
		if (err == nil) != (viewErr == nil) || err != nil && !errors.Is(err, errClosed) {
			t.Errorf("%s: %v, %v, %v, %v, %v", topic, viewErr, joinErr, peekErr, describeErr, outcome.Err)
			break
		}
	}
	return b.came
}

// as is the context of somebody's request.
func as(ctx context.Context, who string) context.Context {
	switch who {
	case "who came by a route":
		return edge.Reaching(ctx, "hidden")
	case "who came by another route":
		return edge.Reaching(ctx, "plain")
	case "an operator":
		return edge.ReachingAll(ctx)
	}
	return ctx
}

func TestWhoMayNameWhat(t *testing.T) {
	for _, c := range []struct {
		who     string
		topic   domain.Topic
		through bool
	}{
		{"a stranger", "plain", true},
		{"a stranger", "hidden", false},
		{"a stranger", "nobodys", false},
		{"who came by a route", "hidden", true},
		{"who came by a route", "plain", true},
		{"who came by a route", "nobodys", false},
		{"who came by another route", "hidden", false},
		{"an operator", "hidden", true},
		{"an operator", "nobodys", true}, // the services refuse it
	} {
		came, want := useAll(as(t.Context(), c.who), t, c.topic), 0
		if c.through {
			want = 5
		}
		if len(came) != want {
			t.Errorf("%s with %s: %q came through", c.who, c.topic, came)
		}
	}
}

func TestOneOfSeveralTopicsIsClosed(t *testing.T) {
	b := &behind{}
	viewer := Closed(closed).Viewer(b)
	if _, err := viewer.View(t.Context(), ports.View{Topics: []domain.Pattern{"plain", "p*", "hidden"}}); !errors.Is(err, errClosed) || b.came != nil {
		t.Errorf("%v, %q", err, b.came)
	}
	if _, err := viewer.View(t.Context(), ports.View{Topics: []domain.Pattern{"hid*"}}); err != nil {
		t.Errorf("a pattern: %v", err)
	}
}

// A cursor is a stranger's word: one that names a hidden topic below a pattern would have opened it.
func TestACursorOpensNothing(t *testing.T) {
	b := &behind{}
	vector := domain.NewVector(9, domain.Place{Next: 5})
	cursor := domain.CursorOf("hidden", vector).With("hid*", vector).With("plain", vector)
	cursor.End = true
	view := ports.View{Topics: []domain.Pattern{"hid*", "plain"}, Resume: &cursor}
	for who, want := range map[string]int{"a stranger": 2, "who came by a route": 3, "an operator": 3} {
		if _, err := Closed(closed).Viewer(b).View(as(t.Context(), who), view); err != nil {
			t.Fatal(err)
		}
		if got := b.view.Resume; len(got.Topics) != want || !got.End || got.Has("hidden") != (want == 3) || !got.Has("hid*") || !got.Has("plain") {
			t.Errorf("resumes from %+v", got)
		}
	}
	if len(cursor.Topics) != 3 {
		t.Error("the caller's cursor has changed")
	}
}

func TestTheListIsWithoutHiddenTopics(t *testing.T) {
	b := &behind{lists: []ports.TopicEntry{{Topic: "hidden", Hidden: true}, {Topic: "plain"}}}
	topics := Closed(closed).Topics(b)
	for who, want := range map[string]int{"a stranger": 1, "who came by a route": 1, "an operator": 2} {
		entries, complete, err := topics.List(as(t.Context(), who))
		if len(entries) != want || entries[want-1].Topic != "plain" || !complete || err != nil {
			t.Errorf("%s sees %v, %t, %v", who, entries, complete, err)
		}
	}
	b.err = errors.New("away")
	if _, _, err := topics.List(t.Context()); !errors.Is(err, b.err) {
		t.Errorf("%v", err)
	}
}

// An injection looks at a topic once, and again when it is another.
func TestTopicsInTurn(t *testing.T) {
	b := &behind{}
	var failed []uint64
	injection := Closed(closed).Injector(b).Open(t.Context(), func(some []ports.Outcome) {
		if some[0].Err != nil {
			failed = append(failed, some[0].N)
		}
	})
	for _, topic := range []domain.Topic{"plain", "plain", "hidden", "plain", "hidden", "hidden"} {
		if _, err := injection.Put(t.Context(), topic, &domain.Message{}, ""); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(failed, []uint64{3, 5, 6}) || len(b.came) != 3 {
		t.Errorf("refused are %v, %q came through", failed, b.came)
	}
}

func TestSettlingIsLeftAlone(t *testing.T) {
	b := &behind{}
	if _, err := Closed(closed).Queues(queuesBehind{b}).Settler("s_1"); err != nil || len(b.came) != 1 {
		t.Errorf("%v, %q", err, b.came)
	}
}

// asks is an edge that tells what its requests reach.
type asks struct{}

func (asks) Register(e *echo.Echo) {
	e.GET("/v1/topics", edge.Handle(func(w http.ResponseWriter, r *http.Request) error {
		if edge.ReachesAll(r.Context()) && edge.Reaches(r.Context(), "hidden") {
			w.WriteHeader(http.StatusTeapot)
		}
		return nil
	}))
}

func TestOperatorsReachAll(t *testing.T) {
	for want, mounted := range map[int][]edge.Routes{http.StatusTeapot: {asks{}, Operators{}}, http.StatusOK: {asks{}}} {
		server, err := edge.New(edge.DefaultConfig(), domain.DefaultLimits(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		server.Mount(mounted...)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/topics", strings.NewReader(""))
		r.Host = "localhost"
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%d, want %d", w.Code, want)
		}
	}
}
