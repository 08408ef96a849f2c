package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// refusalTime is how long a broker that cannot be reached may take to say so.
const refusalTime = 20 * time.Second

// retryTime is how often a server that is starting is tried.
const retryTime = 100 * time.Millisecond

// checkUnreachable: where the server is not there, everything is Unavailable, soon.
func checkUnreachable(ctx context.Context, b *bench) error {
	if b.InProcess || b.Unreachable == nil {
		return b.withoutServer("Unreachable", b.Unreachable == nil)
	}
	away := &bench{Subject: b.Subject, t: b.t}
	away.Broker = b.Unreachable(b.t)
	const topic domain.Topic = "conformance-unreachable"
	var problems []error
	for _, use := range []struct {
		what string
		try  func(ctx context.Context) error
	}{
		// Some brokers can only be seen to be away when they are used, so these come first.
		{"publish", func(ctx context.Context) error {
			// It may wait for its deadline, since the server may come back.
			deadline, cancel := context.WithTimeout(ctx, refusalTime/2)
			defer cancel()
			_, err := away.begin(deadline, topic, numbered(0, 1)).wait(ctx)
			return err
		}},
		{"tail", func(ctx context.Context) error {
			_, _, err := away.Broker.Tail(ctx, topic, domain.StartLatest())
			return err
		}},
		{"join", func(ctx context.Context) error { _, err := away.join(ctx, topic, queue, nil); return err }},
		{"describe", func(ctx context.Context) error { _, err := away.Broker.Describe(ctx, topic); return err }},
		{"ping", away.Broker.Ping},
		{"topics", func(ctx context.Context) error {
			if c, ok := away.Broker.(ports.Catalogue); ok && away.can(topic, domain.Catalogue) {
				_, err := c.Topics(ctx)
				return err
			}
			return away.Broker.Ping(ctx)
		}},
		{"queues", func(ctx context.Context) error {
			if c, ok := away.Broker.(ports.QueueCatalogue); ok && (away.can(topic, domain.Catalogue) || away.can(topic, domain.Lag)) {
				_, err := c.Queues(ctx, topic)
				return err
			}
			return away.Broker.Ping(ctx)
		}},
		{"progress", func(ctx context.Context) error {
			if k, ok := away.Broker.(ports.QueueKeeper); ok {
				_, err := k.Progress(ctx, topic, queue)
				return err
			}
			return away.Broker.Ping(ctx)
		}},
		{"forget", func(ctx context.Context) error {
			if k, ok := away.Broker.(ports.QueueKeeper); ok {
				return k.Forget(ctx, topic, queue)
			}
			return away.Broker.Ping(ctx)
		}},
		{"move", func(ctx context.Context) error {
			if m, ok := away.Broker.(ports.QueueMover); ok && away.can(topic, domain.Reset) {
				_, err := m.Move(ctx, topic, queue, domain.StartLatest())
				return err
			}
			return away.Broker.Ping(ctx)
		}},
		{"ensuring a queue", func(ctx context.Context) error {
			if c, ok := away.Broker.(ports.QueueCreator); ok && away.QueuesBeginAtEnd {
				return c.EnsureQueue(ctx, topic, queue)
			}
			return away.Broker.Ping(ctx)
		}},
	} {
		limited, cancel := context.WithTimeout(ctx, refusalTime)
		err := expectCode(use.what, use.try(limited), domain.Unavailable)
		if limited.Err() != nil {
			err = fmt.Errorf("%s took longer than %s to say that the broker is not there", use.what, refusalTime)
		}
		cancel()
		problems = append(problems, err)
	}
	return errors.Join(append(problems, away.Broker.Close(ctx))...)
}

// withoutServer passes a broker over that has no server. One that is not declared so must be tried.
func (b *bench) withoutServer(hook string, missing bool) error {
	switch {
	case b.InProcess && !missing:
		return fmt.Errorf("the subject is declared InProcess, but gives %s", hook)
	case !b.InProcess && missing:
		return fmt.Errorf("the subject gives no %s, and is not declared InProcess", hook)
	default:
		return nil
	}
}

// checkOutage: a server that goes and comes back costs time and nothing that was confirmed; readers and members outlive it.
func checkOutage(ctx context.Context, b *bench) error {
	if b.InProcess || b.Outage == nil {
		return b.withoutServer("Outage", b.Outage == nil)
	}
	s, stop := b.Outage(b.t)
	return (&bench{Subject: s, t: b.t}).outlives(ctx, stop)
}

// outlives stops the server amid traffic, and starts it again.
func (b *bench) outlives(ctx context.Context, stop func() (start func())) error {
	topic := b.topic()
	r, err := b.tail(ctx, topic, domain.StartLatest())
	if err != nil {
		return err
	}
	defer r.stop()
	s, err := b.join(ctx, topic, queue, nil)
	if err != nil {
		return err
	}
	if _, err := b.publish(ctx, topic, numbered(0, 20)...); err != nil {
		return errors.Join(err, s.leave())
	}
	start := stop()
	// What is published now is answered for: confirmed when the server is back, or not at all.
	underWay := b.begin(ctx, topic, numbered(20, 20))
	start()
	_, _ = underWay.wait(ctx)
	underWay.mu.Lock()
	if underWay.left > 0 {
		err = fmt.Errorf("%d messages were never answered", underWay.left)
	}
	for i, e := range underWay.errs {
		if e == nil {
			continue
		}
		if code := domain.CodeOf(e); code != domain.Unavailable && code != domain.Timeout {
			err = errors.Join(err, fmt.Errorf("message %d: %w", i, e))
		}
	}
	underWay.mu.Unlock()
	if err != nil {
		return errors.Join(err, s.leave())
	}
	return errors.Join(b.survived(ctx, topic, r, s, underWay), s.leave())
}

// survived publishes until the broker takes messages again, and reads all that was confirmed.
func (b *bench) survived(ctx context.Context, topic domain.Topic, r *reader, s *seat, underWay *pending) error {
	for {
		_, err := b.publish(ctx, topic, numbered(40, 1)...)
		if err == nil {
			break
		}
		select {
		case <-time.After(retryTime):
		case <-ctx.Done():
			return fmt.Errorf("the broker takes nothing after the outage: %w", err)
		}
	}
	must := map[string]bool{"40": true}
	for i := range 20 {
		must[fmt.Sprint(i)] = true
		if underWay.errs[i] == nil {
			must[fmt.Sprint(20+i)] = true
		}
	}
	left := len(must)
	for left > 0 {
		chunk, err, ok := r.next()
		if err != nil || !ok {
			return errors.Join(errors.New("the reader did not outlive the outage"), err)
		}
		if err := r.check(chunk); err != nil {
			return err
		}
		if chunk.Gap != nil && !b.can(topic, domain.History) && !must["41"] {
			// What nobody keeps is lost to a reader that was away, and told. From here on it misses nothing.
			if _, err := b.publish(ctx, topic, numbered(41, 1)...); err != nil {
				return err
			}
			must, left = map[string]bool{"41": true}, 1
		}
		for _, m := range chunk.Messages {
			if must[string(m.Payload)] {
				must[string(m.Payload)] = false
				left--
			}
		}
	}
	return s.until(ctx, "what was confirmed", func() bool {
		seen := map[int]bool{}
		for _, d := range s.got {
			seen[d.number()] = true
		}
		for i := range 20 {
			if !seen[i] || underWay.errs[i] == nil && !seen[20+i] {
				return false
			}
		}
		return seen[40]
	})
}
