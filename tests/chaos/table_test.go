package chaos

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// table is the matrix with what was seen: of this run, and of those before it where this one saw nothing.
type table struct {
	mu    sync.Mutex          // guards cells
	cells map[string][]string // by the name of the row, in the order of columns
}

// columns are the kinds of broker as people call them. A cluster stands with its broker.
var columns = []struct {
	title string
	kinds []string
}{{"in-process", []string{inproc}}, {"Kafka", []string{kafka, cluster}}, {"RabbitMQ", []string{amqp}}}

func newTable() *table { return &table{cells: map[string][]string{}} }

// fill says what was seen in a trial.
func (b *table) fill(name, kind, verdict string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cells[name] == nil {
		b.cells[name] = make([]string, len(columns))
	}
	for i, c := range columns {
		if slices.Contains(c.kinds, kind) {
			b.cells[name][i] = verdict
		}
	}
}

// What a cell says that is no verdict, and what it says of a promise that was not kept.
const (
	unseen = "not seen yet"
	broken = "**broken**"
)

// close writes the table where this is the long run. Any other run wants the page to have the rows that there are, each seen, and none broken.
func (b *table) close(t *testing.T) {
	matrix := writtenBy("chaos")
	_, written, _ := matrix.read(t)
	if long() {
		b.keep(written)
		matrix.write(t, b.String())
		return
	}
	for _, r := range rows() {
		if !strings.Contains(written, "| "+r.name+" |") {
			t.Errorf("%s does not know of the row %q: go tool task chaos writes it", page, r.name)
		}
	}
	for _, bad := range []string{unseen, broken} {
		if strings.Contains(written, bad) {
			t.Errorf("%s has a row that is %s: go tool task chaos writes it", page, bad)
		}
	}
}

// keep takes over what was written before, where this run has seen nothing.
func (b *table) keep(written string) {
	for line := range strings.Lines(written) {
		before := strings.Split(strings.Trim(strings.TrimSpace(line), "| "), " | ")
		if len(before) != 1+len(columns) {
			continue
		}
		for i, cell := range before[1:] {
			if now := b.cells[before[0]]; now == nil {
				b.cells[before[0]] = before[1:]
			} else if now[i] == "" {
				now[i] = cell
			}
		}
	}
}

// String is the table in Markdown.
func (b *table) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s/%s, %d CPUs.\n\n| what breaks |", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, c := range columns {
		s.WriteString(" " + c.title + " |")
	}
	s.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, r := range rows() {
		fmt.Fprintf(&s, "| %s |", r.name)
		for i, c := range columns {
			cell := "–"
			if slices.ContainsFunc(c.kinds, func(kind string) bool { return slices.Contains(r.on, kind) }) {
				cell = unseen
				if seen := b.cells[r.name]; seen != nil && seen[i] != "" {
					cell = seen[i]
				}
			}
			fmt.Fprintf(&s, " %s |", cell)
		}
		s.WriteString("\n")
	}
	return s.String()
}
