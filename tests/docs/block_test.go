package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// pages are those whose blocks are judged, from the root. Decisions (docs/adr) tell what was, and are not.
func pages(t *testing.T) []string {
	t.Helper()
	found := []string{"README.md", "CONTRIBUTING.md"}
	for _, pattern := range []string{"docs/*.md", "docs/examples/*.md"} {
		matches, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range matches {
			name, err := filepath.Rel(root, match)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, filepath.ToSlash(name))
		}
	}
	if len(found) < 8 {
		t.Fatalf("found %v only: a test that reads nothing judges nothing", found)
	}
	return found
}

func readPage(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block is what stands between two fences.
type block struct {
	page     string
	line     int    // of the opening fence, from 1
	language string // empty: what commands have shown
	lines    []string
	mark     string // of the comment before it; empty: none
	reason   string // of a mark that gives one
}

func (b block) text() string { return strings.Join(b.lines, "\n") + "\n" }

// at tells people where the block is.
func (b block) at() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// The marks of a block.
const (
	notRun  = "not run" // with a reason
	stays   = "stays"   // its commands go on in the background
	fails   = "fails"   // its last command does
	stopped = "stopped" // ^C ends the clients that run before it
)

var (
	fence     = regexp.MustCompile("^( *)```([^`]*)$")
	marking   = regexp.MustCompile(`^ *<!-- *(not run|stays|fails|stopped) *(?:: *(.*?))? *-->$`)
	namedFile = regexp.MustCompile(`^(?://|#|<!--) ([\w./-]+\.(?:mjs|js|html|go|py|java|yaml|json))\b`)
)

// file is the name under which the block is saved for the commands of its page; empty where it has none.
func (b block) file() string {
	if len(b.lines) == 0 || b.language == "" || b.language == "sh" {
		return ""
	}
	if named := namedFile.FindStringSubmatch(b.lines[0]); named != nil {
		return named[1]
	}
	return ""
}

// parse gives the blocks of a page in their order.
func parse(page, text string) (blocks []block, err error) {
	lines := strings.Split(text, "\n")
	before := "" // the last line that is not empty
	for i := 0; i < len(lines); i++ {
		opening := fence.FindStringSubmatch(lines[i])
		if opening == nil {
			if strings.TrimSpace(lines[i]) != "" {
				before = lines[i]
			}
			continue
		}
		b := block{page: page, line: i + 1, language: strings.TrimSpace(opening[2])}
		if marked := marking.FindStringSubmatch(before); marked != nil {
			b.mark, b.reason = marked[1], marked[2]
		}
		indent := opening[1]
		end := slices.IndexFunc(lines[i+1:], func(line string) bool { return line == indent+"```" })
		if end < 0 {
			return nil, fmt.Errorf("%s: the block does not end", b.at())
		}
		for _, line := range lines[i+1 : i+1+end] {
			b.lines = append(b.lines, strings.TrimPrefix(line, indent))
		}
		if b.mark == notRun && b.reason == "" {
			return nil, fmt.Errorf("%s: a block that is not run says why: <!-- not run: takes an hour -->", b.at())
		}
		blocks = append(blocks, b)
		i += end + 1
		before = ""
	}
	return blocks, nil
}

func parsePage(t *testing.T, page string) []block {
	t.Helper()
	blocks, err := parse(page, readPage(t, page))
	if err != nil {
		t.Fatal(err)
	}
	return blocks
}
