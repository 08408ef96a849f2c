package queue

import (
	"math"

	"culvert/ports"
)

// Ask lets a member sit among those who ask, as its Next does before it waits. What it is given from then on is not told before Next is called.
func Ask(m ports.Member) { _, _ = m.(*member).news(math.MaxInt, false) }
