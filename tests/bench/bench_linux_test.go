package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"culvert/tests/bench/drive"
	"culvert/tests/bench/system"
	"culvert/tests/brokers"
)

// The systems are processes of this very program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == SystemArgument {
		os.Exit(system.Main(os.Args[2:]))
	}
	goleak.VerifyTestMain(m)
}

// Small rows, with all systems and in each form: everybody is shown what is due.
func TestARunDeliversRight(t *testing.T) {
	closed, paced := drive.Load{Window: 16, For: 50 * time.Millisecond}, drive.Load{Rate: 500, For: 50 * time.Millisecond, Timed: true}
	var works []Work
	for i, row := range []fanOut{
		{form: sse(), load: closed, beside: []string{"coalesce", "raw", "naive"}},
		{form: raw(), load: paced, beside: []string{"coalesce", "raw", "naive"}},
		{form: raw(), load: closed, beside: []string{"coalesce"}, anew: true},
		{form: envelopes()[0], load: closed, beside: []string{"coalesce"}},
		{form: envelopes()[1], load: paced, beside: []string{"coalesce"}},
	} {
		row.origin, row.viewers = inProcess, 5
		works = append(works, Work{Name: fmt.Sprint(i, " ", row.form.name), Yardstick: "coalesce", Figures: []Figure{cpu, rate, frame, allocations}, Open: row.open})
	}
	results, err := Run(t.Context(), works, Options{Rounds: 1, Descriptors: 1000, Say: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	sizes := make(map[string]float64)
	for _, r := range results {
		if r.Median <= 0 {
			t.Errorf("%+v", r)
		}
		switch {
		case r.Figure != frame.Name || r.Contender == "naive":
		case sizes[r.Work] == 0:
			sizes[r.Work] = r.Median
		case r.Median < 0.95*sizes[r.Work] || r.Median > 1.05*sizes[r.Work]:
			t.Errorf("%s: frames of %s have %g bytes, Culvert's %g", r.Work, r.Contender, r.Median, sizes[r.Work])
		}
	}
	// Culvert has four figures in each work, and each of the nine others three.
	if want := 5*4 + 9*3; len(results) != want {
		t.Errorf("there are %d results, not %d:\n%s", len(results), want, Table(results))
	}
}

// A wrong delivery ends the run, and nothing is told of its work.
func TestARunEndsWithAWrongDelivery(t *testing.T) {
	lost := errors.New("it was lost")
	works := []Work{
		{Name: "right", Figures: []Figure{cpu}, Open: contenders(Values{cpu.Name: 1}, nil)},
		{Name: "wrong", Figures: []Figure{cpu}, Open: contenders(nil, lost)},
		{Name: "never", Figures: []Figure{cpu}, Open: contenders(nil, errors.New("it was done all the same"))},
	}
	results, err := Run(t.Context(), works, Options{Rounds: 2, Say: io.Discard})
	if !errors.Is(err, lost) || !strings.Contains(err.Error(), "wrong: one, round 1") {
		t.Errorf("it ended with %v", err)
	}
	if len(results) != 1 || results[0].Work != "right" || len(results[0].Rounds) != 2 {
		t.Errorf("%+v", results)
	}
}

// Without a broker the rest can be measured all the same.
func TestWorksWithoutTheirBrokerAreLeftOut(t *testing.T) {
	t.Setenv("CI", "")
	t.Setenv("CULVERT_TEST_STRICT", "")
	works := []Work{
		{Name: "without", Figures: []Figure{cpu}, Open: contenders(nil, &brokers.MissingError{})},
		{Name: "with", Figures: []Figure{cpu}, Open: contenders(Values{cpu.Name: 1}, nil)},
	}
	var said strings.Builder
	results, err := Run(t.Context(), works, Options{Rounds: 1, Say: &said})
	if err != nil || len(results) != 1 || !strings.Contains(said.String(), "without: left out") {
		t.Errorf("%+v, %v: %s", results, err, said.String())
	}
	t.Setenv("CI", "true")
	if _, err := Run(t.Context(), works, Options{Rounds: 1, Say: &said}); err == nil {
		t.Error("strictly, a broker may be missing")
	}
}

func contenders(v Values, err error) func(context.Context, *Stage) ([]Contender, error) {
	return func(context.Context, *Stage) ([]Contender, error) {
		return []Contender{{"one", func(context.Context) (Values, error) { return v, err }}}, nil
	}
}

// A name that is there twice would be two rows that nobody can tell apart, or choose; a target of a figure that nobody measures would never be judged.
func TestWorksAgreeWithThemselves(t *testing.T) {
	names := make(map[string]bool)
	for _, w := range Works() {
		if names[w.Name] {
			t.Errorf("there are two works called %s", w.Name)
		}
		names[w.Name] = true
		figures := make(map[string]bool)
		for _, f := range w.Figures {
			figures[f.Name] = true
		}
		for _, target := range w.Targets {
			if !figures[target.Figure] {
				t.Errorf("%s: the target %+v is of a figure that it has not", w.Name, target)
			}
		}
	}
}
