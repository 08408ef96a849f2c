package bench

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Table is the results as a table of Markdown that people can read as it is.
func Table(results []Result) string {
	rows := [][]string{{"work", "figure", "contender", "min", "median", "max", "ratio", "target", "met"}}
	work, figure := "", ""
	for _, r := range results {
		row := []string{r.Work, r.figure(), r.Contender, number(r.Min), number(r.Median), number(r.Max), "", r.Target, r.met()}
		if r.Ratio != 0 {
			row[6] = fmt.Sprintf("%.2f", r.Ratio)
		}
		if r.Work == work {
			row[0] = ""
			if r.Figure == figure {
				row[1] = ""
			}
		}
		work, figure = r.Work, r.Figure
		rows = append(rows, row)
	}
	return draw(rows)
}

// Targets is a line for each target.
func Targets(results []Result) string {
	rows := [][]string{{"work", "contender", "figure", "median", "beside", "ratio", "target", "met"}}
	work := ""
	for _, r := range results {
		if r.Target == "" {
			continue
		}
		row := []string{r.Work, r.Contender, r.figure(), number(r.Median), "", "", r.Target, r.met()}
		if r.Beside != 0 {
			row[4], row[5] = number(r.Beside), fmt.Sprintf("%.2f", r.Median/r.Beside)
		}
		if r.Work == work {
			row[0] = ""
		}
		work = r.Work
		rows = append(rows, row)
	}
	return draw(rows)
}

// figure names the figure and its unit.
func (r *Result) figure() string {
	if r.Unit == "" {
		return r.Figure
	}
	return r.Figure + ", " + r.Unit
}

func (r *Result) met() string {
	switch {
	case r.Target == "":
		return ""
	case r.Met:
		return "yes"
	}
	return "**no**"
}

// number is a value with three digits that count.
func number(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return thousands(int(math.Round(v)))
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

func draw(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	line := func(row []string, pad string) {
		for i, cell := range row {
			b.WriteString("| " + cell + strings.Repeat(pad, widths[i]-utf8.RuneCountInString(cell)) + " ")
		}
		b.WriteString("|\n")
	}
	line(rows[0], " ")
	line(make([]string, len(widths)), "-")
	for _, row := range rows[1:] {
		line(row, " ")
	}
	return b.String()
}
