package chaos

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// page tells people what was seen. Its sections are between two lines each, and are written by the runs that see it.
const page = "../../docs/reliability.md"

// section is a part of the page.
type section struct{ begin, end string }

func writtenBy(task string) section {
	return section{"<!-- written by go tool task " + task + " -->\n", "<!-- end of what go tool task " + task + " writes -->\n"}
}

// read gives what stands in the section, and what before and after it.
func (s section) read(t *testing.T) (before, written, after string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), s.begin)
	written, after, ends := strings.Cut(rest, s.end)
	if !begins || !ends {
		t.Fatalf("%s wants the lines %q and %q", page, s.begin, s.end)
	}
	return before, written, after
}

// write replaces what stands in the section.
func (s section) write(t *testing.T, text string) {
	t.Helper()
	before, _, after := s.read(t)
	whole := fmt.Sprintf("%s%s\n%s\n%s%s", before, s.begin, strings.TrimSpace(text), s.end, after)
	if err := os.WriteFile(page, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
}
