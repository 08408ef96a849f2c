package docs

import (
	"regexp"
	"strings"
	"sync"
)

// shown is what a command has written so far, on both of its outputs.
type shown struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (s *shown) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *shown) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

const anything = "…"

// asPattern is the pattern of what shows these lines, one below the other: … stands for anything within a line, and on a line of its own for any lines.
func asPattern(lines []string) *regexp.Regexp {
	var pattern strings.Builder
	pattern.WriteString(`(?m)^`)
	for i, line := range lines {
		line = strings.TrimRight(line, " ")
		if line == anything {
			pattern.WriteString(`(?:.*\n)*?`)
			continue
		}
		if came, ok := strings.CutPrefix(line, "< "); ok {
			if i > 0 {
				pattern.WriteString(`(?:.*\n)*?`) // answers of a socket may overtake each other
			}
			// So wscat shows what comes on a terminal; elsewhere it leaves that out, but not its own prompt.
			pattern.WriteString(`(?:[<>] )*`)
			line = came
		}
		pattern.WriteString(within(line) + `[ \r]*(?:\n|\z)`)
	}
	return regexp.MustCompile(pattern.String())
}

// within is the pattern of a part of a line.
func within(part string) string {
	return strings.ReplaceAll(regexp.QuoteMeta(part), anything, `.*?`)
}

var (
	placeholder = regexp.MustCompile(`[\w.~-]*` + anything)
	lastPlace   = regexp.MustCompile(`(?m)^id: (\S+)|"(?:receipt|cursor)":"([^"]+)"`)
)

// fill puts what was last shown for each …: what begins with the letters before it, or where there are none the last id, receipt or cursor. missing is one that nothing was shown for.
func fill(text, shown string) (filled, missing string) {
	filled = placeholder.ReplaceAllStringFunc(text, func(found string) string {
		prefix := strings.TrimSuffix(found, anything)
		pattern := lastPlace
		if prefix != "" {
			pattern = regexp.MustCompile(`(?:^|[^\w.~-])(` + regexp.QuoteMeta(prefix) + `[\w.~-]+)`)
		}
		last := ""
		for _, match := range pattern.FindAllStringSubmatch(shown, -1) {
			last = strings.Join(match[1:], "")
		}
		if last == "" {
			missing = found
			return found
		}
		return last
	})
	return filled, missing
}
