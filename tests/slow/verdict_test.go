package slow

import (
	"slices"
	"testing"
)

// verdict judges whether something takes longer beside a crowd than without one, by the ratios of rounds.
type verdict struct {
	what   string
	ratios []float64 // with the crowd to without it
}

// bearable is the ratio that is still less than a tenth more.
const bearable = 1.1

func (v *verdict) add(ratio float64) { v.ratios = append(v.ratios, ratio) }

// median is that of the ratios: a round in which the machine did something else for a while weighs no more than any other.
func (v *verdict) median() float64 {
	sorted := slices.Sorted(slices.Values(v.ratios))
	return sorted[len(sorted)/2]
}

// fine reports whether the ratios so far are.
func (v *verdict) fine() bool { return v.median() < bearable }

// proven reports whether more is wrong than chance allows: of the rounds so many are over the limit that, were it not the median that is, this
// would happen once in a thousand runs (the sign test, at three deviations).
func (v *verdict) proven() bool {
	over := 0
	for _, r := range v.ratios {
		if r >= bearable {
			over++
		}
	}
	excess := float64(2*over - len(v.ratios)) // in deviations it is this by the root of their number
	return excess > 0 && excess*excess >= 3*3*float64(len(v.ratios))
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		low, high    int
		fine, proven bool
	}{{8, 0, true, false}, {5, 3, true, false}, {8, 12, false, false}, {6, 16, false, false}, {0, 13, false, true}, {2, 22, false, true}} {
		var v verdict
		for range c.low {
			v.add(1)
		}
		for range c.high {
			v.add(1.2)
		}
		if v.fine() != c.fine || v.proven() != c.proven {
			t.Errorf("%+v: fine %t, proven %t", c, v.fine(), v.proven())
		}
	}
}
