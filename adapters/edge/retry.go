package edge

import (
	"math/rand/v2"
	"time"

	"culvert/domain"
)

// RetryOf is how long the client of a stream that ended with b shall wait: what b says, else a random time from half of base to one
// and a half of it, so that those who were sent away together do not come back together.
func RetryOf(b *domain.Bye, base time.Duration) time.Duration {
	if b.Retry > 0 || base <= 0 {
		return b.Retry
	}
	return base/2 + rand.N(base)
}
