package bench

import (
	"strings"
	"testing"
)

func TestResultsAreJudged(t *testing.T) {
	w := &Work{
		Name: "work", Yardstick: "limit",
		Figures: []Figure{{"cost", "µs"}, {"speed", "1/s"}, {"size", "KiB"}},
		Targets: []Target{
			{Contender: "good", Figure: "cost", Most: 1.5, Of: "limit"},
			{Contender: "bad", Figure: "cost", Most: 1.5, Of: "limit"},
			{Contender: "near", Figure: "cost", Most: 1.5, Of: "limit", Within: 10},
			{Contender: "good", Figure: "speed", Least: 0.8, Of: "limit"},
			{Contender: "bad", Figure: "speed", Least: 0.8, Of: "limit"},
			{Contender: "good", Figure: "size", Most: 12},
			{Contender: "bad", Figure: "size", Most: 12},
			{Contender: "near", Figure: "size", Most: 12, Of: "absent"},
		},
	}
	results := judge(w, []string{"good", "bad", "near", "limit"}, map[string][]Values{
		"good":  {{"cost": 3, "speed": 80, "size": 12}, {"cost": 2, "speed": 70}, {"cost": 90, "speed": 200}},
		"bad":   {{"cost": 3.1, "speed": 79, "size": 12.5}},
		"near":  {{"cost": 12, "size": 1}},
		"limit": {{"cost": 1, "speed": 100}, {"cost": 3, "speed": 100}},
	})
	got := make(map[string]Result)
	for _, r := range results {
		got[r.Contender+" "+r.Figure] = r
	}
	if len(results) != 10 {
		t.Errorf("there are %d results", len(results))
	}
	for name, met := range map[string]bool{
		"good cost": true, "bad cost": false, "near cost": true, "good speed": true, "bad speed": false, "good size": true, "bad size": false, "near size": false,
	} {
		if r := got[name]; r.Target == "" || r.Met != met {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := got["good cost"]; r.Min != 2 || r.Median != 3 || r.Max != 90 || r.Ratio != 1.5 || len(r.Rounds) != 3 {
		t.Errorf("%+v", r)
	}
	if r := got["limit cost"]; r.Median != 2 || r.Ratio != 1 || r.Target != "" {
		t.Errorf("%+v", r)
	}
	if r := got["good size"]; r.Ratio != 0 || r.Target != "≤ 12 KiB" {
		t.Errorf("%+v", r)
	}
}

func TestTheTableIsForPeople(t *testing.T) {
	got := Table([]Result{
		{Work: "a", Contender: "culvert", Figure: "cost", Unit: "µs", Min: 0.0123, Median: 1.234, Max: 12345, Ratio: 1.5, Target: "≤ 1.25 × limit"},
		{Work: "a", Contender: "limit", Figure: "cost", Unit: "µs", Min: 1, Median: 1, Max: 1},
		{Work: "b", Contender: "culvert", Figure: "times", Target: "≤ 2 × limit", Met: true},
	})
	want := strings.TrimPrefix(`
| work | figure   | contender | min   | median | max    | ratio | target         | met    |
| ---- | -------- | --------- | ----- | ------ | ------ | ----- | -------------- | ------ |
| a    | cost, µs | culvert   | 0.012 | 1.23   | 12,345 | 1.50  | ≤ 1.25 × limit | **no** |
|      |          | limit     | 1.00  | 1.00   | 1.00   |       |                |        |
| b    | times    | culvert   | 0     | 0      | 0      |       | ≤ 2 × limit    | yes    |
`, "\n")
	if got != want {
		t.Errorf("it is\n%s", got)
	}
}

func TestTargetsHaveALineEach(t *testing.T) {
	got := Targets([]Result{
		{Work: "a", Contender: "culvert", Figure: "cost", Unit: "µs", Median: 1.5, Target: "≤ 1.25 × limit", Beside: 1},
		{Work: "a", Contender: "limit", Figure: "cost", Unit: "µs", Median: 1},
		{Work: "a", Contender: "culvert", Figure: "size", Unit: "KiB", Median: 11, Target: "≤ 12 KiB", Met: true},
	})
	want := strings.TrimPrefix(`
| work | contender | figure    | median | beside | ratio | target         | met    |
| ---- | --------- | --------- | ------ | ------ | ----- | -------------- | ------ |
| a    | culvert   | cost, µs  | 1.50   | 1.00   | 1.50  | ≤ 1.25 × limit | **no** |
|      | culvert   | size, KiB | 11.0   |        |       | ≤ 12 KiB       | yes    |
`, "\n")
	if got != want {
		t.Errorf("it is\n%s", got)
	}
}
