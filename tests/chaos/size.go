package chaos

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"time"
)

// long reports whether this is the run that takes its time.
func long() bool { return os.Getenv("CULVERT_CHAOS") == "long" }

// seed is where all chance of the run comes from.
func seed() (uint64, error) {
	text := os.Getenv("CULVERT_CHAOS_SEED")
	switch {
	case text == "" && long():
		return rand.Uint64N(1_000_000), nil
	case text == "":
		return 1, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("CULVERT_CHAOS_SEED=%s: want a number: %w", text, err)
	}
	return n, nil
}

// source is the chance of one trial.
func source(seed uint64, trial string) *rand.Rand {
	of := fnv.New64a()
	of.Write([]byte(trial))
	return rand.New(rand.NewPCG(seed, of.Sum64()))
}

// crowd is how many clients are at work in a trial, and how hard.
type crowd struct {
	publishers, viewers, members int
	keys                         int
	rate                         int // messages a second of each publisher
	// beat is how often a publisher sends what is due; 0 for what is usual.
	beat time.Duration
	// suffix, where it is not nil, is what is added to the name of a key. It begins with what is no digit.
	suffix func(name string) string
}

func usual() crowd {
	if long() {
		return crowd{publishers: 4, viewers: 40, members: 8, keys: 40, rate: 100}
	}
	return crowd{publishers: 3, viewers: 12, members: 4, keys: 20, rate: 60}
}

// pick is how long something lasts: in the small run, and in the one that takes its time.
func pick(small, large time.Duration) time.Duration {
	if long() {
		return large
	}
	return small
}

// few is how often something happens: in the small run, and in the one that takes its time.
func few(small, large int) int {
	if long() {
		return large
	}
	return small
}
