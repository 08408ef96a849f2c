package routes

import (
	"net/url"
	"strings"
	"testing"
)

func TestMatching(t *testing.T) {
	for _, c := range []struct {
		template, path string
		want           string // the variables as name=value; "no" where it is none of the template's
	}{
		{"/a/{k}", "/a/GOOG", "k=GOOG"},
		{"/a/{k}", "/a/BRK%2FB", "k=BRK/B"},
		{"/a/{k}", "/a/%7Bk%7D", "k={k}"},
		{"/a/{k}", "/a/%2e%2e", "k=.."},
		{"/a/{k}", "/a/", "no"},
		{"/a/{k}", "/a", "no"},
		{"/a/{k}", "/a/b/c", "no"},
		{"/a/{k}", "/a/b/", "no"},
		{"/a/{k}", "/A/b", "no"},
		{"/{x}/c/{y}", "/1/c/2", "x=1 y=2"},
		{"/{x}/c/{y}", "/1/d/2", "no"},
		{"/ö", "/%C3%B6", ""},
		{"/a/", "/a/", ""},
		{"/a/", "/a", "no"},
		{"/a:b", "/a:b", ""},
		{"/a", "*", "no"},
	} {
		tmpl, err := parsePath(c.template)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.ParseRequestURI(c.path)
		if err != nil {
			u = &url.URL{Path: c.path} // as net/http has the URL of OPTIONS *
		}
		got := "no"
		if segments, ok := segmentsOf(u); ok {
			if values, ok := tmpl.match(segments); ok {
				got = ""
				for _, p := range tmpl {
					if p.variable {
						got += " " + p.text + "=" + values[p.text]
					}
				}
				got = strings.TrimPrefix(got, " ")
			}
		}
		if got != c.want {
			t.Errorf("%s on %s: %s, want %s", c.template, c.path, got, c.want)
		}
	}
}

func TestRelations(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want relation
	}{
		{"/a", "/a", same},
		{"/a", "/b", apart},
		{"/a", "/a/b", apart},
		{"/a/{x}", "/a/{y}", same},
		{"/a/{x}", "/a/b", nested},
		{"/a/{x}", "/a/", apart},
		{"/{x}/{y}", "/a/{y}", nested},
		{"/a/{x}/c", "/a/b/{y}", crossing},
		{"/a/{x}/c", "/d/b/{y}", apart},
		{"/a/{x}/c", "/a/b/d", apart},
	} {
		a, errA := parsePath(c.a)
		b, errB := parsePath(c.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if got, back := a.relationTo(b), b.relationTo(a); got != c.want || back != c.want {
			t.Errorf("%s and %s: %d and %d, want %d", c.a, c.b, got, back, c.want)
		}
	}
}

// FuzzRelations: what two templates are to each other is what their matching says.
func FuzzRelations(f *testing.F) {
	f.Add("/a/{x}/c", "/a/b/{y}", "/a/b/c")
	f.Add("/{x}", "/a", "/a")
	f.Add("/a/{x}", "/a/", "/a/")
	f.Fuzz(func(t *testing.T, first, second, path string) {
		a, err := parsePath(first)
		if err != nil {
			return
		}
		b, err := parsePath(second)
		if err != nil {
			return
		}
		segments, ok := segmentsOf(&url.URL{Path: path})
		if !ok {
			return
		}
		_, inA := a.match(segments)
		_, inB := b.match(segments)
		switch a.relationTo(b) {
		case apart:
			if inA && inB {
				t.Fatalf("%s is a path of both %s and %s", path, first, second)
			}
		case same:
			if inA != inB {
				t.Fatalf("%s is a path of one of %s and %s", path, first, second)
			}
		case nested:
			if a.wide() < b.wide() && inA && !inB || a.wide() > b.wide() && inB && !inA || a.wide() == b.wide() {
				t.Fatalf("neither %s nor %s lies in the other, by %s", first, second, path)
			}
		case crossing:
			if _, both := a.match(meet(a, b)); !both {
				t.Fatalf("%s and %s have no path of both", first, second)
			}
		}
	})
}

// meet is a path of both, of templates that cross.
func meet(a, b pathTemplate) []string {
	segments := make([]string, len(a))
	for i := range a {
		switch {
		case !a[i].variable:
			segments[i] = a[i].text
		case !b[i].variable:
			segments[i] = b[i].text
		default:
			segments[i] = "x"
		}
	}
	return segments
}
