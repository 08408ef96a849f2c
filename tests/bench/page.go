package bench

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// The table of a page stands between these lines.
const (
	pageBegin = "<!-- written by tests/bench/run -write: begin -->\n"
	pageEnd   = "<!-- end -->\n"
)

// WritePage puts the results in the place of what stands between the markers of a page.
func WritePage(file string, results []Result) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, err := fill(string(page), fmt.Sprintf("%s, %d processors, %s/%s, %s.\n\n%s\nAll figures:\n\n%s",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), Targets(results), Table(results)))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(text), 0o600)
}

func fill(page, text string) (string, error) {
	before, rest, begins := strings.Cut(page, pageBegin)
	_, after, ends := strings.Cut(rest, pageEnd)
	if !begins || !ends {
		return "", fmt.Errorf("it has no place between %q and %q", pageBegin, pageEnd)
	}
	return before + pageBegin + text + pageEnd + after, nil
}
