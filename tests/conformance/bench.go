package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/domain"
)

// bench is the subject as one case has it.
type bench struct {
	Subject
	t testing.TB
}

func (b *bench) topic() domain.Topic { return b.Topic(b.t) }

func (b *bench) can(topic domain.Topic, c domain.Capability) bool {
	return b.Broker.Capabilities(topic).Has(c)
}

// publish publishes messages in one batch and returns when each has been answered; it fails when one failed, or was answered twice.
func (b *bench) publish(ctx context.Context, topic domain.Topic, messages ...*domain.Message) ([]domain.Ack, error) {
	p := b.begin(ctx, topic, messages)
	return p.wait(ctx)
}

// begin publishes a batch without waiting for its answers.
func (b *bench) begin(ctx context.Context, topic domain.Topic, messages []*domain.Message) *pending {
	p := &pending{acks: make([]domain.Ack, len(messages)), errs: make([]error, len(messages)), counts: make([]int, len(messages)), left: len(messages), all: make(chan struct{})}
	if len(messages) == 0 {
		close(p.all)
	}
	b.Broker.Publish(ctx, topic, messages, p.answer)
	return p
}

// pending is a batch on its way.
type pending struct {
	all chan struct{} // closed when each message has been answered

	mu     sync.Mutex // guards what follows
	acks   []domain.Ack
	errs   []error
	counts []int
	left   int
}

func (p *pending) answer(i int, ack domain.Ack, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[i]++
	p.acks[i], p.errs[i] = ack, err
	if p.counts[i] == 1 {
		if p.left--; p.left == 0 {
			close(p.all)
		}
	}
}

func (p *pending) wait(ctx context.Context) ([]domain.Ack, error) {
	select {
	case <-p.all:
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left > 0 {
		return nil, fmt.Errorf("%d of %d messages were never answered", p.left, len(p.counts))
	}
	for i, n := range p.counts {
		if n > 1 {
			return nil, fmt.Errorf("message %d was answered %d times", i, n)
		}
		if p.errs[i] != nil {
			return p.acks, fmt.Errorf("message %d was not confirmed: %w", i, p.errs[i])
		}
	}
	return p.acks, nil
}

// numbered are n messages, spread over n keys at most, whose payload is their number.
func numbered(from, n int) []*domain.Message {
	const keys = 16
	messages := make([]*domain.Message, n)
	for i := range messages {
		messages[i] = &domain.Message{Key: fmt.Appendf(nil, "key-%d", (from+i)%keys), Payload: fmt.Append(nil, from+i), Time: someTime.Add(time.Duration(from+i) * time.Second)}
	}
	return messages
}

// someTime is when the first numbered message was made, a second before the next one. It lies so far in the past that ten thousand of them do too, since a broker may refuse what
// comes from the future, but not so far that its retention takes it.
var someTime = time.Now().Add(-4 * time.Hour).UTC().Truncate(time.Second)

// expectCode fails unless err has the code.
func expectCode(what string, err error, want domain.Code) error {
	if err == nil {
		return fmt.Errorf("%s: no error, want %s", what, want)
	}
	var e *domain.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w is no domain.Error", what, err)
	}
	if e.Code != want {
		return fmt.Errorf("%s: %w, want %s", what, err, want)
	}
	return nil
}

// expectRefusal is expectCode for what is refused of topic. What strangers are told names it in quotes, alone or before a colon, or not at all: elsewhere routing would not find it, and show what a topic
// of another name is called in its broker.
func expectRefusal(what string, topic domain.Topic, err error, want domain.Code) error {
	if err := expectCode(what, err, want); err != nil {
		return err
	}
	detail := domain.AsError(err).Detail
	if strings.Contains(strings.NewReplacer(`"`+string(topic)+`"`, "", `"`+string(topic)+`:`, "").Replace(detail), string(topic)) {
		return fmt.Errorf("%s: %q names the topic where nothing can hide it", what, detail)
	}
	return nil
}
