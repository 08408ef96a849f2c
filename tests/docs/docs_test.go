package docs

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// sarama counts with go-metrics, whose one clock goroutine lives as long as the process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// The README once told a command that did not start, and a guide an answer that no bridge gave.
func TestPages(t *testing.T) {
	for _, page := range pages(t) {
		t.Run(strings.ReplaceAll(page, "/", "-"), func(t *testing.T) {
			t.Parallel()
			blocks := parsePage(t, page)
			if !slices.ContainsFunc(blocks, func(b block) bool { return b.mark != notRun && b.language != "text" }) {
				return
			}
			judge(newSession(t), blocks)
		})
	}
}

// judge does what the blocks of a page say, from its top to its end.
func judge(s *session, blocks []block) {
	s.Helper()
	for i, b := range blocks {
		if b.mark == notRun {
			continue
		}
		if b.mark == stopped {
			s.endClients()
		}
		if file := b.file(); file != "" {
			s.save(b)
			if mustRun(b) && !slices.ContainsFunc(blocks[i+1:], func(later block) bool { return later.language == "sh" && strings.Contains(later.text(), file) }) {
				s.Fatalf("%s: no command below runs %s", b.at(), file)
			}
		}
		switch b.language {
		case "sh":
			s.run(b)
		case "":
			s.expect(b)
		default:
			if err := s.read(b); err != nil {
				s.Fatalf("%s: %v", b.at(), err)
			}
		}
	}
}

// mustRun reports whether a saved program is one that a command is to run. Others are loaded by something else.
func mustRun(b block) bool { return slices.Contains([]string{"go", "python", "java"}, b.language) }

const notRunList = "testdata/not-run.txt"

// What is not run is written down here as well, so that nobody marks a block without others seeing it.
func TestWhatIsNotRunIsWrittenDown(t *testing.T) {
	var list strings.Builder
	for _, page := range pages(t) {
		for _, b := range parsePage(t, page) {
			if b.mark == notRun {
				fmt.Fprintf(&list, "%s: %s: %s\n", b.page, b.lines[0], b.reason)
			}
		}
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(notRunList, []byte(list.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(notRunList)
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != list.String() {
		t.Errorf("%s is stale (UPDATE_GOLDEN=1 go test ./tests/docs -run WrittenDown): the pages have\n%s", notRunList, &list)
	}
}
