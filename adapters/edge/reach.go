package edge

import (
	"context"

	"culvert/domain"
)

// reach is which hidden topics a request may name.
type reach struct {
	all   bool
	topic domain.Topic
}

type reachKey struct{}

// Reaching is ctx for a request that may name topic though it is hidden.
func Reaching(ctx context.Context, topic domain.Topic) context.Context {
	return context.WithValue(ctx, reachKey{}, reach{topic: topic})
}

// ReachingAll is ctx for a request that may name every topic, and is told of all.
func ReachingAll(ctx context.Context) context.Context {
	return context.WithValue(ctx, reachKey{}, reach{all: true})
}

// Lasting is a context that outlives the request of ctx: it may name what that may, and holds on to nothing else of it.
func Lasting(ctx context.Context) context.Context {
	if r, ok := ctx.Value(reachKey{}).(reach); ok {
		return context.WithValue(context.Background(), reachKey{}, r)
	}
	return context.Background()
}

// Reaches reports whether the request of ctx may name topic though it is hidden. All others of the request's contexts come of it, so that a socket may as well.
func Reaches(ctx context.Context, topic domain.Topic) bool {
	r, _ := ctx.Value(reachKey{}).(reach)
	return r.all || topic != "" && r.topic == topic
}

// ReachesAll reports whether the request of ctx is told of hidden topics.
func ReachesAll(ctx context.Context) bool {
	r, _ := ctx.Value(reachKey{}).(reach)
	return r.all
}
