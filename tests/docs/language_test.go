package docs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// read judges a block that is no command: whether it is what its language says.
func (s *session) read(b block) error {
	s.Helper()
	switch b.language {
	case "text", "http": // for people
		return nil
	case "json":
		return readJSON(b.text())
	case "yaml":
		return s.tool("culvert.yaml", s.withSecrets(b.text()), "culvert", "config", "check", "--config")
	case "js":
		return s.tool("block.mjs", b.text(), "node", "--check")
	case "html":
		return s.readHTML(b)
	case "python":
		return s.tool("block.py", b.text(), "python3", "-c", "import ast, sys; ast.parse(open(sys.argv[1]).read())")
	case "go":
		return readGo(b.text())
	case "java":
		if b.file() == "" {
			return errors.New("its first line must name a file (// Page.java), and a command run that")
		}
		return nil
	}
	return fmt.Errorf("nobody knows how to judge a block of %q: CONTRIBUTING.md has the rule", b.language)
}

var secretFile = regexp.MustCompile(`/run/secrets/(\w+)`)

// withSecrets lets the files be there that a configuration reads secrets from.
func (s *session) withSecrets(text string) string {
	s.Helper()
	secret := filepath.Join(s.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("a secret"), 0o600); err != nil {
		s.Fatal(err)
	}
	return secretFile.ReplaceAllLiteralString(text, secret)
}

func readJSON(text string) error {
	values := json.NewDecoder(strings.NewReader(text))
	for {
		var value any
		switch err := values.Decode(&value); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func readGo(text string) error {
	files := token.NewFileSet()
	var first error
	for _, whole := range []string{text, "package p\n" + text, "package p\nfunc _() {\n" + text + "}\n"} {
		_, err := parser.ParseFile(files, "block.go", whole, parser.SkipObjectResolution)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

var script = regexp.MustCompile(`(?s)<script([^>]*)>(.*?)</script>`)

// readHTML lets Node read the scripts of a page.
func (s *session) readHTML(b block) error {
	s.Helper()
	for _, found := range script.FindAllStringSubmatch(b.text(), -1) {
		name := "block.js"
		if strings.Contains(found[1], "module") {
			name = "block.mjs"
		}
		if err := s.tool(name, found[2], "node", "--check"); err != nil {
			return err
		}
	}
	return nil
}

// tool runs a program on a file with that text.
func (s *session) tool(name, text, program string, args ...string) error {
	s.Helper()
	at := filepath.Join(s.TempDir(), name)
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		return err
	}
	if path := filepath.Join(s.tools, program); fileIsThere(path) {
		program = path
	}
	cmd := exec.CommandContext(s.Context(), program, slices.Concat(args, []string{at})...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "CULVERT_") })
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(said))
	}
	return nil
}

func fileIsThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
