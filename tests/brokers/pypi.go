package brokers

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pypiPackages names the packages for Python, with those that they need, and the digest of each.
//
//go:embed pypi.txt
var pypiPackages []byte

// Python is the command that runs a program of Python, a file that may import the packages which pypi.txt names. It is killed when its standard input
// ends, and takes nothing from it; the caller gives it a pipe. Where Python or its packages cannot be had the test ends: see the package comment.
func Python(ctx context.Context, t testing.TB, file string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := program(ctx, append([]string{PythonPath(ctx, t), file}, args...)...)
	cmd.Env = append(cmd.Environ(), "PYTHONIOENCODING=utf-8", "PYTHONDONTWRITEBYTECODE=1")
	return cmd
}

// PythonPath is the interpreter that has the packages which pypi.txt names. Where it cannot be had the test ends: see the package comment.
func PythonPath(ctx context.Context, t testing.TB) string {
	t.Helper()
	python, err := findPython(ctx)
	if err != nil {
		Without(t, "Python", err)
	}
	packages, err := pythonPackages(ctx, io.Discard, python)
	if err != nil {
		Without(t, "packages for Python", err)
	}
	return inVenv(packages)
}

// FetchPython installs Python with venv where it is missing and we may, and fetches the packages. The title says what tests have then; where something is missing the error is a MissingError.
func FetchPython(ctx context.Context, say io.Writer) (title string, err error) {
	python, err := findPython(ctx)
	if err != nil {
		if err := installPackages(ctx, say, []string{"python3-venv"}); err != nil {
			return "", err
		}
		if python, err = findPython(ctx); err != nil {
			return "", err
		}
	}
	if _, err := pythonPackages(ctx, say, python); err != nil {
		return "", err
	}
	return "Python " + python.version + " with the packages of tests/brokers/pypi.txt", nil
}

// interpreter is a Python that can make environments.
type interpreter struct {
	path    string
	version string
}

// findPython is one that is new enough and can make environments, or a MissingError: Debian has Python without ensurepip, which that takes.
func findPython(ctx context.Context) (interpreter, error) {
	const ask = `import ensurepip, platform, sys, venv
if sys.version_info < (3, 10):
    sys.exit(1)
print(sys.executable, platform.python_version())`
	// The first in the path may be another than the one that is fit.
	for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
		answer, err := exec.CommandContext(ctx, filepath.Join(folder, "python3"), "-c", ask).Output()
		if err != nil {
			continue
		}
		if executable, version, ok := strings.Cut(string(bytes.TrimSpace(answer)), " "); ok {
			return interpreter{path: executable, version: version}, nil
		}
	}
	return interpreter{}, &MissingError{
		What: "Python 3.10 or newer with venv",
		Mend: "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends python3-venv'   (or, on a Mac: brew install python)",
	}
}

// pythonPackages gives the environment that has the packages. It is fetched through pip once for each Python and kept in the user's cache.
func pythonPackages(ctx context.Context, say io.Writer, python interpreter) (string, error) {
	name := "pypi-" + digest(append([]byte(python.path+"\n"+python.version+"\n"), pypiPackages...))
	return cached(name, func(work string) (string, error) {
		fmt.Fprintln(say, "fetching packages for Python through pip")
		list := filepath.Join(work, "pypi.txt")
		if err := os.WriteFile(list, pypiPackages, 0o600); err != nil {
			return "", err
		}
		packages := filepath.Join(work, "packages")
		if err := runQuietly(ctx, python.path, "-m", "venv", packages); err != nil {
			return "", err
		}
		// An environment may be moved as long as only its interpreter is called by name.
		return packages, runQuietly(ctx, inVenv(packages), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
			"--only-binary", ":all:", "--require-hashes", "-r", list)
	})
}

// inVenv is the interpreter of an environment.
func inVenv(packages string) string { return filepath.Join(packages, "bin", "python") }
