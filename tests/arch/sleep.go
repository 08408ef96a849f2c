package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
)

// sleepers gives the tests that wait for time instead of what they wait for. In a package whose tests use testing/synctest time is the bubble's
// own, and passing it costs nothing.
func sleepers(root string, files []file) (wrong []string, err error) {
	bubbles := make(map[string]bool)
	for _, f := range files {
		if f.test && slices.Contains(f.imports, "testing/synctest") {
			bubbles[f.dir()] = true
		}
	}
	for _, f := range files {
		if !f.test || bubbles[f.dir()] || !slices.Contains(f.imports, "time") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, filepath.FromSlash(f.path)), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		if sleeps(parsed) {
			wrong = append(wrong, fmt.Sprintf("%s sleeps: wait for the thing itself, or let testing/synctest pass the time", f.path))
		}
	}
	return wrong, nil
}

func sleeps(parsed *ast.File) (found bool) {
	ast.Inspect(parsed, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			x, ok := s.X.(*ast.Ident)
			found = found || ok && x.Name == "time" && s.Sel.Name == "Sleep"
		}
		return !found
	})
	return found
}
