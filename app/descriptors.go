package app

import (
	"context"
	"log/slog"
	"math"

	"culvert/adapters/edge"
	"culvert/domain"
)

// leastReserve is how many descriptors are kept where there are few, since a reader of Kafka and a member of a queue each have connections of their own to its nodes.
const leastReserve = 64

// shares are what the descriptors of the process are for.
type shares struct {
	reserve   int // for brokers, files, operators, and those who are sent away
	public    int // connections on the public listener
	streams   int // those that may be streams and sockets; the others are for requests that do not stay
	operators int // connections on the operators' listener; of the reserve
	visitors  int // on each listener, who are sent away at once; of the reserve
}

// share says how descriptors are used. 0 are as many as anybody may want.
func share(descriptors uint64) shares {
	if descriptors == 0 || descriptors > math.MaxInt32 {
		descriptors = math.MaxInt32
	}
	all := int(descriptors)
	reserve := min(max(leastReserve, all/8), all/2)
	public := all - reserve
	return shares{reserve: reserve, public: public, streams: public - public/8, operators: reserve / 4, visitors: min(reserve/8, 64)}
}

// fit lowers the limits to what the process may have of its machine.
func (a *App) fit(descriptors uint64) {
	a.shares = share(descriptors)
	if configured := a.cfg.Limits.Connections; configured > a.shares.streams {
		a.cfg.Limits.Connections = a.shares.streams
		level := slog.LevelWarn
		if configured == domain.DefaultLimits().Connections { // nobody has asked for so many
			level = slog.LevelInfo
		}
		a.fitted = func() {
			a.log.Log(context.Background(), level, "limits.connections does not fit the descriptors that this process may have (ulimit -n): it is lowered",
				slog.Int("configured", configured), slog.Int("connections", a.shares.streams),
				slog.Uint64("descriptors", descriptors), slog.Int("kept", a.shares.reserve))
		}
	}
}

// held bounds the connections of a listener.
func (a *App) held(key string, most int) *edge.Sockets {
	return edge.NewSockets(most, a.shares.visitors, func() {
		a.log.Warn("as many connections as there are descriptors for: who comes now is sent away", slog.String("listener", key), slog.Int("connections", most))
	})
}
