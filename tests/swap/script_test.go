package swap

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// script is one chapter: prose, actions, what is expected, and branches, line by line as in its file.
type script struct {
	path  string
	steps []*step
}

// step is one thing that is done or expected, with its block.
type step struct {
	line   int
	kind   kind
	text   string   // the first line, without its sign
	block  []string // the lines below it, without their indent
	blank  int      // how many blank lines follow
	answer *step    // of until: what it waits for
	// judged says, in an update, that a broker has written it: the next one is measured by it.
	judged bool
}

type kind int

const (
	prose kind = iota
	action
	until
	expected
	keep
	topic
	with
	without
	end
)

const indent = "  "

// signs are how each kind of step begins.
var signs = []struct {
	kind kind
	sign string
}{{until, "→ until "}, {action, "→ "}, {expected, "← "}, {keep, "keep "}, {topic, "topic "}, {with, "with "}, {without, "without "}, {end, "end"}}

func parse(path, text string) (*script, error) {
	s := &script{path: path}
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if err := s.add(i+1, line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
	}
	return s, nil
}

// add takes the next line: a step, or more of the last one's block.
func (s *script) add(number int, line string) error {
	if line == "" {
		if len(s.steps) > 0 {
			s.steps[len(s.steps)-1].blank++
		}
		return nil
	}
	if more, indented := strings.CutPrefix(line, indent); indented {
		if len(s.steps) == 0 {
			return fmt.Errorf("there is nothing that this line belongs to")
		}
		last := s.steps[len(s.steps)-1]
		last.block = append(last.block, slices.Repeat([]string{""}, last.blank)...)
		last.block, last.blank = append(last.block, more), 0
		return nil
	}
	one := &step{line: number, text: line}
	for _, sign := range signs {
		if rest, ok := strings.CutPrefix(line+" ", sign.sign); ok {
			one.kind, one.text = sign.kind, strings.TrimSpace(rest)
			break
		}
	}
	if one.kind == prose && line[0] != '#' {
		return fmt.Errorf("%q is no step; a line for readers begins with #", line)
	}
	if one.kind == with || one.kind == without {
		name, colon := strings.CutSuffix(one.text, ":")
		if !colon {
			return fmt.Errorf("%q does not end with a colon", line)
		}
		one.text = name
	}
	if len(s.steps) > 0 && s.steps[len(s.steps)-1].kind == until {
		if one.kind != expected {
			return fmt.Errorf("%q stands where the answer is expected that the line above waits for", line)
		}
		s.steps[len(s.steps)-1].answer = one
	}
	s.steps = append(s.steps, one)
	return nil
}

// String is the text of the file.
func (s *script) String() string {
	var b strings.Builder
	for _, one := range s.steps {
		line := one.text
		for _, sign := range signs {
			if sign.kind == one.kind {
				line = strings.TrimSpace(sign.sign + line)
			}
		}
		if one.kind == with || one.kind == without {
			line += ":"
		}
		b.WriteString(line + "\n")
		for _, more := range one.block {
			if more != "" {
				more = indent + more
			}
			b.WriteString(more + "\n")
		}
		b.WriteString(strings.Repeat("\n", one.blank))
	}
	return b.String()
}

// name is what the chapter is called in reports.
func (s *script) name() string { return strings.TrimSuffix(filepath.Base(s.path), ".txt") }

// configuration is the file of testdata that a chapter of TestSwap is played with: its own where it has one, as 9-marks.yaml, else that of all.
func (s *script) configuration() string {
	if _, err := os.Stat(filepath.Join("testdata", s.name()+".yaml")); err == nil {
		return s.name() + ".yaml"
	}
	return "script.yaml"
}

var (
	referenceForm = regexp.MustCompile(`\{[a-z][a-z0-9.-]*(:[a-z0-9_]+)?\}`)
	repeatForm    = regexp.MustCompile(`\{(\d+)\*(.)\}`)
	nameForm      = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
)
