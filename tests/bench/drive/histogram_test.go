package drive

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var h Histogram
		var all []time.Duration
		for range 1 + random.IntN(2000) {
			d := time.Duration(random.Int64N(1 << random.IntN(38)))
			all = append(all, d)
			h.Add(d)
		}
		slices.Sort(all)
		for _, q := range []float64{0.001, 0.5, 0.9, 0.99, 1} {
			want := all[max(int(q*float64(len(all))+0.999999), 1)-1]
			if got := h.Quantile(q); got < want || got > want+want/64+1 {
				t.Errorf("quantile %g of %d is %s, not %s", q, len(all), got, want)
			}
		}
	}
}

func TestHistogramBounds(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 {
		t.Error("there is a median of nothing")
	}
	h.Add(-time.Second)
	if got := h.Quantile(1); got != 0 {
		t.Errorf("less than nothing is %s", got)
	}
	h.Add(24 * time.Hour)
	if got := h.Quantile(1); got < 8*time.Minute {
		t.Errorf("a day is %s", got)
	}
}
