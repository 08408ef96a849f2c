package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// module is the path that our own imports begin with.
const module = "culvert/"

// file is one Go file and what it imports.
type file struct {
	path    string // from the root, with slashes
	test    bool
	imports []string
}

// dir is the file's package, from the root.
func (f file) dir() string { return path.Dir(f.path) }

// readTree reads the imports of every Go file below root. As the go command does, it passes over testdata and what begins with a dot or an underscore.
func readTree(root string) ([]file, error) {
	var files []file
	err := filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if at != root && (name == "testdata" || name[0] == '.' || name[0] == '_') {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if entry.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), at, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		f := file{path: filepath.ToSlash(below), test: strings.HasSuffix(name, "_test.go")}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imported)
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

// ours gives the folder of an import of our own module.
func ours(imported string) (dir string, ok bool) { return strings.CutPrefix(imported, module) }

// standard reports whether an import is of the standard library, whose paths begin without a host.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// within reports whether dir is parent or below it.
func within(dir, parent string) bool {
	return dir == parent || strings.HasPrefix(dir, parent+"/")
}
