package kafka

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/singleflight"
)

// lazy is something that is made when it is first needed, and tried again at the next need where that fails.
type lazy[T any] struct {
	make   func() (*T, error)
	flight singleflight.Group
	made   atomic.Pointer[T]
}

// get gives it, making it where it is not there yet. It blocks for that at most until ctx ends; the making goes on for who comes next.
func (l *lazy[T]) get(ctx context.Context) (*T, error) {
	if v := l.made.Load(); v != nil {
		return v, nil
	}
	result := l.flight.DoChan("", func() (any, error) {
		if v := l.made.Load(); v != nil {
			return v, nil
		}
		v, err := l.make()
		if err == nil {
			l.made.Store(v)
		}
		return v, err
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*T), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
