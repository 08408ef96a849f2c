package queue_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
)

// undecided is a fakeBroker that says what became of dead letters when it is told to.
type undecided struct {
	*fakeBroker
	prompt bool // it confirms at once

	open   []*letter                // not decided yet; guarded by the fakeBroker's mu, as is what follows
	known  map[domain.Position]bool // letters that were confirmed
	last   map[domain.Position]time.Time
	failed map[domain.Position]time.Time
	wrong  string // a letter that should not have been sent
}

// letter is one try to bury a message.
type letter struct {
	at   domain.Position
	done func(err error)
}

func newUndecided(prompt bool) *undecided {
	return &undecided{
		fakeBroker: newBroker(0), prompt: prompt, known: map[domain.Position]bool{},
		last: map[domain.Position]time.Time{}, failed: map[domain.Position]time.Time{},
	}
}

func (b *undecided) Publish(_ context.Context, _ domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
	for i, m := range batch {
		l := &letter{done: func(err error) { done(i, domain.Ack{}, err) }}
		for _, h := range m.Headers {
			switch h.Name {
			case "culvert-dead-partition":
				fmt.Sscan(string(h.Value), &l.at.Partition)
			case "culvert-dead-offset":
				fmt.Sscan(string(h.Value), &l.at.Offset)
			}
		}
		b.take(l)
		if b.prompt {
			b.decide(l, nil)
		}
	}
}

// take notes a letter. It may be sent again a second after a failure, or after 30s of silence.
func (b *undecided) take(l *letter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	sent, again := b.last[l.at]
	failed := b.failed[l.at]
	refused := !failed.Before(sent) && time.Since(failed) >= time.Second
	if b.known[l.at] || again && !refused && time.Since(sent) < 30*time.Second {
		b.wrong = fmt.Sprintf("%v was buried again", l.at)
	}
	b.last[l.at] = time.Now()
	b.open = append(b.open, l)
}

// decide tells what became of a letter.
func (b *undecided) decide(l *letter, err error) {
	b.mu.Lock()
	b.open = slices.DeleteFunc(slices.Clone(b.open), func(x *letter) bool { return x == l })
	if err == nil {
		b.known[l.at] = true
	} else {
		b.failed[l.at] = time.Now()
	}
	b.mu.Unlock()
	l.done(err)
}

func (b *undecided) waiting() []*letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

// buried are the messages whose letters were confirmed.
func (b *undecided) buried(t *rapid.T) map[domain.Position]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wrong != "" {
		t.Fatal(b.wrong)
	}
	return maps.Clone(b.known)
}
