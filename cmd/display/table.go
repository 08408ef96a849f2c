package display

import (
	"io"
	"strings"
	"text/tabwriter"
)

// Nothing stands in a table for what the broker does not tell.
const Nothing = "-"

// Table writes rows under a header, in columns that fit them.
func Table(out io.Writer, header []string, rows [][]string) error {
	return columns(out, append([][]string{header}, rows...))
}

// Facts writes what is known of one thing: a name and a value, a line each.
func Facts(out io.Writer, facts [][2]string) error {
	rows := make([][]string, len(facts))
	for i, fact := range facts {
		rows[i] = fact[:]
	}
	return columns(out, rows)
}

func columns(out io.Writer, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := io.WriteString(w, strings.Join(row, "\t")+"\n"); err != nil {
			return err
		}
	}
	return w.Flush()
}
