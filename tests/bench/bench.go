package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"culvert/tests/brokers"
)

// Options say how a run is made.
type Options struct {
	Long        bool
	Only        *regexp.Regexp // which works, by name; nil: all
	Rounds      int            // how many each contender has, where its work does not say
	Profile     string         // the folder for profiles of Culvert's rounds; empty: none are made
	Descriptors int            // how many files a process can have open
	Say         io.Writer      // progress, in whole lines
}

// Run lets all works that are asked for be done, one after the other, and gives what was found. An error is what went wrong first: nothing was found of that work.
// Works whose broker cannot be had are left out, unless tests are strict about that.
func Run(ctx context.Context, works []Work, o Options) (results []Result, err error) {
	s := newStage(o)
	defer s.close()
	for _, w := range works {
		if w.Long && !o.Long || o.Only != nil && !o.Only.MatchString(w.Name) {
			continue
		}
		start := time.Now()
		found, err := s.do(ctx, &w)
		var missing *brokers.MissingError
		if errors.As(err, &missing) && !brokers.Strict() {
			fmt.Fprintf(o.Say, "%s: left out: %v\n", w.Name, err)
			continue
		}
		if err != nil {
			return results, fmt.Errorf("%s: %w", w.Name, err)
		}
		results = append(results, found...)
		fmt.Fprintf(o.Say, "%s: %s\n", w.Name, time.Since(start).Round(100*time.Millisecond))
	}
	return results, nil
}

// do lets the contenders of a work have their rounds in turn.
func (s *Stage) do(ctx context.Context, w *Work) ([]Result, error) {
	defer s.leave()
	s.work = w.Name
	contenders, err := w.Open(ctx, s)
	if err != nil {
		return nil, err
	}
	rounds := w.Rounds
	if rounds == 0 {
		rounds = s.options.Rounds
	}
	names, values := []string(nil), make(map[string][]Values)
	for _, c := range contenders {
		names = append(names, c.Name)
	}
	for round := range rounds {
		for _, c := range contenders {
			v, err := c.Round(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", c.Name, round+1, err)
			}
			values[c.Name] = append(values[c.Name], v)
		}
	}
	return judge(w, names, values), nil
}
