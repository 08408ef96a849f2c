package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	shownAs = regexp.MustCompile(`!\[([^]]*)\]\(([^()\s]+)\)`)
	element = regexp.MustCompile(`<(img|source)\s([^>]*)>`)
	stands  = regexp.MustCompile(`\b(alt|src|srcset)="([^"]*)"`)
)

// Whoever cannot see an image is told what it shows; each is there, in light and in dark, and none is kept that no page shows.
func TestImagesAreShownAndTold(t *testing.T) {
	shown := map[string]bool{}
	show := func(page, name string) {
		file := path.Join(path.Dir(page), name)
		shown[file] = true
		if info, err := os.Stat(filepath.Join(root, file)); err != nil {
			t.Errorf("%s shows %s, which is not there", page, name)
		} else if info.Size() > 200<<10 {
			t.Errorf("%s has %d KiB, and a clone has all that it ever had", file, info.Size()>>10)
		}
	}
	for _, page := range pages(t) {
		text := fenced.ReplaceAllString(readPage(t, page), "")
		for _, found := range shownAs.FindAllStringSubmatch(text, -1) {
			show(page, found[2])
			if found[1] == "" {
				t.Errorf("%s does not tell what %s shows", page, found[2])
			}
		}
		for _, found := range element.FindAllStringSubmatch(text, -1) {
			of := map[string]string{}
			for _, attribute := range stands.FindAllStringSubmatch(found[2], -1) {
				of[attribute[1]] = attribute[2]
			}
			show(page, of["src"]+of["srcset"])
			if found[1] == "img" && len(of["alt"]) < 20 {
				t.Errorf("%s does not tell what %s shows", page, of["src"])
			}
		}
	}
	kept, err := filepath.Glob(filepath.Join(root, "docs/img/*"))
	if err != nil || len(kept) == 0 {
		t.Fatalf("there are no images: %v", err)
	}
	for _, file := range kept {
		name := "docs/img/" + filepath.Base(file)
		if !shown[name] {
			t.Errorf("no page shows %s", name)
		}
		if light := strings.TrimSuffix(name, "-dark.png"); light != name && !shown[light+"-light.png"] {
			t.Errorf("%s has no light one beside it", name)
		}
	}
}
