package access

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"testing"

	"culvert/domain"
	"culvert/ports"
)

var errBehind = errors.New("away")

// adminBehind is the service behind: what it gives tells one method from another.
type adminBehind struct{ *behind }

func (a adminBehind) List(_ context.Context, topic domain.Topic) ([]ports.QueueEntry, bool, error) {
	a.note("list of", topic)
	return []ports.QueueEntry{{Queue: "billing"}}, true, a.err
}

func (a adminBehind) Inspect(_ context.Context, topic domain.Topic, queue domain.Queue) (ports.QueueState, error) {
	a.note("inspect "+string(queue)+" of", topic)
	return ports.QueueState{Lag: 17}, a.err
}

func (a adminBehind) Reset(_ context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
	at, _ := to.Last()
	a.note("reset "+string(queue)+" to "+strconv.FormatInt(at, 10)+" of", topic)
	return []domain.Committed{{Place: 7}}, a.err
}

func (a adminBehind) Delete(_ context.Context, topic domain.Topic, queue domain.Queue) error {
	a.note("delete "+string(queue)+" of", topic)
	return a.err
}

func (a adminBehind) Redrive(_ context.Context, topic domain.Topic, queue domain.Queue, limit int64) (int64, error) {
	a.note("redrive "+strconv.FormatInt(limit, 10)+" "+string(queue)+" of", topic)
	return 3, a.err
}

// admins are what can be asked about a queue: each gives what it was told.
var admins = map[string]func(context.Context, ports.QueueAdmin, domain.Topic) (any, error){
	"list of": func(ctx context.Context, a ports.QueueAdmin, topic domain.Topic) (any, error) {
		queues, complete, err := a.List(ctx, topic)
		return []any{len(queues), complete}, err
	},
	"inspect billing of": func(ctx context.Context, a ports.QueueAdmin, topic domain.Topic) (any, error) {
		state, err := a.Inspect(ctx, topic, "billing")
		return state.Lag, err
	},
	"reset billing to 5 of": func(ctx context.Context, a ports.QueueAdmin, topic domain.Topic) (any, error) {
		return a.Reset(ctx, topic, "billing", domain.StartLast(5))
	},
	"delete billing of": func(ctx context.Context, a ports.QueueAdmin, topic domain.Topic) (any, error) {
		return "deleted", a.Delete(ctx, topic, "billing")
	},
	"redrive 9 billing of": func(ctx context.Context, a ports.QueueAdmin, topic domain.Topic) (any, error) {
		return a.Redrive(ctx, topic, "billing", 9)
	},
}

func TestWhoMayAdministerWhichQueues(t *testing.T) {
	for _, c := range []struct {
		who     string
		topic   domain.Topic
		through bool
	}{
		{"a stranger", "plain", true},
		{"a stranger", "hidden", false},
		{"a stranger", "nobodys", false},
		{"who came by a route", "hidden", true},
		{"who came by a route", "nobodys", false},
		{"who came by another route", "hidden", false},
		{"an operator", "hidden", true},
		{"an operator", "nobodys", true}, // the services refuse it
	} {
		for what, ask := range admins {
			direct, _ := ask(t.Context(), adminBehind{&behind{}}, c.topic)
			b := &behind{}
			got, err := ask(as(t.Context(), c.who), Closed(closed).QueueAdmin(adminBehind{b}), c.topic)
			switch {
			case c.through && (err != nil || len(b.came) != 1 || b.came[0] != what+" "+string(c.topic) || !reflect.DeepEqual(got, direct)):
				t.Errorf("%s, %s %s: %v, %v, %q came through", c.who, what, c.topic, got, err, b.came)
			case !c.through && (!errors.Is(err, errClosed) || len(b.came) != 0 || what != "delete billing of" && reflect.DeepEqual(got, direct)):
				t.Errorf("%s, %s %s: %v, %v, %q came through", c.who, what, c.topic, got, err, b.came)
			}
		}
	}
}

// graves is a service behind whose queues have their dead letters in a hidden topic.
type graves struct{ adminBehind }

func (graves) Inspect(context.Context, domain.Topic, domain.Queue) (ports.QueueState, error) {
	return ports.QueueState{MaxAttempts: 5, DeadLetter: "hidden"}, nil
}

// Who looked into a queue of an open topic was told the name of a hidden one.
func TestWhereDeadLettersGoIsToldToWhoMayKnow(t *testing.T) {
	for who, want := range map[string]domain.Topic{"a stranger": "", "who came by a route": "hidden", "an operator": "hidden"} {
		state, err := Closed(closed).QueueAdmin(graves{adminBehind{&behind{}}}).Inspect(as(t.Context(), who), "plain", "billing")
		if err != nil || state.DeadLetter != want || state.MaxAttempts != 5 {
			t.Errorf("%s: %+v, %v; want %q", who, state, err, want)
		}
	}
}

// What was done before an error is told with it: a redrive that ends early has sent some back.
func TestWhatTheServiceSaysOfQueuesIsLeftAsItIs(t *testing.T) {
	b := &behind{err: errBehind}
	for what, ask := range admins {
		direct, _ := ask(t.Context(), adminBehind{b}, "plain")
		if got, err := ask(t.Context(), Closed(closed).QueueAdmin(adminBehind{b}), "plain"); !errors.Is(err, errBehind) || !reflect.DeepEqual(got, direct) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
}

func TestWhereAPeekBegins(t *testing.T) {
	b := &behind{}
	start, err := Closed(closed).Queues(queuesBehind{b}).Peek(as(t.Context(), "who came by a route"), "hidden", "billing")
	if err != nil || !start.Earliest() || len(b.came) != 1 || b.came[0] != "peek into billing of hidden" {
		t.Errorf("%v, %v, %q came through", start, err, b.came)
	}
	if start, err := Closed(closed).Queues(queuesBehind{b}).Peek(t.Context(), "hidden", "billing"); !errors.Is(err, errClosed) || start.Earliest() {
		t.Errorf("a stranger: %v, %v", start, err)
	}
}
