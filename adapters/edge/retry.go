package edge

import (
	"math/rand/v2"
	"time"

	"culvert/domain"
)

// RetryOf is how long the client of a stream that ended with b shall wait: what b says, else a random time from half of base to one
// and a half of it, so that those who were sent away together do not come back together. On shutdown that is everybody, so that they are spread over drain, where that is longer than base.
func RetryOf(b *domain.Bye, base, drain time.Duration) time.Duration {
	switch {
	case b.Retry > 0 || base <= 0:
		return b.Retry
	case b.Reason == domain.ByeShutdown:
		return base/2 + rand.N(max(base, drain))
	}
	return base/2 + rand.N(base)
}
