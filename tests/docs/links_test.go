package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	fenced  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
)

// Pages that were split and joined left links behind that led nowhere.
func TestLinksLeadSomewhere(t *testing.T) {
	looked := 0
	for _, page := range append(pages(t), "CHANGELOG.md", "adapters/edge/browser/README.md") {
		text := fenced.ReplaceAllString(readPage(t, page), "")
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			looked++
			file := page
			if target != "" {
				file = path.Join(path.Dir(page), target)
			}
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s leads to %s, which is not there", page, found[1])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(readPage(t, file)), anchor) {
				t.Errorf("%s leads to %s, and there is no such heading", page, found[1])
			}
		}
	}
	if looked < 50 {
		t.Errorf("looked at %d links only", looked)
	}
}

// anchors are the names by which Git hosts reach the headings of a page.
func anchors(text string) (names []string) {
	for _, found := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		names = append(names, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r):
				return unicode.ToLower(r)
			}
			return -1
		}, found[1]))
	}
	return names
}

var series = regexp.MustCompile("`culvert_([a-z_]+)")

// What operators are told to watch is what the bridge has.
func TestMetricsAreThoseOfTheBridge(t *testing.T) {
	var source strings.Builder
	for _, pattern := range []string{"app/*.go", "adapters/metrics/*.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
	}
	looked := 0
	for _, page := range pages(t) {
		for _, found := range series.FindAllStringSubmatch(readPage(t, page), -1) {
			looked++
			if name := found[1]; !strings.Contains(source.String(), `"`+name+`"`) && !strings.Contains(source.String(), `"culvert_`+name+`"`) {
				t.Errorf("%s tells of culvert_%s, which no bridge has", page, name)
			}
		}
	}
	if looked < 10 {
		t.Errorf("looked at %d series only", looked)
	}
}
