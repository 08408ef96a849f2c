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
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		if _, err := io.WriteString(w, strings.Join(row, "\t")+"\n"); err != nil {
			return err
		}
	}
	return w.Flush()
}
