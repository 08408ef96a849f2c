package edge

import (
	"testing"
	"time"

	"culvert/domain"
)

func TestClientsComeBackSpread(t *testing.T) {
	const base, drain = 2 * time.Second, 10 * time.Second
	for _, c := range []struct {
		what        string
		bye         domain.Bye
		base, drain time.Duration
		least, most time.Duration // the span of what clients are told
	}{
		{"one of many", domain.Bye{Reason: domain.ByeSlow}, base, drain, time.Second, 3 * time.Second},
		{"all at once", domain.Bye{Reason: domain.ByeShutdown}, base, drain, time.Second, 11 * time.Second},
		{"all at once, and no drain", domain.Bye{Reason: domain.ByeShutdown}, base, 0, time.Second, 3 * time.Second},
		{"as the bye says", domain.Bye{Reason: domain.ByeShutdown, Retry: time.Minute}, base, drain, time.Minute, time.Minute},
		{"at once", domain.Bye{Reason: domain.ByeSlow}, 0, drain, 0, 0},
	} {
		span := c.most - c.least
		early, late := 0, 0
		for range 1000 {
			got := RetryOf(&c.bye, c.base, c.drain)
			if got < c.least || got > c.most {
				t.Fatalf("%s: %s, want %s to %s", c.what, got, c.least, c.most)
			}
			switch {
			case got < c.least+span/4:
				early++
			case got > c.most-span/4:
				late++
			}
		}
		if span > 0 && (early < 150 || late < 150) { // of 250 each
			t.Errorf("%s: %d of 1000 in the first quarter, %d in the last", c.what, early, late)
		}
	}
}
