package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	fenced  = regexp.MustCompile("(?ms)^[ ]*```.*?^[ ]*```$")
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	marks   = regexp.MustCompile("[`*]")
	noSlug  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// slug is the anchor that Git hosts give a heading.
func slug(heading string) string {
	plain := marks.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
	return strings.ReplaceAll(noSlug.ReplaceAllString(plain, ""), " ", "-")
}

// A page that was renamed, and a heading that was reworded, leave links behind that lead nowhere.
func TestLinksLeadSomewhere(t *testing.T) {
	anchors := func(page string) map[string]bool {
		found := map[string]bool{}
		for _, h := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(readPage(t, page), ""), -1) {
			found[slug(h[1])] = true
		}
		return found
	}
	n := 0
	for _, page := range pages(t) {
		for _, l := range link.FindAllStringSubmatch(fenced.ReplaceAllString(readPage(t, page), ""), -1) {
			if strings.Contains(l[1], "://") {
				continue // is somebody else's
			}
			n++
			path, anchor, _ := strings.Cut(l[1], "#")
			to := page
			if path != "" {
				to = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, l[1])
			} else if anchor != "" && !anchors(to)[anchor] {
				t.Errorf("%s links to %s, and there is no such heading", page, l[1])
			}
		}
	}
	if n == 0 {
		t.Error("no page links to another one: a test that reads nothing judges nothing")
	}
}
