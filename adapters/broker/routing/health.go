package routing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"culvert/domain"
	"culvert/ports"
)

// Health pings all brokers at once and tells of each what came of it, by its name; nil where it can be reached.
func (b *Broker) Health(ctx context.Context) map[string]error {
	return b.each(func(_ string, broker ports.Broker) error { return broker.Ping(ctx) })
}

// Ping implements ports.Lifecycle: it is Unavailable, naming them, when any brokers cannot be reached.
func (b *Broker) Ping(ctx context.Context) error {
	health := b.Health(ctx)
	var away []string
	var causes []error
	for _, name := range slices.Sorted(maps.Keys(health)) {
		if err := health[name]; err != nil {
			away = append(away, name)
			causes = append(causes, fmt.Errorf("%s: %w", name, err))
		}
	}
	if len(away) == 0 {
		return nil
	}
	return domain.Errorf(domain.Unavailable, "cannot be reached: %s", strings.Join(away, ", ")).Because(errors.Join(causes...))
}
