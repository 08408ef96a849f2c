package routes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// piece is a part of a template: text as it is, or the name of a variable.
type piece struct {
	text     string
	variable bool
}

// template is text with variables, as "prices.{symbol}".
type template []piece

// parseTemplate takes text apart. What is in braces must be a name.
func parseTemplate(text string) (template, error) {
	var t template
	for rest := text; rest != ""; {
		plain, after, opened := strings.Cut(rest, "{")
		if strings.Contains(plain, "}") {
			return nil, fmt.Errorf("%q has a } without a {", text)
		}
		if plain != "" {
			t = append(t, piece{text: plain})
		}
		if !opened {
			break
		}
		name, after, closed := strings.Cut(after, "}")
		if !closed {
			return nil, fmt.Errorf("%q has a { without a }", text)
		}
		if !isName(name) {
			return nil, fmt.Errorf("%q has {%s}: a variable is named with letters, digits and _", text, name)
		}
		t = append(t, piece{name, true})
		rest = after
	}
	return t, nil
}

func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
	})
}

// variables are the names of t's variables.
func (t template) variables() (names []string) {
	for _, p := range t {
		if p.variable {
			names = append(names, p.text)
		}
	}
	return names
}

// fill is the text with the variables' values.
func (t template) fill(values map[string]string) string {
	var b strings.Builder
	for _, p := range t {
		if p.variable {
			b.WriteString(values[p.text])
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// example is what t can give.
func (t template) example() string {
	values := make(map[string]string)
	for _, name := range t.variables() {
		values[name] = "x"
	}
	return t.fill(values)
}

// pathTemplate is a path, segment for segment: each is text, or a variable.
type pathTemplate []piece

// parsePath reads a route's path.
func parsePath(path string) (pathTemplate, error) {
	switch {
	case !strings.HasPrefix(path, "/"):
		return nil, fmt.Errorf("is %q: it begins with a slash, as /stock-prices/{key}", path)
	case strings.ContainsAny(path, "?#"):
		return nil, fmt.Errorf("is %q: it ends before the query; parameters renames what stands there", path)
	case strings.Contains(path, "%"):
		return nil, fmt.Errorf("is %q: write its characters as they are, without %%", path)
	case strings.Contains(path, "*"):
		return nil, fmt.Errorf("is %q: there is no *; {name} stands for one segment", path)
	}
	var t pathTemplate
	for segment := range strings.SplitSeq(path[1:], "/") {
		parts, err := parseTemplate(segment)
		switch {
		case err != nil:
			return nil, fmt.Errorf("is wrong: %w", err)
		case segment == "." || segment == "..":
			return nil, fmt.Errorf("is %q: clients take %q out of what they ask for", path, segment)
		case len(parts) > 1:
			return nil, fmt.Errorf("is %q: a variable stands for a whole segment, which %q is not", path, segment)
		case segment == "":
			t = append(t, piece{})
			continue
		}
		for _, before := range t {
			if before.variable && before == parts[0] {
				return nil, fmt.Errorf("is %q: {%s} is there twice", path, before.text)
			}
		}
		t = append(t, parts[0])
	}
	return t, nil
}

// match gives the variables' values where the segments are those of a path that t stands for. They are as they stand between the slashes, unescaped.
func (t pathTemplate) match(segments []string) (values map[string]string, ok bool) {
	if len(segments) != len(t) {
		return nil, false
	}
	for i, p := range t {
		if p.variable && segments[i] == "" || !p.variable && segments[i] != p.text {
			return nil, false
		}
	}
	values = make(map[string]string, len(t))
	for i, p := range t {
		if p.variable {
			values[p.text] = segments[i]
		}
	}
	return values, true
}

// wide is how many segments of t can be anything.
func (t pathTemplate) wide() (n int) {
	for _, p := range t {
		if p.variable {
			n++
		}
	}
	return n
}

// relation is how the paths that two templates stand for lie to each other.
type relation int

const (
	apart    relation = iota // there is no path of both
	nested                   // those of one are among those of the other, which is then the one with more variables
	same                     // they are the same
	crossing                 // there is a path of both, and for each one that is not the other's
)

func (t pathTemplate) relationTo(u pathTemplate) relation {
	if len(t) != len(u) {
		return apart
	}
	narrower, wider := false, false
	for i := range t {
		switch {
		case t[i].variable && u[i].variable:
		case t[i].variable && u[i].text == "", u[i].variable && t[i].text == "": // a variable is not empty
			return apart
		case t[i].variable:
			wider = true
		case u[i].variable:
			narrower = true
		case t[i].text != u[i].text:
			return apart
		}
	}
	switch {
	case narrower && wider:
		return crossing
	case narrower || wider:
		return nested
	}
	return same
}

// narrowestFirst sorts routes so that the first whose path matches is the one that says most of it.
func narrowestFirst(all []*compiled) {
	slices.SortStableFunc(all, func(a, b *compiled) int { return cmp.Compare(a.path.wide(), b.path.wide()) })
}
