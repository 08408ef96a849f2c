package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Close implements ports.Lifecycle. It closes publisher and subscriber too, also where ctx ended before what was queued had
// been published. Reading and joining end with Unavailable. Further calls do nothing.
func (p *Pair) Close(ctx context.Context) (err error) {
	p.closing.Do(func() { err = p.close(ctx) })
	return err
}

func (p *Pair) close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	topics := slices.Collect(maps.Values(p.topics))
	p.mu.Unlock()

	drained := within(ctx, p.batches.Wait)
	for _, t := range topics {
		t.log.close()
		t.cancel()
	}
	var closing error
	closed := within(ctx, func() {
		closing = errors.Join(p.publisher.Close(), p.subscriber.Close())
		p.running.Wait()
	})
	if closed != nil {
		return fmt.Errorf("broker: close: %w", closed)
	}
	if err := errors.Join(drained, closing); err != nil {
		return fmt.Errorf("broker: close: %w", err)
	}
	return nil
}

// within runs f to its end, waiting for it until ctx ends.
func within(ctx context.Context, f func()) error {
	ended := make(chan struct{})
	go func() { // ends with f
		defer close(ended)
		f()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		select {
		case <-ended:
			return nil
		default:
			return ctx.Err()
		}
	}
}
