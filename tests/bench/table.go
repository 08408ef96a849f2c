package bench

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Table is the results as a table of Markdown that people can read as it is.
func Table(results []Result) string {
	rows := [][]string{{"work", "figure", "contender", "min", "median", "max", "ratio", "target", "met"}}
	work, figure := "", ""
	for _, r := range results {
		row := []string{r.Work, r.Figure + ", " + r.Unit, r.Contender, number(r.Min), number(r.Median), number(r.Max), "", r.Target, ""}
		if r.Unit == "" {
			row[1] = r.Figure
		}
		if r.Ratio != 0 {
			row[6] = fmt.Sprintf("%.2f", r.Ratio)
		}
		if r.Target != "" {
			row[8] = map[bool]string{true: "yes", false: "**no**"}[r.Met]
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

// number is a value with three digits that count.
func number(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
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
