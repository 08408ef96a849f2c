package chaos

import (
	"context"
	"slices"
	"sync"
	"time"

	"culvert/tests/client"
	"culvert/tests/oracle"
)

// membersHang lets members take all that they can hold and say nothing more: one whose connection lives, and one that is frozen, which reads nothing either.
func membersHang(x *trial) {
	const lease = 2 * time.Second
	given := newTries()
	x.addNode()
	x.habits.told = given.saw
	x.habits.dwell = func() time.Duration { return 20 * time.Millisecond } // else those who hang are hardly given anything
	x.underLoad(usual(), func(x *trial) {
		alive, frozen := hang(x, "alive"), hang(x, "frozen")
		alive.take(8, lease/2)
		held := alive.notes()
		x.step("a member hangs with %d messages, another is frozen", len(held))
		if took := x.goOn("while members hang"); took > 3*lease {
			x.Errorf("all went on only after %s, and a lease is %s", took, lease)
		}
		x.pass(lease)
		if !x.until(recovery, func() bool { return len(given.lacks(held)) == 0 }) {
			x.Errorf("these were held by a member that hangs, and have come to no other: %v", given.lacks(held))
		}
		if once := given.once(held); len(once) > 0 {
			x.Errorf("these came to others as if for the first time: %v", once)
		}
		alive.tooLate()
		x.step("what it held has gone to others")
		alive.ws.Close()
		frozen.ws.Close()
	})
	if letters := x.load.letters(); len(letters) > 0 {
		x.Errorf("%d messages are dead letters, such as %v: others could have handled them", len(letters), letters[0])
	}
}

// hung is a member that takes what it is given and says nothing of it.
type hung struct {
	*trial
	seen *oracle.Member
	ws   *client.WS
	held map[string]oracle.Note // by receipt
}

// hang lets a member join that reads nothing after it was let in, as if its process were frozen. It ends with the trial.
func hang(x *trial, name string) *hung {
	h := &hung{trial: x, seen: x.oracle.Member(queue, name), held: map[string]oracle.Note{}}
	ctx, cancel := context.WithTimeout(context.Background(), recovery)
	defer cancel()
	var err error
	if h.ws, err = client.OpenWS(ctx, x.url()+"/v1/ws", "culvert.v1.json"); err != nil {
		x.Fatal(err)
	}
	x.Cleanup(h.ws.Close)
	const most = 8
	if err := h.ws.Send(ctx, client.Frame{Op: "sub", ID: "sub", Sub: "s", Topic: x.name, Queue: queue, Ack: "manual", Max: most}); err != nil {
		x.Fatal(err)
	}
	if _, err := h.ws.Until(ctx, "ready"); err != nil {
		x.Fatal(err)
	}
	return h
}

// take takes so many messages, or what comes of them in time.
func (h *hung) take(n int, within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), recovery)
	defer cancel()
	for end := time.Now().Add(within); len(h.held) < n && time.Now().Before(end); {
		f, err := h.ws.Next(ctx)
		if err != nil {
			h.Fatalf("a member that hangs: %v", err)
		}
		h.told(f)
	}
}

func (h *hung) told(f client.Frame) {
	if f.Op != "msg" {
		return
	}
	n, err := oracle.ParseNote(*f.Text)
	if err != nil {
		h.Error(err)
		return
	}
	h.seen.Got(n)
	h.held[f.Receipt] = n
}

func (h *hung) notes() (all []oracle.Note) {
	for _, n := range h.held {
		all = append(all, n)
	}
	return all
}

// tooLate settles what is held, when that has gone to others: none of it is this member's any more.
func (h *hung) tooLate() {
	ctx, cancel := context.WithTimeout(context.Background(), recovery)
	defer cancel()
	var receipts []string
	for receipt := range h.held {
		receipts = append(receipts, receipt)
	}
	if err := h.ws.Send(ctx, client.Frame{Op: "done", ID: "late", Sub: "s", Receipts: receipts}); err != nil {
		h.Fatal(err)
	}
	for {
		f, err := h.ws.Next(ctx)
		if err != nil {
			h.Fatalf("the answer to who is late: %v", err)
		}
		h.told(f)
		if f.Op == "ok" {
			slices.Sort(f.Unknown)
			slices.Sort(receipts)
			if f.Settled != 0 || !slices.Equal(f.Unknown, receipts) {
				h.Errorf("of %d messages that had gone to others %d were settled, and %d unknown", len(receipts), f.Settled, len(f.Unknown))
			}
			return
		}
	}
}

// tries notes the attempts at which members were given messages.
type tries struct {
	mu   sync.Mutex // guards seen
	seen map[oracle.Note][]int
}

func newTries() *tries { return &tries{seen: map[oracle.Note][]int{}} }

func (t *tries) saw(n oracle.Note, attempt int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen[n] = append(t.seen[n], attempt)
}

// lacks are those of notes that were given to nobody, once are those that were given to somebody as if for the first time.
func (t *tries) lacks(notes []oracle.Note) (lacking []oracle.Note) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range notes {
		if len(t.seen[n]) == 0 {
			lacking = append(lacking, n)
		}
	}
	return lacking
}

func (t *tries) once(notes []oracle.Note) (once []oracle.Note) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range notes {
		if slices.Contains(t.seen[n], 1) {
			once = append(once, n)
		}
	}
	return once
}
