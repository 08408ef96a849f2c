package app

import (
	"context"

	"culvert/adapters/metrics"
	"culvert/domain"
)

// queueStats is what the service tells of its queues, for the metrics.
func (a *App) queueStats() []metrics.QueueStats {
	lanes := a.queues.Lanes()
	stats := make([]metrics.QueueStats, len(lanes))
	for i, l := range lanes {
		stats[i] = metrics.QueueStats{
			Topic: l.Topic, Queue: l.Queue, Standing: l.Standing, Members: l.Members, InFlight: l.InFlight,
			Redelivered: l.Redelivered, DeadLetters: l.Dead, DeadLetterFailures: l.Unburied, LeaseTimeouts: l.Expired,
		}
	}
	return stats
}

// queueLag is how far a queue is behind, for the metrics; unknown where the broker does not tell it or is away, which others complain of.
func (a *App) queueLag(ctx context.Context, topic domain.Topic, queue domain.Queue) int64 {
	state, err := a.queues.Inspect(ctx, topic, queue)
	if err != nil {
		return domain.LagUnknown
	}
	return state.Lag
}
