package chaos

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// table is the matrix with what was seen.
type table struct {
	seed  uint64
	mu    sync.Mutex // guards cells
	cells map[string]map[string]string
}

func newTable(seed uint64) *table { return &table{seed: seed, cells: map[string]map[string]string{}} }

// fill says what was seen in a trial.
func (b *table) fill(name, kind, verdict string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cells[name] == nil {
		b.cells[name] = map[string]string{}
	}
	b.cells[name][kind] = verdict
}

// close writes the table where the long run has seen the whole matrix. Any other run wants the page to have the rows that there are.
func (b *table) close(t *testing.T) {
	matrix := writtenBy("chaos")
	if long() && b.whole() && !t.Failed() {
		matrix.write(t, b.String())
		return
	}
	_, written, _ := matrix.read(t)
	for _, r := range rows() {
		if !strings.Contains(written, "| "+r.name+" |") {
			t.Errorf("%s does not know of the row %q: go tool task chaos writes it", page, r.name)
		}
	}
}

// whole reports whether every cell was filled.
func (b *table) whole() bool {
	for _, r := range rows() {
		for _, kind := range r.on {
			if b.cells[r.name][kind] == "" {
				return false
			}
		}
	}
	return true
}

// String is the table in Markdown. Nodes of a cluster stand with their broker.
func (b *table) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "Seed %d, %s/%s, %d CPUs.\n\n", b.seed, runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	s.WriteString("| what breaks | in-process | Kafka | RabbitMQ |\n|---|---|---|---|\n")
	for _, r := range rows() {
		fmt.Fprintf(&s, "| %s |", r.name)
		for _, kinds := range [][]string{{inproc}, {kafka, cluster}, {amqp}} {
			cell := "–"
			for _, kind := range kinds {
				if slices.Contains(r.on, kind) {
					cell = b.cells[r.name][kind]
				}
			}
			fmt.Fprintf(&s, " %s |", cell)
		}
		s.WriteString("\n")
	}
	return s.String()
}
