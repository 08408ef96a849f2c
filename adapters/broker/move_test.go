package broker

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
)

// worked makes a queue that has settled the first, the third and the fourth of six messages, and that nobody is in.
func worked(t *testing.T, p *Pair) {
	t.Helper()
	s := join(t, p, earliest())
	c := s.claim(t)
	mustPublish(t, p, "orders", "0", "1", "2", "3", "4", "5")
	for fetched := 0; fetched < 6; {
		haul, err := c.Fetch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fetched += len(haul.Messages)
	}
	c.Settle(0, 2, 3)
	s.leave()
}

func move(t *testing.T, p *Pair, to domain.Start) domain.Committed {
	t.Helper()
	got, err := p.Move(t.Context(), "orders", "billing", to)
	if err != nil || len(got) != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	return got[0]
}

// at is the start at an offset of the topic orders, made by change another one.
func at(t *testing.T, p *Pair, place domain.Place, change func(v *domain.Vector)) domain.Start {
	t.Helper()
	info, err := p.Describe(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	v := domain.NewVector(info.Epoch, place)
	if change != nil {
		change(v)
	}
	return domain.StartVector(v)
}

func TestProgress(t *testing.T) {
	p := newTestPair(t, newBackend(), nil)
	_, err := p.Progress(t.Context(), "orders", "billing")
	expectCode(t, err, domain.UnknownTopic)
	mustPublish(t, p, "orders", "before")
	_, err = p.Progress(t.Context(), "orders", "billing")
	expectCode(t, err, domain.UnknownQueue)
	expectQueues(t, p, "orders") // asking has made none

	p = newTestPair(t, newBackend(), nil)
	worked(t, p)
	got, err := p.Progress(t.Context(), "orders", "billing")
	if err != nil || got.Lag != 5 || got.Order != "" || got.Epoch == 0 || !slices.Equal(got.Partitions, []domain.Committed{{Extent: domain.Extent{End: 6}, Place: 1}}) {
		t.Fatalf("got %+v, %v", got, err)
	}
}

// What was settled beyond the old place is given again after a move, wherever that goes; what comes after the new place is given once.
func TestMove(t *testing.T) {
	old := time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		to    domain.Start
		place int64
		want  string
	}{
		"earliest": {domain.StartEarliest(), 0, "0 1 2 3 4 5"},
		"latest":   {domain.StartLatest(), 6, ""},
		"last":     {domain.StartLast(2), 4, "4 5"},
		"time":     {domain.StartTime(old), 0, "0 1 2 3 4 5"},
		"future":   {domain.StartTime(time.Now().Add(time.Hour)), 6, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTestPair(t, newBackend(), func(c *Config) { c.ReceiptPosition = true })
			worked(t, p)
			if got := move(t, p, c.to); got != (domain.Committed{Extent: domain.Extent{End: 6}, Place: c.place}) {
				t.Fatalf("moved to %+v", got)
			}
			expectGiven(t, p, c.want)
		})
	}
	for next, want := range map[int64]string{0: "0 1 2 3 4 5", 1: "1 2 3 4 5", 3: "3 4 5", 6: ""} {
		p := newTestPair(t, newBackend(), func(c *Config) { c.ReceiptPosition = true })
		worked(t, p)
		if got := move(t, p, at(t, p, domain.Place{Next: next}, nil)); got.Place != next {
			t.Fatalf("moved to %+v, want %d", got, next)
		}
		expectGiven(t, p, want)
	}
}

// expectGiven joins the queue and checks what there is for it, which ends with a message of its own.
func expectGiven(t *testing.T, p *Pair, want string) {
	t.Helper()
	s := join(t, p, nil)
	defer s.leave()
	c := s.claim(t)
	if want != "" {
		if got, lost := fetch(t, c); got != want || lost != 0 {
			t.Errorf("got %q, lost %d; want %q", got, lost, want)
		}
	}
	mustPublish(t, p, "orders", "more")
	if got, lost := fetch(t, c); got != "more" || lost != 0 {
		t.Errorf("then got %q, lost %d", got, lost)
	}
}

func TestMoveToWhatTheTopicNeverHad(t *testing.T) {
	p := newTestPair(t, newBackend(), func(c *Config) { c.ReceiptPosition = true })
	_, err := p.Move(t.Context(), "orders", "billing", domain.StartLatest())
	expectCode(t, err, domain.UnknownTopic)
	worked(t, p)
	_, err = p.Move(t.Context(), "orders", "other", domain.StartLatest())
	expectCode(t, err, domain.UnknownQueue)
	for name, to := range map[string]domain.Start{
		"another epoch":  at(t, p, domain.Place{Next: 2}, func(v *domain.Vector) { v.Epoch++ }),
		"beyond the end": at(t, p, domain.Place{Next: 7}, nil),
		// It was taken for a cursor that knows of no place, and the queue was moved to the first message.
		"another partition": at(t, p, domain.Place{Partition: 1, Next: 2}, nil),
	} {
		_, err := p.Move(t.Context(), "orders", "billing", to)
		if domain.CodeOf(err) != domain.InvalidCursor {
			t.Errorf("%s: %v", name, err)
		}
	}
	expectGiven(t, p, "1 4 5") // so that nothing was moved
}

// A place that retention has overtaken is kept, and the next member is told of each message that it will not see, those too that were settled before the move.
func TestMoveToAPlaceThatWasOvertaken(t *testing.T) {
	p := newTestPair(t, newBackend(), func(c *Config) { c.LogMessages = 3; c.ReceiptPosition = true })
	s := join(t, p, earliest())
	c := s.claim(t)
	for _, text := range []string{"0", "1", "2", "3", "4"} {
		mustPublish(t, p, "orders", text)
		if got, lost := fetch(t, c); got != text || lost != 0 {
			t.Fatalf("got %q, lost %d", got, lost)
		}
	}
	c.Settle(0, 1, 2, 3, 4)
	s.leave()
	if got := move(t, p, at(t, p, domain.Place{Next: 1}, nil)); got != (domain.Committed{Extent: domain.Extent{First: 2, End: 5}, Place: 1}) {
		t.Fatalf("moved to %+v", got)
	}
	mustPublish(t, p, "orders", "5", "6") // takes two more away
	if got, err := p.Progress(t.Context(), "orders", "billing"); err != nil || got.Lag != 6 || got.Partitions[0].Place != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if got, lost := fetch(t, join(t, p, nil).claim(t)); got != "4 5 6" || lost != 3 {
		t.Fatalf("got %q, lost %d", got, lost)
	}
}

// Retention took everything, so that there is a gap and nothing after it.
func TestMoveWithinALogThatIsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPair(t, newBackend(), func(c *Config) { c.LogAge = time.Minute; c.ReceiptPosition = true })
		worked(t, p)
		time.Sleep(time.Hour)
		if got := move(t, p, at(t, p, domain.Place{Next: 0}, nil)); got != (domain.Committed{Extent: domain.Extent{First: 6, End: 6}}) {
			t.Fatalf("moved to %+v", got)
		}
		c := join(t, p, nil).claim(t)
		if got, lost := fetch(t, c); got != "" || lost != 6 {
			t.Fatalf("got %q, lost %d", got, lost)
		}
		mustPublish(t, p, "orders", "6")
		if got, lost := fetch(t, c); got != "6" || lost != 0 {
			t.Fatalf("got %q, lost %d", got, lost)
		}
	})
}

// Of a cursor that is known as a time only, nobody can count what retention took.
func TestMoveToATimeThatWasOvertaken(t *testing.T) {
	p := newTestPair(t, newBackend(), func(c *Config) { c.LogMessages = 3; c.ReceiptPosition = true })
	since := time.Now().Add(-time.Hour)
	s := join(t, p, nil)
	s.claim(t)
	s.leave()
	mustPublish(t, p, "orders", "0", "1", "2", "3", "4", "5")
	if got := move(t, p, at(t, p, domain.Place{Since: since}, nil)); got != (domain.Committed{Extent: domain.Extent{First: 3, End: 6}, Place: 3}) {
		t.Fatalf("moved to %+v", got)
	}
	c := join(t, p, nil).claim(t)
	if got, lost := fetch(t, c); got != "" || lost != domain.LostUnknown {
		t.Fatalf("got %q, lost %d", got, lost)
	}
	if got, lost := fetch(t, c); got != "3 4 5" || lost != 0 {
		t.Fatalf("got %q, lost %d", got, lost)
	}
}

// A gap at the queue's old beginning says nothing of the new place.
func TestMoveForgetsAGapThatNobodyWasTold(t *testing.T) {
	p := newTestPair(t, newBackend(), func(c *Config) { c.ReceiptPosition = true })
	mustPublish(t, p, "orders", "0")
	foreign := domain.StartVector(domain.NewVector(1, domain.Place{Next: 9}))
	s := join(t, p, &foreign)
	s.claim(t)
	s.leave()
	move(t, p, domain.StartEarliest())
	if got, lost := fetch(t, join(t, p, nil).claim(t)); got != "0" || lost != 0 {
		t.Fatalf("got %q, lost %d", got, lost)
	}
}

func TestOccupiedQueueIsNeitherMovedNorForgotten(t *testing.T) {
	p := newTestPair(t, newBackend(), nil)
	s := join(t, p, nil)
	s.claim(t)
	standby := join(t, p, nil)
	standby.event(t)
	for _, m := range []seat{s, standby} {
		_, err := p.Move(t.Context(), "orders", "billing", domain.StartEarliest())
		expectCode(t, err, domain.Conflict)
		expectCode(t, p.Forget(t.Context(), "orders", "billing"), domain.Conflict)
		m.leave()
	}
	move(t, p, domain.StartEarliest())
}

func TestForget(t *testing.T) {
	p := newTestPair(t, newBackend(), func(c *Config) { c.ReceiptPosition, c.Queues = true, 1 })
	expectCode(t, p.Forget(t.Context(), "orders", "billing"), domain.UnknownTopic)
	worked(t, p)
	expectCode(t, p.Forget(t.Context(), "orders", "other"), domain.UnknownQueue)
	if err := p.Forget(t.Context(), "orders", "billing"); err != nil {
		t.Fatal(err)
	}
	expectCode(t, p.Forget(t.Context(), "orders", "billing"), domain.UnknownQueue)
	_, err := p.Progress(t.Context(), "orders", "billing")
	expectCode(t, err, domain.UnknownQueue)
	expectQueues(t, p, "orders")
	// Its room is free again, and it begins where its first member says.
	if got, lost := fetch(t, join(t, p, earliest()).claim(t)); got != "0 1 2 3 4 5" || lost != 0 {
		t.Fatalf("got %q, lost %d", got, lost)
	}
}

// Nobody is left in a queue that is not there any more: who has joined, be it while the queue was being forgotten, is in the one that is listed, and keeps it from being forgotten.
func TestJoinRacesWithForget(t *testing.T) {
	p := newTestPair(t, newBackend(), nil)
	mustPublish(t, p, "orders", "0")
	orders, err := p.known("orders")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	var others sync.WaitGroup
	meanwhile := func(do func() error) {
		others.Go(func() { // ends with over
			for {
				select {
				case <-over:
					return
				default:
				}
				if err := do(); err != nil && domain.CodeOf(err) != domain.UnknownQueue && domain.CodeOf(err) != domain.Conflict {
					t.Error(err)
				}
			}
		})
	}
	for range 4 {
		meanwhile(func() error { return p.Forget(t.Context(), "orders", "billing") })
	}
	meanwhile(func() error {
		_, err := p.Move(t.Context(), "orders", "billing", domain.StartEarliest())
		return err
	})
	var joining sync.WaitGroup
	for range 4 {
		joining.Go(func() {
			for range 5000 {
				q, m, err := orders.join("billing", nil)
				if err != nil {
					t.Error(err)
					return
				}
				if listed, err := p.queue("orders", "billing"); err != nil || listed != q {
					t.Errorf("a member is in a queue that was forgotten: %v", err)
				}
				q.leave(m)
			}
		})
	}
	joining.Wait()
	close(over)
	others.Wait()
}

func TestQueuesOfABackendThatIsAway(t *testing.T) {
	b := newBackend()
	b.subscribeErr = errDown
	p := newTestPair(t, b, nil)
	expectCode(t, publish(t, p, "orders", texts("x")...)[0].err, domain.Unavailable)
	_, err := p.Progress(t.Context(), "orders", "billing")
	expectCode(t, err, domain.Unavailable)
	_, err = p.Move(t.Context(), "orders", "billing", domain.StartLatest())
	expectCode(t, err, domain.Unavailable)
	expectCode(t, p.Forget(t.Context(), "orders", "billing"), domain.Unavailable)
}

// A subscription that broke takes nothing from the queues: the log is ours.
func TestMoveWhileTheSubscriptionIsBroken(t *testing.T) {
	b := newBackend()
	p := newTestPair(t, b, func(c *Config) { c.ReceiptPosition = true })
	worked(t, p)
	b.set(func(b *backend) { b.subscribeErr = errDown })
	b.cut("orders")
	if got := move(t, p, domain.StartEarliest()); got.Place != 0 {
		t.Fatalf("moved to %+v", got)
	}
	if got, lost := fetch(t, join(t, p, nil).claim(t)); got != "0 1 2 3 4 5" || lost != 0 {
		t.Fatalf("got %q, lost %d", got, lost)
	}
}
