package bench

import (
	"fmt"
	"slices"
)

// Result is what a run found of one figure of one contender.
type Result struct {
	Work      string    `json:"work"`
	Contender string    `json:"contender"`
	Figure    string    `json:"figure"`
	Unit      string    `json:"unit"`
	Rounds    []float64 `json:"rounds"`
	Min       float64   `json:"min"`
	Median    float64   `json:"median"`
	Max       float64   `json:"max"`
	// Ratio is the median beside the yardstick's; 0 where there is none.
	Ratio float64 `json:"ratio,omitempty"`
	// Target is what it shall be; empty where nothing is asked of it, and Met means nothing.
	Target string `json:"target,omitempty"`
	Met    bool   `json:"met,omitempty"`
	// Beside is the median that the target is relative to; 0 where it is not.
	Beside float64 `json:"beside,omitempty"`
}

// judge makes the results of a work of what its contenders' rounds gave, in the order of figures and contenders.
func judge(w *Work, contenders []string, rounds map[string][]Values) []Result {
	medians := make(map[[2]string]float64)
	var results []Result
	for _, f := range w.Figures {
		for _, c := range contenders {
			r := Result{Work: w.Name, Contender: c, Figure: f.Name, Unit: f.Unit}
			for _, v := range rounds[c] {
				if value, ok := v[f.Name]; ok {
					r.Rounds = append(r.Rounds, value)
				}
			}
			if len(r.Rounds) == 0 {
				continue
			}
			r.Min, r.Median, r.Max = slices.Min(r.Rounds), median(r.Rounds), slices.Max(r.Rounds)
			medians[[2]string{c, f.Name}] = r.Median
			results = append(results, r)
		}
	}
	for i := range results {
		r := &results[i]
		if yardstick := medians[[2]string{w.Yardstick, r.Figure}]; yardstick != 0 {
			r.Ratio = r.Median / yardstick
		}
		for _, t := range w.Targets {
			if t.Contender == r.Contender && t.Figure == r.Figure {
				r.aim(t, medians[[2]string{t.Of, t.Figure}])
			}
		}
	}
	return results
}

// aim says whether the target is met. of is the median that it is relative to, where it is.
func (r *Result) aim(t Target, of float64) {
	unit, name := of, " × "+t.Of
	if t.Of == "" {
		unit, name = 1, " "+r.Unit
	}
	bound, word := t.Most, "≤ "
	if t.Least != 0 {
		bound, word = t.Least, "≥ "
	}
	r.Target = fmt.Sprintf("%s%g%s", word, bound, name)
	if t.Within != 0 {
		r.Target += fmt.Sprintf(", or within %g %s", t.Within, r.Unit)
	}
	if t.Of != "" && of == 0 {
		return // it took no part
	}
	r.Beside = of
	r.Met = r.Median <= max(bound*unit, unit+t.Within)
	if t.Within == 0 {
		r.Met = r.Median <= bound*unit
	}
	if t.Least != 0 {
		r.Met = r.Median >= bound*unit
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}
